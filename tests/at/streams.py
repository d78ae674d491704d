"""A HostStream driven by hand: bytes and times in, events out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from gateway.at.events import Event, Line, Typed
from gateway.at.stream import HostStream

Bind = Callable[[HostStream, Event, float], None]


def keep_mode(stream: HostStream, event: Event, now: float) -> None:
    """Bind no other reader, whatever comes."""


def pull(stream: HostStream, now: float, bind: Bind = keep_mode) -> list[Event]:
    """The events there are at the time `now`; `bind` may change the mode after each."""
    events: list[Event] = []
    while (event := stream.next_event(now)) is not None:
        events.append(event)
        bind(stream, event, now)
    return events


def events_of(
    stream: HostStream, *arrivals: tuple[float, bytes], until: float = 0.0, bind: Bind = keep_mode
) -> list[Event]:
    """The events of bytes that arrive at their times, deadlines heeded, up to `until`."""
    return [event for _, event in timed_events(stream, arrivals, until, bind)]


def timed_events(
    stream: HostStream,
    arrivals: Iterable[tuple[float, bytes]],
    until: float,
    bind: Bind = keep_mode,
) -> Iterator[tuple[float, Event]]:
    """As `events_of`, each event with its time."""
    for time, data in arrivals:
        yield from _silence_until(stream, time, bind)
        stream.receive(data, time)
        for event in pull(stream, time, bind):
            yield time, event
    yield from _silence_until(stream, until, bind)


def _silence_until(stream: HostStream, time: float, bind: Bind) -> Iterator[tuple[float, Event]]:
    while (deadline := stream.deadline()) is not None and deadline <= time:
        for event in pull(stream, deadline, bind):
            yield deadline, event
        if stream.deadline() == deadline:
            raise AssertionError("a deadline that has passed still stands")


def joined(events: Iterable[Event]) -> list[Event]:
    """The same events, Typed ones that follow each other made one."""
    result: list[Event] = []
    for event in events:
        if result and isinstance(event, Typed) and isinstance(last := result[-1], Typed):
            result[-1] = Typed(last.data + event.data)
        else:
            result.append(event)
    return result


def silent() -> HostStream:
    """A stream that wants no Typed events."""
    stream = HostStream()
    stream.echo = False
    return stream


def lines_of(data: bytes) -> list[bytes]:
    """The texts of the command lines in `data`."""
    events = events_of(silent(), (0.0, data))
    return [event.text for event in events if isinstance(event, Line)]
