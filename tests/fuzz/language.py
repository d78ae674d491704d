"""The language by itself: stream, syntax, table, masking."""

from __future__ import annotations

from gateway.at import masking, messages
from gateway.at.errors import ATError
from gateway.at.events import Line, Typed
from gateway.at.stream import PEM_LIMIT, HostStream
from gateway.at.syntax import split_arguments, split_line, unescape, unquote
from gateway.at.table import Command
from gateway.commands import all_commands
from tests.at.streams import pull, timed_events
from tests.at.test_stream_cutting import END, GAPS, absolute, bind, cut, outcome

ACTION = 0xFE
"""The byte of an input behind which one stands that is not typed but done."""

COMMANDS = all_commands()
SECRET_REPLIES = masking.secret_replies(COMMANDS)


def pieces_of(data: bytes) -> list[tuple[int | None, bytes]]:
    """What is typed, each time with the action before it; the first has none."""
    pieces: list[tuple[int | None, bytes]] = []
    action: int | None = None
    rest = data
    while True:
        typed, found, rest = rest.partition(bytes([ACTION]))
        pieces.append((action, typed))
        if not found or not rest:
            return pieces
        action, rest = rest[0], rest[1:]


def sizes_of(data: bytes) -> list[int]:
    """How to cut an input, other for each but always the same for one."""
    return [1 + byte % 40 for byte in data[-3:]] or [1]


def stream(data: bytes) -> None:
    """The same events however cut, no growth, and command lines again at the end."""
    conversation = [
        (0.0 if action is None else GAPS[action % len(GAPS)], typed)
        for action, typed in pieces_of(data)
    ]
    whole = [(time, typed) for time, typed in absolute(conversation) if typed]
    cuts = [(time, piece) for time, typed in whole for piece in cut(typed, sizes_of(data))]
    assert outcome(cuts) == outcome(whole)
    _bounded_and_back(cuts)


def _bounded_and_back(cuts: list[tuple[float, bytes]]) -> None:
    hosted = HostStream()
    last = 0.0
    for last, piece in cuts:
        for _ in timed_events(hosted, [(last, piece)], last, bind):
            pass
        assert hosted.waiting <= 2 * PEM_LIMIT + len(END)
    ends = [(last + 30, b"+++"), (last + 60, b"\n"), (last + 60, b"\n"), (last + 60, b"AT\r\n")]
    found = [event for _, event in timed_events(hosted, ends, last + 60)]
    lines = [event for event in found if not isinstance(event, Typed)]
    assert lines[-1] == Line(b"AT\r")
    assert hosted.waiting == 0
    assert pull(hosted, last + 61) == []


def syntax(data: bytes) -> None:
    """Any line: taken apart and shown without an exception but ATError."""
    line = data.partition(b"\n")[0]
    fields = split_arguments(line)
    assert b",".join(fields) == line
    for field in fields:
        inner = unquote(field)
        if inner is not None:
            assert field == b'"' + inner + b'"'
            assert len(unescape(inner)) <= len(inner)
    masking.line_name(line)
    for pieces in (masking.message(data, SECRET_REPLIES), masking.data(data)):
        masking.as_text(pieces)
        assert _length(pieces) == len(data)
    parts = split_line(line)
    command = COMMANDS.find(parts[0]) if parts else None
    for multiplexing in (False, True):
        shown = masking.command_line(line, COMMANDS, multiplexing)
        masking.as_text(shown)
        masking.as_bytes(shown)
        assert _length(shown) == len(line) + 1
        if parts and command:
            _bound(command, parts[1], multiplexing)


def _length(pieces: list[masking.Piece]) -> int:
    return sum(len(each) if isinstance(each, bytes) else each.count for each in pieces)


def _bound(command: Command, text: bytes, multiplexing: bool) -> None:
    """A value for each parameter, or an error reply that can be written."""
    try:
        values = command.bind(text, multiplexing)
    except ATError as error:
        reply = messages.failure(error.lines, error.final, error.after)
        if error.cause and reply.endswith(b"\r\nERROR\r\n"):
            return
        raise
    assert len(values) == len(command.parameters)
