"""Why a serial device cannot be had, and what to do next, in one sentence for people."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.services.descriptor_line import LineUnavailable

_GETTY_NAMES = frozenset({"agetty", "getty", "login"})


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
        reason = (
            "does not exist: switch the UART on (enable_uart=1 in /boot/firmware/config.txt, "
            "then reboot), plug the adapter in, or name another device"
        )
    elif number in (errno.EACCES, errno.EPERM):
        return LineUnavailable(
            f"permission denied for {device}: add the user to group dialout "
            "(sudo usermod -aG dialout USER) and start anew"
        )
    elif number in (errno.EBUSY, errno.EAGAIN):
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

    Opening would succeed, and the two would take each other's bytes away. Raises OSError
    where there is no such device.
    """
    for holder in terminal_users(os.stat(device).st_rdev):
        if holder.name in _GETTY_NAMES:
            name = os.path.basename(os.path.realpath(device))
            advice = f"run: sudo systemctl disable --now serial-getty@{name}"
        else:
            advice = "end that, or name another device"
        raise LineUnavailable(f"{device} is held by {holder}: {advice}")


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
