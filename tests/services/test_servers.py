"""Servers where the kernel is in the way: no descriptors, no room, no permission."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import AsyncIterator

import pytest

from gateway.services.api_links import NoChange, PortTaken
from gateway.services.link import SocketLink
from gateway.services.links import LinkLimits, LinkSlots
from gateway.services.servers import TcpServers
from tests import fake_time
from tests.peers import client, free_port, listening, until


class Ears:
    """A listener that remembers the links that were accepted."""

    def __init__(self) -> None:
        self.accepted: list[SocketLink] = []

    def link_accepted(self, link: object) -> None:
        assert isinstance(link, SocketLink)
        self.accepted.append(link)

    def link_changed(self, link: object) -> None:
        assert isinstance(link, SocketLink)


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[tuple[LinkSlots, TcpServers, Ears]]:
    links = LinkSlots(LinkLimits(), lambda _: None)
    servers = TcpServers(links)
    ears = links.listener = Ears()
    try:
        yield links, servers, ears
    finally:
        servers.end()
        await links.end()


def test_an_accepted_link() -> None:
    async def work() -> None:
        port = free_port()
        async with serving() as (links, servers, ears):
            servers.listen(port)
            async with client(port) as peer:
                await until(lambda: bool(ears.accepted))
                link = ears.accepted[0]
                assert (link.slot, link.accepted, link.port_of_server) == (0, True, port)
                assert (link.remote, link.local_port) == (("127.0.0.1", peer.port), port)
                assert links[0] is link

    asyncio.run(work())


def test_refusals_tell_why() -> None:
    async def work() -> None:
        async with serving() as (_links, servers, _ears):
            with listening() as other, pytest.raises(PortTaken, match="Address already in use"):
                servers.listen(other.port)
            with pytest.raises(NoChange, match="no such server runs"):
                servers.stop(None)
            port = free_port()
            servers.listen(port)
            with pytest.raises(NoChange, match=f"a server on port {port} runs already"):
                servers.listen(port)
            assert servers.running == 1
            for _ in range(4):
                servers.listen(free_port())
            with pytest.raises(NoChange, match="5 servers run already"):
                servers.listen(free_port())

    asyncio.run(work())


def test_without_descriptors_a_client_waits(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server tries again after a second, and does not spin until then."""
    caplog.set_level(logging.WARNING)
    tries: list[float] = []
    accept = socket.socket.accept

    def scarce(self: socket.socket) -> tuple[socket.socket, object]:
        tries.append(asyncio.get_running_loop().time())
        if len(tries) == 1:
            raise OSError(errno.EMFILE, "Too many open files")
        return accept(self)

    async def work() -> None:
        port = free_port()
        async with serving() as (_links, servers, ears):
            servers.listen(port)
            monkeypatch.setattr(socket.socket, "accept", scarce)
            async with client(port):
                await asyncio.sleep(0.9)
                assert (len(tries), ears.accepted) == (1, [])
                await asyncio.sleep(0.2)
                assert len(ears.accepted) == 1
            assert tries[1] - tries[0] == pytest.approx(1, abs=0.01)

    fake_time.run(work())
    assert "a client could not be taken" in caplog.text


def test_a_client_that_gives_up_in_the_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    accept = socket.socket.accept
    aborted = [True]

    def abort_once(self: socket.socket) -> tuple[socket.socket, object]:
        if aborted and aborted.pop():
            raise ConnectionAbortedError(errno.ECONNABORTED, "Software caused connection abort")
        return accept(self)

    async def work() -> None:
        port = free_port()
        async with serving() as (_links, servers, ears):
            servers.listen(port)
            monkeypatch.setattr(socket.socket, "accept", abort_once)
            async with client(port):
                await until(lambda: bool(ears.accepted))
            assert not aborted

    asyncio.run(work())


def test_the_end_leaves_no_timer() -> None:
    async def work() -> None:
        port = free_port()
        async with serving() as (links, servers, ears):
            servers.idle_limit = 60
            servers.listen(port)
            async with client(port):
                await until(lambda: bool(ears.accepted))
                servers.end()
                assert servers.running == 0
                begun = asyncio.get_running_loop().time()
                # on fake time this jumps to the next timer, which is this one
                await asyncio.sleep(100)
                assert asyncio.get_running_loop().time() - begun == pytest.approx(100)
                assert links[0] is ears.accepted[0]
                assert not ears.accepted[0].ended

    fake_time.run(work())
