"""Whatever bytes come and however they are cut: the same events, no exception, no growth."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.at.events import Event, Line, LineTooLong, PemRefused
from gateway.at.stream import PACKET_LIMIT, PEM_LIMIT, HostStream
from tests.at.streams import joined, pull, timed_events

END = b"-----END CERTIFICATE-----"
TOKENS = [
    b"AT\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"\\n",
    b"\\",
    b"payload 5\r\n",
    b"payload 2048\r\n",
    b"pem\r\n",
    b"packets\r\n",
    b"mute\r\n",
    b"echo\r\n",
    b"+++",
    b"+",
    END,
    END[:12],
    END[12:],
    b"A" * 250,
    b"B" * 2048,
    b"C" * 4090,
    b"\\n" * 2050,
    b"\r\n" * 2050,
    b"\0\xff",
]
# Times that stand well before, at, and well behind the stream's own: 20 ms, 1, 10 and 20 s.
GAPS = [0.0, 0.001, 0.02, 0.03, 0.5, 1.0, 1.5, 10.0, 11.0, 20.0, 25.0]

texts = st.lists(st.sampled_from(TOKENS) | st.binary(max_size=9), max_size=6).map(b"".join)
conversations = st.lists(st.tuples(st.sampled_from(GAPS), texts), min_size=1, max_size=6)
cuts = st.lists(st.integers(1, 40) | st.integers(1, 5000), min_size=1, max_size=6)


def bind(stream: HostStream, event: Event, now: float) -> None:
    """Change the mode as a line asks for it."""
    if not isinstance(event, Line):
        return
    word, _, number = event.text.rstrip(b"\r").partition(b" ")
    if word == b"payload" and number.isdigit() and 0 < int(number) <= 2048:
        stream.expect_payload(int(number), now)
    elif word == b"pem":
        stream.expect_pem(now)
    elif word == b"packets":
        stream.expect_packets(now)
    elif word in (b"mute", b"echo"):
        stream.echo = word == b"echo"


def absolute(conversation: list[tuple[float, bytes]]) -> list[tuple[float, bytes]]:
    time, arrivals = 0.0, []
    for gap, data in conversation:
        time += gap
        arrivals.append((time, data))
    return arrivals


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces: list[bytes] = []
    position = 0
    while position < len(data):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[position : position + size])
        position += size
    return pieces


def outcome(arrivals: list[tuple[float, bytes]]) -> list[tuple[float, Event]]:
    """The events with their times, Typed ones of one moment made one."""
    until = arrivals[-1][0] + 100.0 if arrivals else 100.0
    found = list(timed_events(HostStream(), arrivals, until, bind))
    result: list[tuple[float, Event]] = []
    for moment in dict.fromkeys(time for time, _ in found):
        events = joined(event for time, event in found if time == moment)
        result += [(moment, event) for event in events]
    return result


@given(conversation=conversations, sizes=cuts)
def test_any_cutting_gives_the_same_events(
    conversation: list[tuple[float, bytes]], sizes: list[int]
) -> None:
    whole = [(time, data) for time, data in absolute(conversation) if data]
    pieces = [(time, piece) for time, data in whole for piece in cut(data, sizes)]
    assert outcome(pieces) == outcome(whole)


@given(conversation=conversations, sizes=cuts)
def test_a_stream_keeps_no_more_than_one_certificate(
    conversation: list[tuple[float, bytes]], sizes: list[int]
) -> None:
    stream = HostStream()
    most = 0
    for time, data in absolute(conversation):
        for piece in cut(data, sizes):
            stream.receive(piece, time)
            pull(stream, time, bind)
            most = max(most, len(stream._buffer))
    # a line end of a certificate is one character and two bytes
    assert most <= 2 * PEM_LIMIT + len(END)


@given(noise=st.binary(max_size=600), sizes=cuts)
def test_a_line_end_brings_back_command_lines(noise: bytes, sizes: list[int]) -> None:
    stream = HostStream()
    stream.echo = False
    for piece in cut(noise + b"\nAT\r\n", sizes):
        stream.receive(piece, 0.0)
        events = pull(stream, 0.0)
        assert all(isinstance(event, Line | LineTooLong) for event in events)
    assert events[-1] == Line(b"AT\r")


@given(noise=texts, mode=st.sampled_from(["payload", "pem", "packets"]), sizes=cuts)
def test_silence_brings_back_command_lines(noise: bytes, mode: str, sizes: list[int]) -> None:
    stream = HostStream()
    stream.echo = False
    {
        "payload": lambda now: stream.expect_payload(2048, now),
        "pem": stream.expect_pem,
        "packets": stream.expect_packets,
    }[mode](0.0)
    arrivals = [(0.0, piece) for piece in cut(noise, sizes)]
    arrivals += [(30.0, b"+++"), (60.0, b"\n"), (60.0, b"\n"), (60.0, b"AT\r\n")]
    events = [event for _, event in timed_events(stream, arrivals, 60.0)]
    assert events[-1] == Line(b"AT\r")


def test_a_refusal_says_the_same_however_it_is_cut() -> None:
    # the limit is passed in the middle of a line end, and a foreign byte stands behind it
    for text in (b"A" * PEM_LIMIT + b"\r\n\0", b"A" * (PEM_LIMIT - 1) + b"\r\n\0"):
        refusals = set()
        for size in (1, 2, 7, 5000):
            arrivals = [(0.0, piece) for piece in cut(b"pem\r\n" + text, [size])]
            events = [event for _, event in outcome(arrivals) if isinstance(event, PemRefused)]
            refusals.add(tuple(replace(event) for event in events))
        assert len(refusals) == 1
        assert len(refusals.pop()) == 1


def test_packets_do_not_depend_on_the_reads() -> None:
    data = bytes(index % 251 for index in range(3 * PACKET_LIMIT + 5))
    for size in (1, 7, 2048, 4095, 9000):
        arrivals = [(0.0, piece) for piece in cut(b"packets\r\n" + data, [size])]
        packets = [event for _, event in outcome(arrivals)[2:]]
        lengths = [len(getattr(packet, "data", b"")) for packet in packets]
        assert lengths == [PACKET_LIMIT] * 3 + [5]
