"""Bytes that follow from a name: what a link carries, and the check of what arrived."""

from __future__ import annotations

import hashlib

_BLOCK = 4096
_LOOK_AROUND = 1 << 18
_MARK = 12


class Wrong(AssertionError):
    """A stream is not what was sent; the text tells the first byte that is not."""


class Stream:
    """An endless run of bytes, the same for the same name, without repetitions."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._name = name.encode()
        self._number = -1
        self._block = b""

    def part(self, start: int, count: int) -> bytes:
        """The `count` bytes from `start` on."""
        data = bytearray()
        while len(data) < count:
            number, place = divmod(start + len(data), _BLOCK)
            if number != self._number:
                key = self._name + number.to_bytes(8)
                self._number, self._block = number, hashlib.shake_128(key).digest(_BLOCK)
            data += self._block[place : place + count - len(data)]
        return bytes(data)


class Arriving:
    """What has arrived of a stream; each byte is compared as it comes."""

    def __init__(self, name: str) -> None:
        self.count = 0
        self._stream = Stream(name)

    def feed(self, data: bytes) -> None:
        """The next bytes. Raises Wrong."""
        expected = self._stream.part(self.count, len(data))
        if data != expected:
            raise Wrong(self._difference(data, expected))
        self.count += len(data)

    def _difference(self, data: bytes, expected: bytes) -> str:
        at = next(
            n for n, (one, other) in enumerate(zip(data, expected, strict=True)) if one != other
        )
        place = self.count + at
        # Where in the stream that belongs which came instead.
        start = max(0, place - _LOOK_AROUND)
        found = self._stream.part(start, 2 * _LOOK_AROUND).find(data[at : at + _MARK])
        if found < 0:
            kind = "and what came is none of the stream's"
        elif start + found > place:
            kind = f"{start + found - place} bytes are missing"
        else:
            kind = f"the byte {start + found} comes again"
        return f"{self._stream.name}: wrong from byte {place} on; {kind}"
