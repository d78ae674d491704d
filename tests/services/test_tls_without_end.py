"""Peers that send TLS messages without end: one turn reads one of them, and no thread is lost."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.services.api_links import TlsProfile
from gateway.services.link import SocketLink
from gateway.services.tls import secure
from tests.harness import PATIENCE
from tests.peers import until
from tests.services.key_updates import NOT_REQUESTED, REQUESTED, update_keys
from tests.services.tls_servers import SERVER, connected, readable, server_context

UPDATES = 50
LIMIT = 2048
PIECE = bytes(65536)
FLOOD, MOST = 64 << 20, 1 << 30
"""Bytes after which a handshake is given up, and after which it would end by itself."""


@contextlib.contextmanager
def listening(room: int | None = None) -> Iterator[socket.socket]:
    """A listening socket, with little room for what is received where `room` says so."""
    with socket.socket() as server:
        if room is not None:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        server.settimeout(PATIENCE)
        yield server


async def both_ends(folder: Path, server: socket.socket) -> tuple[ssl.SSLSocket, ssl.SSLSocket]:
    """A secured connection: our end, and the server's, non-blocking."""

    def accept() -> ssl.SSLSocket:
        connection, _ = server.accept()
        connection.settimeout(PATIENCE)
        return server_context(folder, SERVER).wrap_socket(connection, server_side=True)

    accepting = asyncio.ensure_future(asyncio.to_thread(accept))
    ours = await secure(await connected(server.getsockname()[1]), TlsProfile(), "localhost")
    theirs = await accepting
    theirs.setblocking(False)
    return ours, theirs


def link_on(connection: ssl.SSLSocket) -> SocketLink:
    return SocketLink(0, connection, limit=LIMIT, send_seconds=PATIENCE, changed=lambda _: None)


def test_reading_returns_behind_each_key_update(tmp_path: Path) -> None:
    async def work() -> int:
        with listening() as server:
            ours, theirs = await both_ends(tmp_path, server)
            with ours, theirs:
                for _ in range(UPDATES):
                    assert update_keys(theirs)
                theirs.send(b"x")
                returned = 0
                while True:
                    # so that none counts that returns because nothing has come yet
                    await readable(ours)
                    try:
                        assert ours.recv(LIMIT) == b"x"
                    except ssl.SSLWantReadError:
                        returned += 1
                        continue
                    return returned

    assert asyncio.run(work()) >= UPDATES


@pytest.mark.parametrize("request_too", [NOT_REQUESTED, REQUESTED])
def test_data_behind_key_updates_comes(tmp_path: Path, request_too: int) -> None:
    async def work() -> None:
        with listening() as server:
            ours, theirs = await both_ends(tmp_path, server)
            with theirs:
                link = link_on(ours)
                for number in range(UPDATES):
                    assert update_keys(theirs, request_too)
                    theirs.send(b"%d," % number)
                expected = b"".join(b"%d," % number for number in range(UPDATES))
                await until(lambda: link.waiting == len(expected))
                assert link.take(LIMIT) == expected
                assert not link.ended
                link.release()
                ours.close()

    asyncio.run(work())


@contextlib.asynccontextmanager
async def blocked(folder: Path) -> AsyncIterator[tuple[ssl.SSLSocket, ssl.SSLSocket, SocketLink]]:
    """Both ends, and a link on ours that can answer no more: they ask for keys and read none."""
    with listening(room=4096) as server:
        ours, theirs = await both_ends(folder, server)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        with ours, theirs:
            link = link_on(ours)
            try:
                async with asyncio.timeout(PATIENCE):
                    while not link.blocked:
                        update_keys(theirs, REQUESTED)  # one, so that they do not block themselves
                        await asyncio.sleep(0)
                yield ours, theirs, link
            finally:
                link.release()


def test_who_takes_no_answer_is_not_read_until_he_does(tmp_path: Path) -> None:
    async def work() -> None:
        async with blocked(tmp_path) as (ours, theirs, link), asyncio.timeout(PATIENCE):
            loop = asyncio.get_running_loop()
            assert not loop.remove_reader(ours.fileno())  # nothing watches, nothing spins
            said = 0
            while link.waiting < 5:
                with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    theirs.recv(LIMIT)
                if not said:
                    with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                        said = theirs.send(b"hello")
                await asyncio.sleep(0)
            assert link.take(LIMIT) == b"hello"
            assert not link.blocked

    asyncio.run(work())


def test_a_blocked_link_can_be_closed(tmp_path: Path) -> None:
    async def work() -> None:
        async with blocked(tmp_path) as (ours, _, link):
            link.take(LIMIT)
            link.release()
            assert not asyncio.get_running_loop().remove_writer(ours.fileno())

    asyncio.run(work())


reading = threading.Event()


def read_on(tls: ssl.SSLSocket) -> None:
    """OpenSSL's handshake with somebody who is always the faster one."""
    reading.set()
    while True:
        with contextlib.suppress(BlockingIOError):
            if not socket.socket.recv(tls, 65536):
                return


def test_a_handshake_that_never_ends_can_be_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer sends until it is cut off, which is what ends this test."""
    reading.clear()
    monkeypatch.setattr(ssl.SSLSocket, "do_handshake", read_on)

    async def work() -> None:
        loop = asyncio.get_running_loop()
        enough = asyncio.Event()

        def flood() -> int:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(PATIENCE)
                sent = 0
                with contextlib.suppress(ConnectionError):
                    while sent < MOST:
                        sent += connection.send(PIECE)
                        if sent > FLOOD:
                            loop.call_soon_threadsafe(enough.set)
            return sent

        with listening() as server:
            flooding = asyncio.ensure_future(asyncio.to_thread(flood))
            sock = await connected(server.getsockname()[1])
            handshake = asyncio.ensure_future(secure(sock, TlsProfile(), "localhost"))
            await enough.wait()
            assert not handshake.done()
            handshake.cancel()
            await asyncio.wait({handshake})
            assert handshake.cancelled()
            assert sock.fileno() == -1
            assert FLOOD < await flooding < MOST

    asyncio.run(work())


def test_without_ctypes_a_handshake_can_be_given_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    reading.clear()
    monkeypatch.setattr(ssl.SSLSocket, "do_handshake", read_on)

    async def work() -> None:
        with listening() as server:
            sock = await connected(server.getsockname()[1])
            peer, _ = server.accept()
            with peer:
                handshake = asyncio.ensure_future(secure(sock, TlsProfile(), "localhost"))
                peer.settimeout(PATIENCE)
                await asyncio.to_thread(reading.wait, PATIENCE)
                monkeypatch.setitem(sys.modules, "ctypes", None)
                handshake.cancel()
                await asyncio.wait({handshake})
                assert handshake.cancelled()
                assert peer.recv(1) == b""

    asyncio.run(work())
