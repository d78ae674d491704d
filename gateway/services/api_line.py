"""The serial line, as the session and the commands see it."""

from __future__ import annotations

from typing import Protocol

from gateway.records import Record
from gateway.services.api import ServiceError
from gateway.services.api_ranges import OutOfRange

# The least and the most of each, and for `FLOW` all there are.
BAUD = (110, 4_000_000)
DATA_BITS = (5, 8)
STOP_BITS = (1, 3)
PARITY = (0, 2)
FLOW = (0, 2, 3)


class LineLost(ServiceError):
    """The serial device is gone, as an adapter that was unplugged."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(f"the serial line is lost: {cause}")


class UartSettings(Record):
    """A serial line's settings in the numbers of `AT+UART` (contract, section 2).

    `stop_bits` is 1 (1 bit), 2 (1.5) or 3 (2); `parity` 0 none, 1 odd, 2 even; `flow` 0
    none, 2 or 3 RTS/CTS. Raises OutOfRange for what these numbers cannot be.
    """

    baud: int = 115200
    data_bits: int = 8
    stop_bits: int = 1
    parity: int = 0
    flow: int = 0

    def __post_init__(self) -> None:
        for name, value, (low, high) in (
            ("baud", self.baud, BAUD),
            ("data_bits", self.data_bits, DATA_BITS),
            ("stop_bits", self.stop_bits, STOP_BITS),
            ("parity", self.parity, PARITY),
        ):
            if not low <= value <= high:
                raise OutOfRange(name, value, f"{low} to {high}")
        if self.flow not in FLOW:
            raise OutOfRange("flow", self.flow, ", ".join(map(str, FLOW)))

    def __str__(self) -> str:
        """As engineers write it: `115200 8N1`, with `RTS/CTS` where that is on."""
        stop_bits = {1: "1", 2: "1.5", 3: "2"}[self.stop_bits]
        flow = " RTS/CTS" if self.flow else ""
        return f"{self.baud} {self.data_bits}{'NOE'[self.parity]}{stop_bits}{flow}"


class LineRefused(Exception):
    """The device does not take these settings; the old ones are in force again."""


class LineReceiver(Protocol):
    """Who reads a serial line. Called on the event loop."""

    def data_received(self, data: bytes) -> None:
        """Bytes came, at least one."""

    def opened(self) -> None:
        """Somebody opened the other end of a pseudo-terminal that nobody had open."""

    def drained(self) -> None:
        """Everything written has been taken by the driver."""

    def lost(self, cause: Exception) -> None:
        """The device is gone; nothing can be read or written any more."""


class Line(Protocol):
    """A serial line: a real UART or a pseudo-terminal."""

    @property
    def settings(self) -> UartSettings:
        """The settings in force."""

    @property
    def buffered(self) -> int:
        """Bytes written that the driver has not yet taken."""

    def start(self, receiver: LineReceiver) -> None:
        """Give what comes to `receiver`, instead of whoever got it before."""

    def write(self, data: bytes) -> None:
        """Write all of `data`, in order, sooner or later. Never blocks, never raises."""

    def drop_output(self) -> None:
        """Throw away what was written and has not left yet."""

    def pause_reading(self) -> None:
        """Read no more, so that the driver's own flow control holds the other end back."""

    def resume_reading(self) -> None:
        """Read again."""

    def seconds(self, count: int) -> float:
        """How long `count` bytes are on the wire; 0 for a pseudo-terminal."""

    async def probe(self, settings: UartSettings) -> None:
        """Find out whether the device takes `settings`; LineRefused if not. Changes nothing."""

    async def change(self, settings: UartSettings) -> None:
        """Wait until all that was written has left, then change. Raises LineRefused."""

    async def close(self) -> None:
        """Close the device; no descriptor is left."""
