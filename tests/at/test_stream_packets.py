"""Pass-through: packets of 2048 bytes or 20 ms, and the way out."""

from __future__ import annotations

import pytest

from gateway.at.events import Escape, Line, Packet, Typed
from gateway.at.stream import ESCAPE_SILENCE, PACKET_LIMIT, PACKET_SILENCE, HostStream
from tests.at.streams import events_of, pull


def passing() -> HostStream:
    stream = HostStream()
    stream.expect_packets(0.0)
    return stream


def test_the_limits_are_the_contracts() -> None:
    assert (PACKET_LIMIT, PACKET_SILENCE, ESCAPE_SILENCE) == (2048, 0.020, 1.0)


def test_a_packet_leaves_after_20_ms_of_silence() -> None:
    stream = passing()
    assert events_of(stream, (1.0, b"AT\r\n"), (1.0195, b"+++")) == []
    assert stream.deadline() == pytest.approx(1.0395)
    assert events_of(stream, until=1.0394) == []
    assert events_of(stream, until=1.0396) == [Packet(b"AT\r\n+++")]
    assert stream.deadline() is None


def test_a_packet_leaves_at_2048_bytes() -> None:
    data = bytes(index % 256 for index in range(5000))
    stream = passing()
    assert events_of(stream, (0.0, data)) == [Packet(data[:2048]), Packet(data[2048:4096])]
    assert events_of(stream, until=0.02) == [Packet(data[4096:])]


def test_the_escape_stands_alone_between_silences() -> None:
    stream = passing()
    events = events_of(stream, (0.0, b"data"), (0.5, b"+++"), until=0.5 + PACKET_SILENCE)
    assert events == [Packet(b"data"), Escape()]


@pytest.mark.parametrize("pieces", [(b"+", b"++"), (b"++", b"+"), (b"+", b"+", b"+")])
def test_the_escape_may_come_in_pieces(pieces: tuple[bytes, ...]) -> None:
    arrivals = [(index * 0.019, piece) for index, piece in enumerate(pieces)]
    assert events_of(passing(), *arrivals, until=1.0) == [Escape()]


@pytest.mark.parametrize(
    ("arrivals", "packets"),
    [
        ([(0.0, b"a"), (0.019, b"+++")], [b"a+++"]),
        ([(0.0, b"+++"), (0.019, b"a")], [b"+++a"]),
        ([(0.0, b"+++\r\n")], [b"+++\r\n"]),
        ([(0.0, b"++++")], [b"++++"]),
        ([(0.0, b"++")], [b"++"]),
        ([(0.0, b"++"), (0.02, b"+")], [b"++", b"+"]),
        ([(0.0, b"x" * 2048 + b"+++")], [b"x" * 2048, b"+++"]),
        ([(0.0, b"x" * 2048), (0.019, b"+++")], [b"x" * 2048, b"+++"]),
    ],
)
def test_any_other_plus_signs_are_data(
    arrivals: list[tuple[float, bytes]], packets: list[bytes]
) -> None:
    assert events_of(passing(), *arrivals, until=9.0) == [Packet(data) for data in packets]


def test_behind_a_full_packet_and_silence_the_escape_is_one() -> None:
    arrivals = [(0.0, b"x" * 2048), (0.1, b"+++")]
    assert events_of(passing(), *arrivals, until=9.0) == [Packet(b"x" * 2048), Escape()]


def test_bytes_within_a_second_of_the_escape_are_dropped() -> None:
    stream = passing()
    events = events_of(
        stream, (0.0, b"+++"), (0.5, b"AT\r\n"), (1.019, b"\r\n"), (1.0201, b"AT\r\n")
    )
    assert events == [Escape(), Typed(b"AT\r\n"), Line(b"AT\r")]


def test_silence_counts_even_if_nobody_asked_meanwhile() -> None:
    stream = passing()
    stream.receive(b"first", 0.0)
    stream.receive(b"+++", 0.5)
    assert pull(stream, 0.5) == [Packet(b"first")]
    stream.receive(b"dropped", 0.6)
    assert pull(stream, 0.6) == [Escape()]
    assert events_of(stream, (2.0, b"AT\r\n")) == [Typed(b"AT\r\n"), Line(b"AT\r")]
