"""TLS links that do not come about: one clear cause each, and nothing left open."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import struct
from pathlib import Path

import pytest

from gateway.services.api_links import Authentication, TlsProfile
from gateway.services.tls import TlsRefused, say_goodbye, secure
from tests.services.tls_servers import (
    ROOT,
    SERVER,
    chain,
    connected,
    openssl_server,
    python_server,
    readable,
    refusal,
    server_context,
)


@pytest.mark.parametrize(
    "host",
    ["", ".", "a..b", ".a", "a" * 64, "a." * 127 + "a", "a" * 300, "a\0b", "a b\r", "\udcff"],
)
@pytest.mark.parametrize("profile", [TlsProfile(), chain(ROOT)], ids=["none", "chain"])
def test_a_host_that_no_certificate_can_name(
    tmp_path: Path, host: str, profile: TlsProfile
) -> None:
    async def try_it() -> str:
        async with python_server(server_context(tmp_path, SERVER)) as port:
            return await refusal(port, profile, host)

    assert asyncio.run(try_it()) == "the host name cannot be sent to the server"


def test_nothing_loaded_is_a_refusal(tmp_path: Path) -> None:
    async def try_it() -> tuple[str, str]:
        async with python_server(server_context(tmp_path, SERVER)) as port:
            fingerprint = await refusal(port, TlsProfile(Authentication.FINGERPRINT))
            return fingerprint, await refusal(port, TlsProfile(Authentication.CHAIN))

    assert asyncio.run(try_it()) == ("no fingerprint is loaded", "no CA certificate is loaded")


@pytest.mark.parametrize("anchor", [b"garbage", b"\xff\xfe", b""])
def test_garbage_as_anchor_is_a_refusal(tmp_path: Path, anchor: bytes) -> None:
    async def try_it() -> str:
        async with python_server(server_context(tmp_path, SERVER)) as port:
            return await refusal(port, TlsProfile(Authentication.CHAIN, anchors=(anchor,)))

    assert asyncio.run(try_it()) == "a loaded CA certificate cannot be read"


def test_a_server_that_finds_no_common_ground(tmp_path: Path) -> None:
    # A server that can only sign with a key of the other kind.
    cipher = ("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256")
    with openssl_server(tmp_path, SERVER, *cipher) as port:
        cause = asyncio.run(refusal(port, TlsProfile()))
    assert cause.startswith("the handshake failed: ")
    assert cause.endswith("alert handshake failure")


def test_a_server_that_is_too_old(tmp_path: Path) -> None:
    with openssl_server(tmp_path, SERVER, "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0") as port:
        cause = asyncio.run(refusal(port, TlsProfile()))
    assert cause == "the server speaks no TLS 1.2 or 1.3"


@pytest.mark.parametrize(
    "banner", [b"220 mail.example.org ESMTP\r\n", b"HTTP/1.0 400 Bad Request\r\n\r\n", b"\0" * 64]
)
def test_a_server_that_speaks_no_tls(banner: bytes) -> None:
    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(banner)
        await writer.drain()

    async def try_it() -> str:
        async with python_server(handler=say) as port:
            return await refusal(port, TlsProfile())

    assert asyncio.run(try_it()) == "the server is not speaking TLS"


def test_a_server_that_closes_at_once() -> None:
    async def close(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(65536)

    async def try_it() -> str:
        async with python_server(handler=close) as port:
            return await refusal(port, TlsProfile())

    assert asyncio.run(try_it()) == "the server closed the connection during the handshake"


def test_a_reset_in_the_handshake() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        _abort(writer.get_extra_info("socket"))
        writer.transport.abort()

    async def try_it() -> str:
        async with python_server(handler=reset) as port:
            return await refusal(port, TlsProfile())

    assert asyncio.run(try_it()) == "the connection was reset during the handshake"


def _abort(sock: socket.socket) -> None:
    """Let the coming close be a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_reset_before_the_handshake() -> None:
    async def try_it() -> str:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            sock = await connected(listener.getsockname()[1])
            accepted, _ = listener.accept()
            _abort(accepted)
            accepted.close()
            await asyncio.get_running_loop().run_in_executor(None, _wait_for_end, sock)
            with pytest.raises(TlsRefused) as refused:
                await secure(sock, TlsProfile(), "localhost")
            assert sock.fileno() == -1
            return str(refused.value)

    assert asyncio.run(try_it()) == "the connection was reset during the handshake"


def _wait_for_end(sock: socket.socket) -> None:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    assert poll.poll(10_000)


def test_a_silent_server_is_left_when_cancelled() -> None:
    async def try_it() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            sock = await connected(listener.getsockname()[1])
            accepted, _ = listener.accept()
            accepted.setblocking(False)
            with accepted:
                loop = asyncio.get_running_loop()
                attempt = asyncio.create_task(secure(sock, TlsProfile(), "localhost"))
                # The whole hello has come: the client waits for an answer now.
                hello = await loop.sock_recv(accepted, 65536)
                assert hello[0] == 22
                attempt.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await attempt
                # A reset, if OpenSSL was still at work.
                with contextlib.suppress(ConnectionResetError):
                    while await loop.sock_recv(accepted, 65536):
                        pass
            assert sock.fileno() == -1

    asyncio.run(try_it())


def test_cancelled_before_the_first_byte() -> None:
    async def try_it() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            sock = await connected(listener.getsockname()[1])
            attempt = asyncio.create_task(secure(sock, TlsProfile(), "localhost"))
            await asyncio.sleep(0)
            attempt.cancel()
            with pytest.raises(asyncio.CancelledError):
                await attempt
            assert sock.fileno() == -1

    asyncio.run(try_it())


def test_goodbye_never_raises(tmp_path: Path) -> None:
    async def try_it() -> None:
        async with python_server(server_context(tmp_path, SERVER)) as port:
            tls = await secure(await connected(port), TlsProfile(), "localhost")
            # The server's greeting lies unread: OpenSSL minds, the caller does not.
            await readable(tls)
            say_goodbye(tls)
            say_goodbye(tls)
            tls.close()
            say_goodbye(tls)

    asyncio.run(try_it())
