"""What may be shown of bytes on the line: passwords and payload not, at no level.

A message becomes pieces: bytes that may be seen, and `Hidden` ones of which only the number
is told. What is not known to be harmless is hidden: a line that is no proper command may be
payload that was typed too late, or a password behind a missing comma.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from gateway.at.errors import ATError
from gateway.at.syntax import split_arguments, split_line
from gateway.at.table import Command, Commands
from gateway.records import Record

SECRET = '"***"'
"""What stands for a password, whatever its length."""

_END = b"\r\n"
_NAME = re.compile(rb"AT\+[A-Z][A-Z0-9_]{0,23}(?=[=?\r])")
_TEXT = bytes(range(0x20, 0x7F)) + b"\r\n\t"
_DATA = re.compile(rb"\r\n(?:\+IPD,(?:\d,)?|\+CIPRECVDATA,)(\d{1,5})(?:,[0-9.]{7,15},\d{1,5})?:")


class Hidden(Record):
    """So many bytes that are not shown, and the `words` that stand for them."""

    count: int
    words: str


Piece = bytes | Hidden


def hidden(count: int) -> Hidden:
    """`count` bytes that may be payload."""
    return Hidden(count, f"<{count} byte{'' if count == 1 else 's'}>")


def not_text(data: bytes) -> int:
    """How many bytes are no ASCII text: most of them, where the line's speed is wrong."""
    return len(data.translate(None, _TEXT))


def unknown(count: int, foreign: int, after: str = "") -> str:
    """The words for bytes that are no command, `foreign` of them no text."""
    words = hidden(count).words.removesuffix(">") + after
    return f"{words}, {foreign} of them no text>" if foreign else f"{words}>"


def line_name(text: bytes | None) -> str:
    """What may be logged of a line that is no command: it could be payload or a password.

    None is a line that was too long.
    """
    if text is None:
        return "a line"
    match = _NAME.match(text)
    return match.group().decode() if match else f"{len(text) + 1} bytes"


def command_line(text: bytes, commands: Commands, multiplexing: bool) -> list[Piece]:
    """A line (without its LF): its arguments only where they fit, and secret ones never."""
    parts = split_line(text)
    command = commands.find(parts[0]) if parts else None
    if parts is None or command is None:
        return _no_command(text)
    spelling, arguments = parts
    try:
        command.bind(arguments, multiplexing)
    except ATError:
        return [spelling, *([hidden(len(arguments))] if arguments else []), _END]
    return [spelling, *_arguments(command, arguments, multiplexing), _END]


def _no_command(text: bytes) -> list[Piece]:
    """As much as `line_name` tells."""
    name = _NAME.match(text)
    if text == b"\r" or (name and text[name.end() :] == b"\r"):
        return [text, b"\n"]
    if name is None:
        return [Hidden(len(text) + 1, unknown(len(text) + 1, not_text(text)))]
    end = name.end() + (text[name.end()] in b"=?")
    return [text[:end], hidden(len(text) + 1 - end)]


def _arguments(command: Command, text: bytes, multiplexing: bool) -> Iterator[Piece]:
    parameters = command.parameters_read(multiplexing)
    for index, field in enumerate(split_arguments(text)):
        if index:
            yield b","
        harmless = not parameters[index].secret or field in (b"", b'""')
        yield field if harmless else Hidden(len(field), SECRET)


def secret_replies(commands: Commands) -> tuple[bytes, ...]:
    """What the replies begin with that have a password in them."""
    return tuple(f"{each.prefix}:".encode() for each in commands if each.secret_reply)


def message(text: bytes, secret_replies: tuple[bytes, ...]) -> list[Piece]:
    """A whole reply, prompt or notification without its data and its password."""
    if text.startswith(secret_replies):
        return _without_password(text)
    return data(text) if _DATA.match(text) else [text]


def _without_password(text: bytes) -> list[Piece]:
    """Without all that can be part of the second quoted text.

    An SSID may have quotes in it and is written as it is: the first `","` is the earliest
    place at which the password can begin, and only numbers follow its end.
    """
    start = text.find(b'","') + 3
    end = text.rfind(b'"')
    if start < 3 or end < start:
        return [hidden(len(text))]
    if end == start:
        return [text]
    return [text[: start - 1], Hidden(end - start + 2, SECRET), text[end + 1 :]]


def data(text: bytes) -> list[Piece]:
    """Messages that carry data, one behind the other, each as long as it says."""
    pieces: list[Piece] = []
    position = 0
    while found := _DATA.match(text, position):
        end = min(found.end() + int(found[1]), len(text))
        pieces += [found[0], hidden(end - found.end())]
        position = end
    rest = text[position:]
    # behind CIPRECVDATA's data comes nothing but this
    return [*pieces, rest if rest in (b"", b"\r\nOK\r\n") else hidden(len(rest))]


def as_text(pieces: Sequence[Piece]) -> str:
    """The pieces in words, a line for each line that has something in it."""
    parts = (
        each.words if isinstance(each, Hidden) else each.decode("utf-8", "backslashreplace")
        for each in pieces
    )
    lines = "".join(parts).split("\r\n")
    return "\n".join(line.removesuffix("\r") for line in lines if line not in ("", "\r"))


def as_bytes(pieces: Sequence[Piece]) -> list[str | int]:
    """The pieces in order: bytes in hex, and the number of hidden ones."""
    told: list[str | int] = []
    for seen, run in groupby(pieces, lambda piece: isinstance(piece, bytes)):
        if seen:
            told.append(b"".join(piece for piece in run if isinstance(piece, bytes)).hex())
        else:
            told += [piece.count for piece in run if isinstance(piece, Hidden)]
    return [each for each in told if each]
