"""The loop's selector: the same answers as the standard library's, in the order asked for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import socket
from collections.abc import Iterator

import pytest

from gateway.services.event_loop import EventLoop, LeanSelector

BOTH = selectors.EVENT_READ | selectors.EVENT_WRITE


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connected pair."""
    one, other = socket.socketpair()
    with one, other:
        yield one, other


@pytest.mark.parametrize("state", ["idle", "readable", "half closed", "hung up", "full"])
@pytest.mark.parametrize("wanted", [selectors.EVENT_READ, selectors.EVENT_WRITE, BOTH])
def test_it_tells_what_the_standard_one_tells(
    pair: tuple[socket.socket, socket.socket], state: str, wanted: int
) -> None:
    one, other = pair
    if state == "readable":
        other.send(b"x")
    elif state == "half closed":
        other.shutdown(socket.SHUT_WR)
    elif state == "hung up":
        other.close()
    elif state == "full":
        one.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                one.send(bytes(65536))
    told = []
    for selector in (selectors.EpollSelector(), LeanSelector()):
        with selector:
            selector.register(one, wanted, "data")
            # what nobody asked for is of no consequence
            told.append([(key.data, events & wanted) for key, events in selector.select(0)])
    standard, lean = told
    assert lean == standard


def test_keys_are_found_changed_and_forgotten(pair: tuple[socket.socket, socket.socket]) -> None:
    one, _ = pair
    with LeanSelector() as selector:
        key = selector.register(one, selectors.EVENT_READ, 1)
        assert selector.get_key(one) == key == selector.get_key(one.fileno())
        assert list(selector.get_map()) == [one.fileno()]
        with pytest.raises(KeyError):
            selector.register(one.fileno(), selectors.EVENT_READ, 2)
        assert selector.select(0) == []
        selector.modify(one, BOTH, 3)
        assert [(key.data, events) for key, events in selector.select(0)] == [
            (3, selectors.EVENT_WRITE)
        ]
        selector.unregister(one)
        assert len(selector.get_map()) == 0
        with pytest.raises(KeyError):
            selector.unregister(one)
        with pytest.raises(KeyError):
            selector.get_key(one)


def test_a_descriptor_closed_too_early_is_forgotten_all_the_same() -> None:
    ours, theirs = os.pipe()
    os.close(theirs)
    with LeanSelector() as selector:
        selector.register(ours, selectors.EVENT_READ)
        os.close(ours)
        assert selector.unregister(ours).fd == ours
        assert selector.select(0) == []


def test_a_time_limit_that_is_over_does_not_wait() -> None:
    with LeanSelector() as selector:
        assert selector.select(-5.0) == []


@pytest.mark.parametrize("first", [0, 1, 2])
def test_what_is_served_first_comes_first(first: int) -> None:
    async def order() -> list[int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, EventLoop)
        pairs = [socket.socketpair() for _ in range(3)]
        ran: list[int] = []
        done = loop.create_future()

        def readable(number: int) -> None:
            ran.append(number)
            loop.remove_reader(pairs[number][0])
            if len(ran) == len(pairs):
                done.set_result(None)

        for number, (ours, theirs) in enumerate(pairs):
            loop.add_reader(ours, readable, number)
            theirs.send(b"x")
        loop.serve_first(pairs[first][0].fileno())
        await done
        for ours, theirs in pairs:
            ours.close()
            theirs.close()
        return ran

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        ran = runner.run(order())
    assert sorted(ran) == [0, 1, 2]
    assert ran[0] == first


def test_a_descriptor_that_was_served_first_once_is_not_for_ever(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    one, other = pair
    with LeanSelector() as selector:
        selector.register(one, selectors.EVENT_WRITE)
        selector.register(other, selectors.EVENT_WRITE)
        before = [key.fd for key, _ in selector.select(0)]
        selector.serve_first(before[1])
        assert [key.fd for key, _ in selector.select(0)] == before[::-1]
        selector.unregister(before[1])
        selector.register(before[1], selectors.EVENT_WRITE)
        assert [key.fd for key, _ in selector.select(0)] == before
