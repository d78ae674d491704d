"""A command line into its spelling and the texts of its arguments (contract, section 1)."""

from __future__ import annotations

import re

_FIELD = re.compile(rb'"(?:\\[",\\]|[^"])*+"?[^,]*|[^,]*')
_QUOTED = re.compile(rb'"((?:\\[",\\]|[^"])*+)"')
_ESCAPE = re.compile(rb'\\([",\\])')


def split_line(line: bytes) -> tuple[bytes, bytes] | None:
    """The spelling (`AT+CWMODE?`, `AT+CWMODE=`, `AT`) and what follows it.

    `line` is without its LF. None if it does not end with CR, as every command does.
    """
    if not line.endswith(b"\r"):
        return None
    end = line.find(b"=") + 1
    # a question mark before it, or alone, ends the spelling; behind it, it is text
    if question := line.find(b"?", 0, end or len(line)) + 1:
        end = question
    return (line[:end], line[end:-1]) if end else (line[:-1], b"")


def split_arguments(text: bytes) -> list[bytes]:
    """The arguments as they stand, quotes and escapes included; [] for none at all.

    A comma inside quotes does not separate. Whether an argument is well formed is for its
    parameter to say, since some commands have an error text of their own for that.
    """
    if not text:
        return []
    if b'"' not in text:
        return text.split(b",")
    fields: list[bytes] = []
    position = 0
    while True:
        match = _FIELD.match(text, position)
        assert match is not None  # the pattern matches the empty string
        fields.append(match.group())
        position = match.end()
        if position >= len(text):
            return fields
        position += 1


def unquote(field: bytes) -> bytes | None:
    """What stands between the double quotes of `field`, None if it is not one quoted string."""
    match = _QUOTED.fullmatch(field)
    return match.group(1) if match else None


def unescape(text: bytes) -> bytes:
    r"""Undo `\"`, `\,` and `\\`; a backslash before anything else stands for itself."""
    return _ESCAPE.sub(rb"\1", text)
