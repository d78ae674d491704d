"""Bytes and a clock in, events out: what the microcontroller says, whichever way it is cut.

Theory of operation. `receive` only stores bytes; `next_event` takes one event out of them
with the reader that is bound at that moment. There is a reader for each mode of the
conversation (command lines, payload of n bytes, certificate text, pass-through packets), and
the mode *is* the bound reader. The caller pulls one event, acts on it (which may bind another
reader), and pulls again: so bytes that were already here are read in the new mode.

Time is handed in as seconds of any monotonic clock. `deadline` tells when silence itself will
be an event. Nothing in here does I/O, and no sequence of bytes makes it raise.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from gateway.at.events import (
    Escape,
    Event,
    Line,
    LineTooLong,
    Packet,
    Payload,
    PayloadTimeout,
    Pem,
    PemRefused,
    Typed,
)

LINE_LIMIT = 256
"""Bytes of a command line before its CR LF (contract, section 1)."""
PEM_LIMIT = 4096
"""Characters of a certificate's text, each line end counted as one (contract, section 7)."""
PACKET_LIMIT = 2048
PACKET_SILENCE = 0.020
ESCAPE_SILENCE = 1.0
PAYLOAD_SILENCE = 10.0
PEM_SILENCE = 20.0
SWALLOW_SILENCE = 1.0

_PEM_END = b"-----END CERTIFICATE-----"
_PEM_BYTES = bytes(range(0x20, 0x7F)) + b"\r\n\t"


