"""Command lines and payload: section 1 of the contract, exact to the byte and the moment."""

from __future__ import annotations

import pytest

from gateway.at.events import Event, Line, LineTooLong, Payload, PayloadTimeout, Typed
from gateway.at.stream import LINE_LIMIT, PAYLOAD_SILENCE, HostStream
from tests.at.streams import events_of, joined, lines_of, pull, silent


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"AT\r\n", [b"AT\r"]),
        (b"AT\n", [b"AT"]),
        (b"AT\r", []),
        (b"\r\n", [b"\r"]),
        (b"\n\n", [b"", b""]),
        (b"AT\r\nATE0\r\nAT", [b"AT\r", b"ATE0\r"]),
        (b"A\rT\r\n", [b"A\rT\r"]),
        (b"\0\xff\r\n", [b"\0\xff\r"]),
        (b"AT\r\r\n", [b"AT\r\r"]),
    ],
)
def test_a_line_ends_with_lf_and_with_nothing_else(data: bytes, lines: list[bytes]) -> None:
    assert lines_of(data) == lines


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("echo", [True, False])
def test_a_line_of_256_bytes_is_taken_and_one_more_is_not(end: bytes, echo: bool) -> None:
    assert LINE_LIMIT == 256
    stream = HostStream()
    stream.echo = echo
    longest = b"A" * LINE_LIMIT + end
    assert events_of(stream, (0.0, longest))[-1] == Line(longest[:-1])
    longer = b"A" * (LINE_LIMIT + 1) + b"\r\n"
    assert events_of(stream, (0.0, longer))[-1] == LineTooLong()
    assert events_of(stream, (0.0, b"AT\r\n"))[-1] == Line(b"AT\r")


def test_a_line_that_is_too_long_is_one_event_at_its_lf() -> None:
    stream = silent()
    assert events_of(stream, (0.0, b"A" * 10000), (1.0, b"B" * 10000)) == []
    assert events_of(stream, (2.0, b"AT\r\nAT\r\n")) == [LineTooLong(), Line(b"AT\r")]


def test_every_byte_of_a_line_is_typed_when_it_comes() -> None:
    stream = HostStream()
    assert events_of(stream, (0.0, b"A")) == [Typed(b"A")]
    assert events_of(stream, (5.0, b"T\r")) == [Typed(b"T\r")]
    assert events_of(stream, (9.0, b"\nAT")) == [Typed(b"\n"), Line(b"AT\r"), Typed(b"AT")]


def test_a_line_that_is_too_long_is_typed_too() -> None:
    stream = HostStream()
    data = b"A" * 1000 + b"\r\n"
    events = events_of(stream, *[(0.0, data[i : i + 100]) for i in range(0, len(data), 100)])
    assert joined(events) == [Typed(data), LineTooLong()]


def test_what_is_typed_ends_with_the_line_that_ends_it() -> None:
    stream = HostStream()

    def bind(stream: HostStream, event: Event, now: float) -> None:
        if isinstance(event, Line):
            stream.echo = event.text == b"ATE1\r"

    assert joined(events_of(stream, (0.0, b"ATE0\r\nAT\r\nATE1\r\nAT"), bind=bind)) == [
        Typed(b"ATE0\r\n"),
        Line(b"ATE0\r"),
        Line(b"AT\r"),
        Line(b"ATE1\r"),
        Typed(b"AT"),
    ]


def test_a_line_has_no_deadline() -> None:
    stream = HostStream()
    stream.receive(b"AT", 0.0)
    pull(stream, 0.0)
    assert stream.deadline() is None


# payload


@pytest.mark.parametrize("length", [1, 5, 2048])
def test_payload_is_so_many_bytes_whatever_they_are(length: int) -> None:
    stream = HostStream()
    stream.expect_payload(length, 0.0)
    data = (b"\r\nAT+RST\r\n\0\xff" * 200)[:length]
    assert events_of(stream, (0.0, data[:-1])) == []
    events = events_of(stream, (1.0, data[-1:] + b"AT\r\n"))
    assert events == [Payload(data), Typed(b"AT\r\n"), Line(b"AT\r")]


def test_payload_that_came_with_its_command_is_read_as_payload() -> None:
    def bind(stream: HostStream, event: Event, now: float) -> None:
        if event == Line(b"send\r"):
            stream.expect_payload(2048, now)

    payload = b"x" * 2048
    events = events_of(silent(), (0.0, b"send\r\n" + payload + b"AT\r\n"), bind=bind)
    assert events == [Line(b"send\r"), Payload(payload), Line(b"AT\r")]


def test_ten_seconds_of_silence_end_the_payload() -> None:
    stream = silent()
    stream.expect_payload(4, 100.0)
    assert stream.deadline() == 100.0 + PAYLOAD_SILENCE
    assert events_of(stream, until=109.999) == []
    assert events_of(stream, until=110.0) == [PayloadTimeout()]
    assert stream.deadline() is None
    assert events_of(stream, (111.0, b"AT\r\n")) == [Line(b"AT\r")]


def test_each_byte_of_payload_begins_the_ten_seconds_anew() -> None:
    stream = silent()
    stream.expect_payload(4, 0.0)
    assert events_of(stream, (9.0, b"a"), (18.0, b"b"), (27.0, b"c"), until=36.9) == []
    assert stream.deadline() == 37.0
    assert events_of(stream, (36.9, b"d")) == [Payload(b"abcd")]


def test_what_came_of_a_payload_that_is_given_up_is_dropped() -> None:
    stream = silent()
    stream.expect_payload(40, 0.0)
    events = events_of(stream, (0.0, b"AT+RST\r\n"), (10.0, b"AT\r\n"))
    assert events == [PayloadTimeout(), Line(b"AT\r")]
