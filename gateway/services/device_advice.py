"""Why a serial device cannot be had, and what to do next, in one sentence for people."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.services.descriptor_line import LineMissing, LineOfKernel, LineUnavailable

_GETTY_NAMES = frozenset({"agetty", "getty", "login"})

# Names of the kernel's consoles (Documentation/ABI/testing/sysfs-tty of the kernel).
_CONSOLES = Path("/sys/class/tty/console/active")
# The same text as /proc/device-tree/model, where a service sees it that is shown no /proc.
_MODEL = Path("/sys/firmware/devicetree/base/model")
_SET_UP = "run: sudo esp-at-gateway setup-uart"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that uses the device."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


def unavailable(device: str, error: Exception) -> LineUnavailable:
    """The exception to raise where opening `device` failed with `error`."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOENT, errno.ENOTDIR):
        switch_on = f"{_SET_UP}; or " if _on_a_pi() else ""
        return LineMissing(
            f"{device} does not exist: {switch_on}plug the adapter in, or name another device "
            "([uart] device in gateway.toml, or --uart)"
        )
    if number in (errno.EACCES, errno.EPERM):
        return LineUnavailable(
            f"permission denied for {device}: add the user to group dialout "
            "(sudo usermod -aG dialout USER) and start anew"
        )
    if number in (errno.EBUSY, errno.EAGAIN):
        holder = next(openers(device), None)
        name = str(holder) if holder else "another program (sudo fuser -v names it)"
        reason = f"is held by {name}: end that, or name another device"
    elif number in (errno.ENXIO, errno.ENODEV, errno.EIO):
        reason = "has no hardware behind it: name another device"
    elif number is not None:
        reason = f"cannot be opened: {os.strerror(number)}"
    else:
        reason = f"is no working serial line: {error}"
    return LineUnavailable(f"{device} {reason}")


def refuse_console(device: str) -> None:
    """Raise LineUnavailable where a login console or a shell has `device` as its terminal.

    Opening would succeed, and the two would take each other's bytes away. LineOfKernel where
    the kernel writes its messages there. Raises OSError where there is no such device.
    """
    number, name = os.stat(device).st_rdev, os.path.basename(os.path.realpath(device))
    if name in kernel_consoles():
        mend = _SET_UP if _on_a_pi() else f"take console={name} off the kernel's command line"
        raise LineOfKernel(f"{device} is the kernel's console: {mend}, then reboot")
    for holder in terminal_users(number):
        if holder.name not in _GETTY_NAMES:
            advice = "end that, or name another device"
        elif _on_a_pi():
            advice = _SET_UP
        else:
            advice = f"run: sudo systemctl disable --now serial-getty@{name}"
        raise LineUnavailable(f"{device} is held by {holder}: {advice}")


def kernel_consoles() -> list[str]:
    """Names of the terminals that the kernel writes its messages to, as `ttyAMA0`."""
    try:
        return _CONSOLES.read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return []


def _on_a_pi() -> bool:
    try:
        return _MODEL.read_bytes().startswith(b"Raspberry Pi")
    except OSError:
        return False


def _processes() -> Iterator[int]:
    own = os.getpid()
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != own:
            yield int(name)


def terminal_users(number: int) -> Iterator[Holder]:
    """Processes whose controlling terminal is device `number`; everybody may read that."""
    # proc_pid_stat(5), field 7: the minor's low byte, 12 bits of major, the minor's rest.
    major, minor = os.major(number), os.minor(number)
    terminal = (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)
    for pid in _processes():
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                before, _, after = file.read().rpartition(")")
            if int(after.split()[4]) == terminal:
                yield Holder(pid, before.partition("(")[2])
        except (OSError, ValueError, IndexError):
            continue  # it has ended meanwhile


def openers(device: str) -> Iterator[Holder]:
    """Processes that have `device` open, of those whose descriptors we may see."""
    path = os.path.realpath(device)
    for pid in _processes():
        folder = f"/proc/{pid}/fd"
        try:
            descriptors = os.listdir(folder)
            if any(os.readlink(f"{folder}/{name}") == path for name in descriptors):
                with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                    yield Holder(pid, file.read().strip())
        except OSError:
            continue
