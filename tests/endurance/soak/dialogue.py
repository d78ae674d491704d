"""What comes over the line, cut into messages; pure, no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.endurance.soak.streams import Wrong

_DATA = re.compile(rb"\+IPD,(?:([0-4]),)?(\d+)(?:,[\d.]+,\d+)?:")
_WAITING = re.compile(rb"\+IPD,(?:([0-4]),)?(\d+)\r\n")
_READ = re.compile(rb"\+CIPRECVDATA,(\d+):")
_LONGEST_HEAD = 64
_LONGEST_LINE = 2048


@dataclass(frozen=True, slots=True)
class Text:
    """A line that is not blank, without its end."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Data:
    """A link's data, of +IPD; `slot` is 0 without multiplexing."""

    slot: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """So many bytes of a link wait, in passive mode."""

    slot: int
    total: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The data of AT+CIPRECVDATA."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Prompt:
    """The gateway wants payload, a certificate, or passes everything through from here on."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes without framing, while everything is passed through."""

    data: bytes


Message = Text | Data | Waiting | Taken | Prompt | Raw


class Dialogue:
    """Cuts bytes into messages.

    `prompt` is the prompt that may come next, None for none: a `>` is text otherwise. With
    `passing` it begins pass-through: `through` is set then, and to be cleared after the escape.
    """

    def __init__(self) -> None:
        self.prompt: bytes | None = None
        self.passing = False
        self.through = False
        self._buffer = bytearray()

    @property
    def rest(self) -> bytes:
        """What is not a whole message yet."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take what came; `next` gives it."""
        self._buffer += data

    def next(self) -> Message | None:
        """The next whole message. Raises Wrong."""
        buffer = self._buffer
        if self.through:
            return Raw(self._take(len(buffer))) if buffer else None
        while buffer.startswith(b"\r\n"):
            del buffer[:2]
        if self.prompt is not None and buffer.startswith(self.prompt):
            self._take(len(self.prompt))
            self.prompt = None
            self.through = self.passing
            return Prompt()
        if _may_begin(buffer, b"+IPD,"):
            return self._link_data()
        if _may_begin(buffer, b"+CIPRECVDATA,"):
            counted = self._counted(_READ)
            return None if counted is None else Taken(counted[1])
        return self._line()

    def _link_data(self) -> Message | None:
        if waiting := _WAITING.match(self._buffer):
            slot, total = int(waiting[1] or 0), int(waiting[2])
            del waiting
            self._take(self._buffer.index(b"\r\n") + 2)
            return Waiting(slot, total)
        counted = self._counted(_DATA)
        return None if counted is None else Data(*counted)

    def _counted(self, head: re.Pattern[bytes]) -> tuple[int, bytes] | None:
        """The link and the bytes behind a head that tells how many, once all are here."""
        found = head.match(self._buffer)
        if found is None:
            if len(self._buffer) > _LONGEST_HEAD:
                raise Wrong(f"no head of data: {bytes(self._buffer[:_LONGEST_HEAD])!r}")
            return None
        groups = found.groups()
        slot, count = int((groups[0] or 0) if len(groups) == 2 else 0), int(groups[-1])
        end = found.end()
        # a match that outlives this keeps the bytearray from being cut
        del found
        if len(self._buffer) < end + count:
            return None
        data = bytes(memoryview(self._buffer)[end : end + count])
        del self._buffer[: end + count]
        return slot, data

    def _line(self) -> Text | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > _LONGEST_LINE:
                raise Wrong(f"a line without an end: {bytes(self._buffer[:80])!r}")
            return None
        text = self._take(end + 2)[:-2]
        if any(byte < 32 for byte in text):
            raise Wrong(f"a line with control characters: {text[:80]!r}")
        return Text(text)

    def _take(self, count: int) -> bytes:
        data = bytes(memoryview(self._buffer)[:count])
        del self._buffer[:count]
        return data


def _may_begin(buffer: bytearray, head: bytes) -> bool:
    """Whether `buffer` begins with `head`, or may do so when more has come."""
    return bool(buffer) and head.startswith(bytes(buffer[: len(head)]))