class HostStream:
    """The incoming half of the conversation. `echo` says whether Typed events are wanted."""

    def __init__(self) -> None:
        self.echo = True
        self._buffer = bytearray()
        self._heard = 0.0
        self.next_event: Callable[[float], Event | None] = self._read_line
        """Takes the time; gives the next event, or None until more bytes or time have come."""
        self._silence: float | None = None
        self._typed = 0
        self._searched = 0
        self._too_long = False
        self._skip_line_end = False
        self._length = 0
        self._packets: deque[Event] = deque()
        self._continued = False
        self._deaf_until: float | None = None

    def receive(self, data: bytes, now: float) -> None:
        """Store `data`, which arrived at `now`. Call `next_event` until it gives None."""
        if self._deaf_until is not None:
            if now < self._deaf_until:
                return
            self._deaf_until = None
        if self._silence is not None:
            self._heed_silence(now)
        self._buffer += data
        self._heard = now

    @property
    def waiting(self) -> int:
        """How many bytes are here that are in no event yet."""
        return len(self._buffer)

    def deadline(self) -> float | None:
        """When `next_event` should be asked again though no byte came; None: never."""
        if self._silence is None or (self._silence == PACKET_SILENCE and not self._buffer):
            return None
        return self._heard + self._silence

    def expect_line(self) -> None:
        """Read command lines from the next byte on."""
        self._bind(self._read_line, None)

    def start_over(self) -> None:
        """Drop what has come and read command lines: somebody else speaks now."""
        self._buffer.clear()
        self._forget_line(0)
        self._too_long = self._skip_line_end = False
        self.expect_line()

    def expect_payload(self, length: int, now: float) -> None:
        """Read `length` bytes as they are, then command lines again."""
        self._length = length
        self._heard = now
        self._bind(self._read_payload, PAYLOAD_SILENCE)

    def expect_pem(self, now: float) -> None:
        """Read the text of one certificate, then command lines again."""
        self._heard = now
        self._bind(self._read_pem, PEM_SILENCE)

    def expect_packets(self, now: float) -> None:
        """Pass everything through until an Escape."""
        self._heard = now
        self._continued = False
        self._bind(self._read_packet, PACKET_SILENCE)

    def _bind(self, reader: Callable[[float], Event | None], silence: float | None) -> None:
        """Read with `reader` from here on; `silence` in seconds means something to it."""
        self.next_event = reader
        self._silence = silence

    def _heed_silence(self, now: float) -> None:
        """Bytes came: if the silence before them was long enough, it counts first."""
        if self.next_event == self._swallow_pem and now >= self._heard + SWALLOW_SILENCE:
            self._end_of_swallowing()
        elif self.next_event == self._read_packet and now >= self._heard + PACKET_SILENCE:
            self._cut_packet()

    # command lines

    def _read_line(self, now: float) -> Event | None:
        buffer = self._buffer
        if not buffer:
            return None
        if self._skip_line_end and not self._line_end_skipped():
            return None
        end = buffer.find(b"\n", self._searched)
        if self.echo:
            ready = end + 1 if end >= 0 else len(buffer)
            if self._typed < ready:
                fresh = bytes(memoryview(buffer)[self._typed : ready])
                self._typed = ready
                return Typed(fresh)
        if end < 0:
            self._searched = len(buffer)
            if len(buffer) > LINE_LIMIT + 1:
                self._too_long = True
                self._forget_line(len(buffer))
            return None
        if self._too_long or end > LINE_LIMIT + 1:
            self._too_long = False
            self._forget_line(end + 1)
            return LineTooLong()
        text = bytes(buffer[:end])
        self._forget_line(end + 1)
        return Line(text)

    def _forget_line(self, length: int) -> None:
        del self._buffer[:length]
        self._typed = 0
        self._searched = 0

    def _line_end_skipped(self) -> bool:
        """Drop the one line end that may stand right behind a certificate."""
        buffer = self._buffer
        if not buffer or bytes(buffer) in (b"\r", b"\\"):
            return False
        if buffer.startswith((b"\r\n", b"\\n")):
            del buffer[:2]
        elif buffer.startswith(b"\n"):
            del buffer[:1]
        self._skip_line_end = False
        return True

    # payload

    def _read_payload(self, now: float) -> Event | None:
        length = self._length
        buffer = self._buffer
        if len(buffer) >= length:
            if len(buffer) == length:
                data = bytes(buffer)
                buffer.clear()
            else:
                data = bytes(memoryview(buffer)[:length])
                del buffer[:length]
            self.expect_line()
            return Payload(data)
        if now >= self._heard + PAYLOAD_SILENCE:
            buffer.clear()
            self.expect_line()
            return PayloadTimeout()
        return None

    # certificate text

    def _read_pem(self, now: float) -> Event | None:
        end = self._buffer.find(_PEM_END)
        length = end + len(_PEM_END) if end >= 0 else len(self._buffer)
        raw = bytes(memoryview(self._buffer)[:length])
        foreign = raw.translate(None, _PEM_BYTES)
        proper = raw[: raw.index(foreign[:1])] if foreign else raw
        if len(proper) - proper.count(b"\r\n") - proper.count(b"\\n") > PEM_LIMIT:
            return self._refuse_pem(f"the text is over {PEM_LIMIT} characters")
        if foreign:
            return self._refuse_pem("the text holds a byte that no PEM text has")
        if end >= 0:
            del self._buffer[:length]
            self.expect_line()
            self._skip_line_end = True
            return Pem(raw.replace(b"\\n", b"\n").replace(b"\r\n", b"\n"), length)
        if now >= self._heard + PEM_SILENCE:
            self._buffer.clear()
            self.expect_line()
            return PemRefused(f"no byte of the certificate for {PEM_SILENCE:.0f} s")
        return None

    def _refuse_pem(self, cause: str) -> Event:
        self._bind(self._swallow_pem, SWALLOW_SILENCE)
        return PemRefused(cause)

    def _swallow_pem(self, now: float) -> Event | None:
        buffer = self._buffer
        end = buffer.find(_PEM_END)
        if end >= 0:
            del buffer[: end + len(_PEM_END)]
            self.expect_line()
            self._skip_line_end = True
            return self._read_line(now)
        if now >= self._heard + SWALLOW_SILENCE:
            self._end_of_swallowing()
        else:
            del buffer[: -len(_PEM_END)]
        return None

    def _end_of_swallowing(self) -> None:
        self._buffer.clear()
        self.expect_line()

    # pass-through

    def _read_packet(self, now: float) -> Event | None:
        if not self._packets:
            if len(self._buffer) >= PACKET_LIMIT:
                self._continued = True
                return self._take_packet(PACKET_LIMIT)
            if now >= self._heard + PACKET_SILENCE:
                self._cut_packet()
        if not self._packets:
            return None
        event = self._packets.popleft()
        if isinstance(event, Escape):
            self._deaf_until = now + ESCAPE_SILENCE
            self._buffer.clear()
            self.expect_line()
        return event

    def _cut_packet(self) -> None:
        """Silence: what is buffered is a packet, or, if it is `+++` and no more, the escape."""
        if self._buffer == b"+++" and not self._continued:
            self._buffer.clear()
            self._packets.append(Escape())
        while self._buffer:
            self._packets.append(self._take_packet(PACKET_LIMIT))
        self._continued = False

    def _take_packet(self, limit: int) -> Packet:
        data = bytes(memoryview(self._buffer)[:limit])
        del self._buffer[:limit]
        return Packet(data)
