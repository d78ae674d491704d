"""The five slots: connecting, giving up, saying farewell."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.services.api import Interface
from gateway.services.api_links import Authentication, ConnectFailed, LookupFailed, TlsProfile
from gateway.services.link import SocketLink
from gateway.services.links import LinkLimits, LinkSlots
from tests.peers import Listener, Peer, free_port, listening, until
from tests.services.tls_servers import SERVER, python_server, server_context

STREAM = (socket.AF_INET, socket.SOCK_STREAM, 6, "")


class Ears:
    """A listener that remembers which links changed."""

    def __init__(self) -> None:
        self.changed: list[SocketLink] = []

    def link_accepted(self, link: object) -> None:
        raise AssertionError("there is no server")

    def link_changed(self, link: object) -> None:
        assert isinstance(link, SocketLink)
        self.changed.append(link)


@contextlib.asynccontextmanager
async def slots(limits: LinkLimits | None = None) -> AsyncIterator[LinkSlots]:
    made = LinkSlots(limits or LinkLimits(), lambda _: Interface.STATION)
    try:
        yield made
    finally:
        await made.end()


async def plain(links: LinkSlots, server: Listener, slot: int = 0) -> tuple[SocketLink, Peer]:
    """A TCP link and its peer."""
    link = await links.open(slot, "127.0.0.1", server.port, keep_alive=0, tls=None)
    return link, await server.accept()


def test_opening_and_closing_and_who_hears_of_it() -> None:
    async def work() -> None:
        with listening() as server:
            async with slots() as links:
                ears = links.listener = Ears()
                link, peer = await plain(links, server, 3)
                assert link.slot == 3
                assert list(links.open_links()) == [link]
                assert link.interface is Interface.STATION
                assert links.free_slot() == 0
                await peer.send(b"x")
                await until(lambda: ears.changed == [link])
                told = [links.last_one_closed]
                links.close(link)
                links.close(link)
                assert links[3] is None
                told.append(links.last_one_closed)
                links.forget_last_one()
                assert [*told, links.last_one_closed] == [False, True, False]
                assert await peer.ended() == b""

    asyncio.run(work())


def test_an_old_link_does_not_close_its_successor() -> None:
    async def work() -> None:
        with listening() as server:
            async with slots() as links:
                old, _ = await plain(links, server)
                links.close(old)
                new, _ = await plain(links, server)
                links.close(old)
                assert links[0] is new

    asyncio.run(work())


def test_the_next_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        with listening() as server:
            addresses = [(*STREAM, (ip, server.port)) for ip in ("127.0.0.9", "127.0.0.1")]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_: addresses)
            async with slots() as links:
                link = await links.open(0, "two.example", server.port, keep_alive=0, tls=None)
                assert link.remote == ("127.0.0.1", server.port)
                assert await links.resolve("two.example", 1) == "127.0.0.9"

    asyncio.run(work())


def test_the_cause_of_a_refusal() -> None:
    port = free_port()

    async def work() -> None:
        async with slots() as links:
            with pytest.raises(ConnectFailed, match=f"127.0.0.1 port {port}: Connection refused"):
                await links.open(0, "127.0.0.1", port, keep_alive=0, tls=None)
            assert links.free_slot() == 0

    asyncio.run(work())


def test_what_looks_at_no_date_does_not_ask_for_the_time(tmp_path: Path) -> None:
    async def doubt() -> str | None:
        raise AssertionError("asked")

    async def work() -> None:
        async with python_server(server_context(tmp_path, SERVER)) as port:
            links = LinkSlots(LinkLimits(), lambda _: None, doubt=doubt)
            fingerprint = TlsProfile(Authentication.FINGERPRINT, fingerprint=SERVER.sha256)
            for slot, tls in enumerate((None, TlsProfile(), fingerprint)):
                await links.open(slot, "127.0.0.1", port, keep_alive=0, tls=tls)
            assert await links.offers_fragment_length("127.0.0.1", port, 512) in (True, False)
            chain = TlsProfile(Authentication.CHAIN, anchors=(SERVER.pem,))
            with pytest.raises(AssertionError, match="asked"):
                await links.open(3, "127.0.0.1", port, keep_alive=0, tls=chain)
            assert links.free_slot() == 3
            await links.end()

    asyncio.run(work())


def test_giving_up_frees_the_slot_and_closes_the_socket() -> None:
    async def work() -> None:
        with listening() as server:
            async with slots() as links:
                opening = asyncio.ensure_future(
                    links.open(0, "127.0.0.1", server.port, keep_alive=0, tls=TlsProfile())
                )
                peer = await server.accept()
                assert (await peer.receive(1)) == b"\x16"
                assert links.free_slot() == 1
                opening.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await opening
                assert links.free_slot() == 0
                with contextlib.suppress(ConnectionResetError):  # OpenSSL may be at work
                    await peer.ended()

    asyncio.run(work())


def test_a_time_limit_for_everything_together() -> None:
    async def work() -> None:
        with listening() as server:
            async with slots(LinkLimits(connect_seconds=0.2)) as links:
                begun = asyncio.get_running_loop().time()
                with pytest.raises(ConnectFailed, match=r"no answer within 0\.2 s"):
                    await links.open(0, "localhost", server.port, keep_alive=0, tls=TlsProfile())
                assert asyncio.get_running_loop().time() - begun < 2

    asyncio.run(work())


def test_a_name_that_is_none() -> None:
    async def work() -> None:
        async with slots() as links:
            with pytest.raises(LookupFailed, match="not a name that DNS can hold"):
                await links.resolve("a" * 64 + ".example", 5)

    asyncio.run(work())


def test_closing_with_unread_data_still_delivers_what_was_sent() -> None:
    async def work() -> None:
        with listening() as server:
            async with slots(LinkLimits(buffer_bytes=1024)) as links:
                link, peer = await plain(links, server)
                await peer.send(bytes(100_000))
                await until(lambda: link.waiting == 1024)
                await link.send(b"goodbye")
                links.close(link)
                await peer.send(bytes(100_000))
                assert await peer.ended() == b"goodbye"

    asyncio.run(work())


def test_a_tls_link_is_closed_with_a_close_notify(tmp_path: Path) -> None:
    context = server_context(tmp_path, SERVER)

    async def work() -> None:
        with listening() as server:
            async with slots() as links:
                opening = asyncio.ensure_future(
                    links.open(0, "localhost", server.port, keep_alive=0, tls=TlsProfile())
                )
                peer = await server.accept()
                end = context.wrap_socket(
                    peer.socket,
                    server_side=True,
                    do_handshake_on_connect=False,
                    suppress_ragged_eofs=False,
                )
                with end:
                    await retry(end.do_handshake)
                    link = await opening
                    assert link.kind == "SSL"
                    await link.send(b"last")
                    links.close(link)
                    assert await retry(lambda: end.recv(100)) == b"last"
                    # without a close_notify this would raise SSLEOFError
                    assert await retry(lambda: end.recv(100)) == b""

    asyncio.run(work())


async def retry(step: object) -> object:
    """The result of a TLS step on a socket that does not block."""
    assert callable(step)
    async with asyncio.timeout(10):
        while True:
            try:
                return step()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                await asyncio.sleep(0)


def test_an_abort_holds_for_one_close_of_its_slot() -> None:
    async def work() -> None:
        with listening() as server:
            async with slots() as links:
                links.abort_next_close(0, True)
                links.abort_next_close(1, True)
                links.abort_next_close(1, False)
                for slot, error in ((1, None), (0, ConnectionResetError), (0, None)):
                    link, peer = await plain(links, server, slot)
                    links.close(link)
                    with pytest.raises(error) if error else contextlib.nullcontext():
                        assert await peer.ended() == b""

    asyncio.run(work())


def test_the_end_leaves_no_socket_however_stubborn_the_peers() -> None:
    async def work() -> None:
        with listening() as server:
            async with slots() as links:
                peers = []
                for _ in range(5):
                    for slot in range(5):
                        link, peer = await plain(links, server, slot)
                        peers.append(peer)
                        links.close(link)
                await plain(links, server)
            # links.end() has closed all: each peer sees an end or a reset
            for peer in peers:
                with contextlib.suppress(ConnectionResetError):
                    assert await peer.ended() == b""

    asyncio.run(work())


def test_journal_has_opening_and_closing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.links")

    async def work() -> int:
        with listening() as server:
            async with slots() as links:
                link, _ = await plain(links, server, 4)
                links.close(link)
                return server.port

    port = asyncio.run(work())
    assert caplog.messages == [f"link 4 TCP to 127.0.0.1:{port}", "link 4 closed"]


def test_ipv6_needs_no_more_than_the_family() -> None:
    async def work() -> None:
        with socket.socket(socket.AF_INET6) as server:
            try:
                server.bind(("::1", 0))
            except OSError:
                pytest.skip("no IPv6 here")
            server.setblocking(False)
            server.listen()
            links = LinkSlots(LinkLimits(), lambda _: None, socket.AF_INET6)
            port = server.getsockname()[1]
            link = await links.open(0, "::1", port, keep_alive=0, tls=None)
            connection, _ = await asyncio.get_running_loop().sock_accept(server)
            with connection:
                assert link.remote == ("::1", port)
                await links.end()

    asyncio.run(work())
