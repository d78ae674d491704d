r"""Certificate text: three kinds of line ends, 4096 characters, what is swallowed, silence."""

from __future__ import annotations

import pytest

from gateway.at.events import Event, Line, Pem, PemRefused, Typed
from gateway.at.stream import PEM_LIMIT, PEM_SILENCE, SWALLOW_SILENCE, HostStream
from tests.at.streams import events_of, pull

BEGIN = b"-----BEGIN CERTIFICATE-----"
END = b"-----END CERTIFICATE-----"
LINE_ENDS = [b"\n", b"\r\n", b"\\n"]


def reading() -> HostStream:
    stream = HostStream()
    stream.expect_pem(0.0)
    return stream


def only(events: list[Event]) -> Event:
    assert len(events) == 1, events
    return events[0]


@pytest.mark.parametrize("end", LINE_ENDS)
def test_all_line_ends_give_the_same_text_and_their_own_count(end: bytes) -> None:
    sent = end.join([BEGIN, b"AAAA", b"BBBB", END])
    assert only(events_of(reading(), (0.0, sent))) == Pem(
        BEGIN + b"\nAAAA\nBBBB\n" + END, len(sent)
    )


def test_line_ends_may_be_mixed() -> None:
    sent = BEGIN + b"\r\nAA\\nBB\n" + END
    assert only(events_of(reading(), (0.0, sent))) == Pem(BEGIN + b"\nAA\nBB\n" + END, len(sent))


def test_certificate_text_is_not_typed() -> None:
    stream = reading()
    events = events_of(stream, (0.0, BEGIN), (1.0, b"\r\n"), (2.0, END), (3.0, b"\r\nA"))
    assert [type(event) for event in events] == [Pem, Typed]
    assert events[-1] == Typed(b"A")


@pytest.mark.parametrize("end", LINE_ENDS)
@pytest.mark.parametrize("apart", [True, False])
def test_one_line_end_behind_it_is_swallowed(end: bytes, apart: bool) -> None:
    stream = reading()
    rest = end + b"AT\r\n"
    pieces = [rest[i : i + 1] for i in range(len(rest))] if apart else [rest]
    events = events_of(stream, (0.0, END), *[(1.0, piece) for piece in pieces])
    assert [event for event in events if isinstance(event, Line)] == [Line(b"AT\r")]


@pytest.mark.parametrize(
    ("behind", "lines"),
    [
        (b"\r\n\r\nAT\r\n", [b"\r", b"AT\r"]),
        (b"\n\nAT\r\n", [b"", b"AT\r"]),
        (b"\\n\\nAT\r\n", [b"\\nAT\r"]),
        (b"AT\r\nAT\r\n", [b"AT\r", b"AT\r"]),
        (b"\rAT\r\n", [b"\rAT\r"]),
        (b"\\AT\r\n", [b"\\AT\r"]),
    ],
)
def test_more_than_one_line_end_is_not_swallowed(behind: bytes, lines: list[bytes]) -> None:
    events = events_of(reading(), (0.0, END + behind))
    assert [event.text for event in events if isinstance(event, Line)] == lines


@pytest.mark.parametrize("end", [b"", *LINE_ENDS])
def test_4096_characters_are_taken_and_one_more_is_not(end: bytes) -> None:
    assert PEM_LIMIT == 4096
    room = PEM_LIMIT - len(END) - (2 if end else 0)
    for length, kind in ((room, Pem), (room + 1, PemRefused)):
        text = end + b"A" * length + end + END
        event = only(events_of(reading(), (0.0, text)))
        assert type(event) is kind
        if isinstance(event, Pem):
            assert event.characters == len(text)


def test_a_text_that_is_all_line_ends_counts_each_once() -> None:
    most = PEM_LIMIT - len(END)
    event = only(events_of(reading(), (0.0, b"\r\n" * most + END)))
    assert event == Pem(b"\n" * most + END, 2 * most + len(END))
    assert isinstance(only(events_of(reading(), (0.0, b"\\n" * (PEM_LIMIT + 1)))), PemRefused)


@pytest.mark.parametrize("foreign", [b"\0", b"\x1b", b"\x7f", b"\x80", b"\xff"])
def test_a_byte_that_cannot_be_pem_refuses_at_once(foreign: bytes) -> None:
    event = only(events_of(reading(), (0.0, BEGIN + foreign)))
    assert isinstance(event, PemRefused)
    assert "byte" in event.cause


@pytest.mark.parametrize("bad", [b"\0", b"A" * (PEM_LIMIT + 1)])
def test_the_rest_of_a_refused_text_is_swallowed_to_its_end_line(bad: bytes) -> None:
    stream = reading()
    assert isinstance(only(events_of(stream, (0.0, bad))), PemRefused)
    assert events_of(stream, (0.5, b"\r\nAT+RST\r\n" * 1000), (1.4, END[:9])) == []
    events = events_of(stream, (2.3, END[9:] + b"\r\nAT\r\n"))
    assert events == [Typed(b"AT\r\n"), Line(b"AT\r")]


def test_the_end_line_may_have_come_with_what_was_refused() -> None:
    events = events_of(reading(), (0.0, b"\0" + END + b"\nAT\r\n"))
    assert [type(event) for event in events] == [PemRefused, Typed, Line]
    assert events[-1] == Line(b"AT\r")


def test_a_second_of_silence_ends_the_swallowing() -> None:
    stream = reading()
    events_of(stream, (5.0, b"\0"))
    assert stream.deadline() == 5.0 + SWALLOW_SILENCE
    assert events_of(stream, (5.9, b"AT\r\n"), until=6.8) == []
    assert stream.deadline() == 6.9
    events = events_of(stream, (6.9, b"AT\r\n"))
    assert events == [Typed(b"AT\r\n"), Line(b"AT\r")]
    assert stream.deadline() is None


def test_a_second_of_silence_counts_even_if_nobody_asked_meanwhile() -> None:
    stream = reading()
    events_of(stream, (0.0, b"\0 AT"))
    stream.receive(b"AT\r\n", 1.0)
    assert pull(stream, 1.0) == [Typed(b"AT\r\n"), Line(b"AT\r")]


def test_twenty_seconds_without_a_byte_end_it() -> None:
    stream = reading()
    assert stream.deadline() == PEM_SILENCE == 20.0
    assert events_of(stream, (19.0, BEGIN), until=38.9) == []
    event = only(events_of(stream, until=39.0))
    assert isinstance(event, PemRefused)
    assert events_of(stream, (40.0, b"AT\r\n")) == [Typed(b"AT\r\n"), Line(b"AT\r")]
