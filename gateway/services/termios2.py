"""A tty's settings as the driver holds them, any speed included (TCGETS2 and TCSETS2).

The `termios` module knows the standard speeds only, and `tcsetattr` is content when the
driver took a part of what was asked: so what is in force is read back here and compared.
"""

from __future__ import annotations

import fcntl
import struct
import termios
from dataclasses import replace

from gateway.records import Record
from gateway.services.api_line import UartSettings

# asm-generic/ioctls.h; the same on arm, arm64, x86 and RISC-V.
_TCGETS2 = 0x802C542A
_TCSETS2 = 0x402C542B
_TIOCSERGETLSR = 0x5459
_TIOCSER_TEMT = 0x01

_LAYOUT = struct.Struct("4I B 19s 2I")

_DATA_BITS = {5: termios.CS5, 6: termios.CS6, 7: termios.CS7, 8: termios.CS8}
_PARITY = {0: 0, 1: termios.PARENB | termios.PARODD, 2: termios.PARENB}


class Termios2(Record):
    """The kernel's `struct termios2`; speeds in bit/s."""

    input_flags: int
    output_flags: int
    control_flags: int
    local_flags: int
    discipline: int
    control_characters: bytes
    input_speed: int
    output_speed: int


def read(descriptor: int) -> Termios2:
    """What is in force. Raises OSError."""
    answer = fcntl.ioctl(descriptor, _TCGETS2, bytes(_LAYOUT.size))
    return Termios2(*_LAYOUT.unpack(answer))


def write(descriptor: int, wanted: Termios2) -> None:
    """Put `wanted` in force at once. Raises OSError; the driver may take only a part of it."""
    packed = _LAYOUT.pack(
        wanted.input_flags,
        wanted.output_flags,
        wanted.control_flags,
        wanted.local_flags,
        wanted.discipline,
        wanted.control_characters,
        wanted.input_speed,
        wanted.output_speed,
    )
    fcntl.ioctl(descriptor, _TCSETS2, packed)


def ignore_breaks(descriptor: int) -> None:
    """Let a break be nothing at all, and a byte with an error in it pass as it came.

    A microcontroller that starts or is reset pulls the line low for a while. As a NUL byte
    (or with BRKINT as a flush of both queues) that would spoil its first command. Raises
    OSError.
    """
    now = read(descriptor)
    flags = now.input_flags & ~(termios.BRKINT | termios.PARMRK | termios.INPCK)
    write(descriptor, replace(now, input_flags=flags | termios.IGNBRK))


def difference(taken: Termios2, settings: UartSettings) -> str | None:
    """What of `settings` the driver did not take, in a few words; None if it took all.

    A speed within 2 % is taken: so near the kernel itself calls it the same
    (tty_termios_encode_baud_rate), and drivers report what their divisor really makes of it.
    1.5 stop bits are POSIX's two.
    """
    speeds = (taken.output_speed, taken.input_speed)
    if any(abs(speed - settings.baud) > settings.baud / 50 for speed in speeds):
        return f"it runs at {taken.output_speed} instead of {settings.baud} baud"
    flags = taken.control_flags
    expected = (
        (termios.CSIZE, _DATA_BITS[settings.data_bits], f"{settings.data_bits} data bits"),
        (
            termios.CSTOPB,
            termios.CSTOPB if settings.stop_bits > 1 else 0,
            f"stop bits {settings.stop_bits}",
        ),
        (termios.PARENB | termios.PARODD, _PARITY[settings.parity], f"parity {settings.parity}"),
        (
            termios.CRTSCTS,
            termios.CRTSCTS if settings.flow else 0,
            f"flow control {settings.flow}",
        ),
    )
    for mask, value, name in expected:
        if flags & mask != value:
            return f"it does not take {name}"
    return None


def unsent(descriptor: int) -> int:
    """How many bytes the driver still has to send, not counting the chip's own FIFO.

    Raises OSError.
    """
    answer = fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(answer, "little", signed=True)


def transmitter_empty(descriptor: int) -> bool | None:
    """Whether the chip has sent its last bit; None where the driver cannot tell."""
    try:
        answer = fcntl.ioctl(descriptor, _TIOCSERGETLSR, bytes(4))
    except OSError:
        return None
    return bool(int.from_bytes(answer, "little") & _TIOCSER_TEMT)
