"""The loop's selector: the same answers as the standard library's."""

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


def test_the_loop_runs_on_it_and_keeps_its_time() -> None:
    async def work() -> bytes:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, EventLoop)
        began = loop.time()
        await asyncio.sleep(0.01)
        assert loop.time() - began >= 0.01
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            loop.call_soon(theirs.send, b"x")
            return await loop.sock_recv(ours, 1)

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        assert runner.run(work()) == b"x"
