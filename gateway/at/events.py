"""What the microcontroller has said, as the stream cuts it and the session acts on it.

What was typed and sent may be a secret, and is in no `repr`.
"""

from __future__ import annotations

from dataclasses import field

from gateway.records import Record


class Typed(Record):
    """Bytes of a command line, to be echoed. They will also be part of a Line."""

    data: bytes = field(repr=False)

    def __init__(self, data: bytes) -> None:
        self.__dict__["data"] = data


class Line(Record):
    """A command line without its LF; a proper one ends with CR."""

    text: bytes = field(repr=False)

    def __init__(self, text: bytes) -> None:
        self.__dict__["text"] = text


class LineTooLong(Record):
    """The LF of a line over LINE_LIMIT; its text is gone."""


class Payload(Record):
    """All the bytes that were asked for."""

    data: bytes = field(repr=False)

    def __init__(self, data: bytes) -> None:
        self.__dict__["data"] = data


class PayloadTimeout(Record):
    """PAYLOAD_SILENCE without a byte; what had come is dropped."""


class Pem(Record):
    """A certificate's text with LF as line ends; `characters` counts it as it was sent."""

    text: bytes
    characters: int


class PemRefused(Record):
    """The text cannot be a certificate; the rest of it is swallowed."""

    cause: str


class Packet(Record):
    """Bytes to pass through."""

    data: bytes = field(repr=False)

    def __init__(self, data: bytes) -> None:
        self.__dict__["data"] = data


class Escape(Record):
    """`+++` alone between silences: pass-through is over."""


Event = Typed | Line | LineTooLong | Payload | PayloadTimeout | Pem | PemRefused | Packet | Escape
