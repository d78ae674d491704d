"""Why a serial device cannot be had, and what to do next, in one sentence for people."""

from __future__ import annotations

import errno
import grp
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from gateway.records import Record
from gateway.services.descriptor_line import (
    LineForbidden,
    LineMissing,
    LineOfKernel,
    LineUnavailable,
)

_GETTY_NAMES = frozenset({"agetty", "getty", "login"})

# Names of the kernel's consoles (Documentation/ABI/testing/sysfs-tty of the kernel).
_CONSOLES = Path("/sys/class/tty/console/active")
# The same text as /proc/device-tree/model, where a service sees it that is shown no /proc.
_MODEL = Path("/sys/firmware/devicetree/base/model")
# A folder for each login prompt that systemd runs, by its unit. Everybody sees it, also a
# service that is shown no processes but its own (ProtectProc=).
_LOGIN_PROMPTS = Path("/sys/fs/cgroup/system.slice/system-serial\\x2dgetty.slice")
_SET_UP = "run: sudo esp-at-gateway setup-uart"


class Holder(Record):
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
        if _was_a_login_prompts(device):
            return LineForbidden(
                f"permission denied for {device}: a login prompt has had it; "
                f"{_end_of_login_prompt(device)}, then: "
                f"sudo udevadm trigger --action=add --name-match={shlex.quote(device)}"
            )
        return LineForbidden(
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
        is_getty = holder.name in _GETTY_NAMES
        advice = _end_of_login_prompt(device) if is_getty else "end that, or name another device"
        raise LineUnavailable(f"{device} is held by {holder}: {advice}")
    getty = _LOGIN_PROMPTS / f"serial-getty@{name}.service"
    if getty.exists():
        raise LineUnavailable(
            f"{device} is held by a login prompt ({getty.name}): {_end_of_login_prompt(device)}"
        )


def kernel_consoles() -> list[str]:
    """Names of the terminals that the kernel writes its messages to, as `ttyAMA0`."""
    try:
        return _CONSOLES.read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return []


def _end_of_login_prompt(device: str) -> str:
    if _on_a_pi():
        return _SET_UP
    name = os.path.basename(os.path.realpath(device))
    return f"run: sudo systemctl disable --now serial-getty@{name}"


def _was_a_login_prompts(device: str) -> bool:
    """Whether the device is the group `tty`'s: agetty gives it to that and leaves it so."""
    if os.path.realpath(device).startswith("/dev/pts/"):
        return False  # always that group's
    try:
        return grp.getgrgid(os.stat(device).st_gid).gr_name == "tty"
    except (OSError, KeyError):
        return False


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
