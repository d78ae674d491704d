"""One link on a real socket: its bounded buffer, its sending, its end."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
from collections.abc import AsyncIterator

import pytest

from gateway.services.api_links import LinkBroken
from gateway.services.link import SocketLink
from tests.harness import PATIENCE
from tests.peers import Peer, listening, until

LIMIT = 4096


class Pair:
    """A link, its peer, and how often the link said that it changed."""

    def __init__(self, connection: socket.socket, peer: Peer, send_seconds: float) -> None:
        self.connection = connection
        self.peer = peer
        self.changes = 0
        self.link = SocketLink(
            2, connection, limit=LIMIT, send_seconds=send_seconds, changed=self._count
        )

    def _count(self, link: SocketLink) -> None:
        assert link is self.link
        self.changes += 1

    def make_room(self) -> None:
        """Let the kernel have room again, without a turn of the event loop."""
        while not select.select([], [self.connection], [], 0)[1]:
            select.select([self.peer.socket], [], [])
            self.peer.socket.recv(65536)


@contextlib.asynccontextmanager
async def pair(send_seconds: float = PATIENCE) -> AsyncIterator[Pair]:
    with listening(small=True) as server, socket.socket() as connection:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", server.port))
        made = Pair(connection, await server.accept(), send_seconds)
        try:
            yield made
        finally:
            made.link.release()


def test_what_it_is() -> None:
    async def work() -> None:
        async with pair() as both:
            link = both.link
            remote = both.peer.socket.getsockname()
            assert (link.slot, link.kind, link.accepted, link.interface) == (2, "TCP", False, None)
            assert (link.remote, link.local_port) == (remote, both.peer.socket.getpeername()[1])
            assert (link.waiting, link.ended, link.fragment_length) == (0, False, 0)

    asyncio.run(work())


def test_bytes_are_taken_in_order_and_at_most_so_many() -> None:
    async def work() -> None:
        async with pair() as both:
            await both.peer.send(b"0123456789")
            await until(lambda: both.link.waiting == 10)
            assert both.link.take(4) == b"0123"
            assert both.link.waiting == 6
            assert both.link.take(100) == b"456789"
            assert both.link.take(100) == b""

    asyncio.run(work())


def test_a_full_buffer_stops_reading_and_half_of_it_goes_on() -> None:
    async def work() -> None:
        async with pair() as both:
            await both.peer.send(bytes(LIMIT))
            await both.peer.send(b"more")
            await until(lambda: both.link.waiting == LIMIT)
            changes = both.changes
            both.link.take(LIMIT // 2 - 1)
            for _ in range(20):
                await asyncio.sleep(0)
            assert (both.link.waiting, both.changes) == (LIMIT // 2 + 1, changes)
            both.link.take(1)
            await until(lambda: both.link.waiting == LIMIT // 2 + 4)
            assert both.link.take(LIMIT)[-4:] == b"more"

    asyncio.run(work())


def test_the_end_is_said_once_and_data_stays() -> None:
    async def work() -> None:
        async with pair() as both:
            await both.peer.send(b"data")
            await until(lambda: both.link.waiting == 4)
            both.peer.close()
            await until(lambda: both.link.ended)
            changes = both.changes
            both.link.expire(10)
            for _ in range(20):
                await asyncio.sleep(0)
            assert both.changes == changes
            assert both.link.take(10) == b"data"

    asyncio.run(work())


def test_an_end_behind_a_full_buffer_is_seen_when_there_is_room() -> None:
    async def work() -> None:
        async with pair() as both:
            await both.peer.send(bytes(LIMIT))
            both.peer.close()
            await until(lambda: both.link.waiting == LIMIT)
            for _ in range(20):
                await asyncio.sleep(0)
            assert not both.link.ended
            both.link.take(LIMIT)
            await until(lambda: both.link.ended)

    asyncio.run(work())


def test_expiring() -> None:
    async def work() -> None:
        async with pair() as both:
            both.link.expire(180)
            assert (both.link.ended, both.changes) == (True, 1)

    asyncio.run(work())


def test_sending_to_one_who_is_gone() -> None:
    async def work() -> None:
        async with pair() as both:
            both.peer.reset()
            await until(lambda: both.link.ended)
            with pytest.raises(LinkBroken, match="link 2: sending failed: Broken pipe"):
                await both.link.send(b"hello")

    asyncio.run(work())


def test_sending_goes_on_as_long_as_some_is_taken() -> None:
    """The peer is slow, but never silent for the time limit."""
    data = bytes(8 << 20)

    async def work() -> None:
        async with pair() as both:
            sending = asyncio.ensure_future(both.link.send(data))
            assert await both.peer.receive(len(data)) == data
            await sending
            assert not both.link.ended

    asyncio.run(work())


def test_room_in_the_very_moment_of_the_limit_is_in_time() -> None:
    async def work() -> None:
        async with pair(send_seconds=0) as both:
            while both.link.send_at_once(b"x" * 65536):
                pass
            sending = asyncio.ensure_future(both.link.send(b"y"))
            await asyncio.sleep(0)
            assert not sending.done()
            both.make_room()
            await sending
            assert not both.link.ended

    asyncio.run(work())


def test_a_stalled_peer_breaks_the_link_and_is_reset() -> None:
    async def work() -> None:
        async with pair(send_seconds=0.05) as both:
            with pytest.raises(LinkBroken, match=r"took nothing for 0\.05 s"):
                await both.link.send(bytes(8 << 20))
            assert both.link.ended
            connection = both.link.release()
            assert connection is not None
            connection.close()
            with pytest.raises(ConnectionResetError):
                await both.peer.ended()

    asyncio.run(work())


def test_a_cancelled_send_leaves_no_watch_on_the_socket() -> None:
    async def work() -> None:
        async with pair() as both:
            sending = asyncio.ensure_future(both.link.send(bytes(8 << 20)))
            await until(lambda: both.link.send_at_once(b"x") == 0)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            connection = both.link.release()
            assert connection is not None
            assert not asyncio.get_running_loop().remove_writer(connection)
            assert not asyncio.get_running_loop().remove_reader(connection)

    asyncio.run(work())


def test_a_peer_that_was_reset_before_it_was_taken_has_no_name() -> None:
    async def work() -> None:
        with listening() as server, socket.socket() as connection:
            connection.setblocking(False)
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", server.port))
            (await server.accept()).reset()
            await asyncio.sleep(0)
            link = SocketLink(0, connection, limit=LIMIT, send_seconds=1, changed=lambda _: None)
            assert link.remote == ("0.0.0.0", 0)
            await until(lambda: link.ended)
            link.release()

    asyncio.run(work())


@pytest.mark.parametrize("abort", [False, True])
def test_closing_it_ends_a_send_that_waits(abort: bool) -> None:
    async def work() -> None:
        async with pair() as both:
            while both.link.send_at_once(b"x" * 65536):
                pass
            sending = asyncio.ensure_future(both.link.send(b"y" * 65536))
            await asyncio.sleep(0)
            assert not sending.done()
            both.link.release(abort=abort)
            with pytest.raises(LinkBroken, match="it was closed"):
                await sending

    asyncio.run(work())


def test_what_came_before_a_reset_is_read_though_sending_fails_first() -> None:
    async def work() -> None:
        async with pair() as both:
            link = both.link
            await both.peer.send(b"a" * LIMIT + b"the server's last words")
            await until(lambda: link.waiting == LIMIT)
            both.peer.reset()
            with pytest.raises(LinkBroken):
                link.send_at_once(b"more")
            assert link.take(LIMIT) == b"a" * LIMIT
            await until(lambda: link.ended)
            assert link.take(LIMIT) == b"the server's last words"

    asyncio.run(work())
