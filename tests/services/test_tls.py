"""TLS links against servers nobody here wrote: the openssl program, and Python's ssl."""

from __future__ import annotations

import asyncio
import contextlib
import re
import select
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from gateway.services import fragments
from gateway.services.api_links import Authentication, TlsProfile
from gateway.services.tls import (
    TlsRefused,
    offers_fragment_length,
    say_goodbye,
    secure,
)
from tests.services import authority
from tests.services.authority import FUTURE, PAST, Identity
from tests.services.deaf_server import deafen

ROOT = authority.self_signed("Test Root")
SERVER = ROOT.issue(names=["localhost"])


def chain(*anchors: Identity) -> TlsProfile:
    return TlsProfile(Authentication.CHAIN, anchors=tuple(anchor.pem for anchor in anchors))


@contextlib.contextmanager
def openssl_server(folder: Path, identity: Identity, *options: str) -> Iterator[int]:
    """The program `openssl s_server`, answering HTTP with the files of `folder`; its port."""
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-WWW", *options]
    command += ["-cert", str(identity.write(folder))]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with process:
        try:
            assert process.stdout is not None
            said = ""
            while (found := re.match(r"ACCEPT 127.0.0.1:(\d+)", said)) is None:
                said = process.stdout.readline()
                assert said, "openssl s_server ended"
            yield int(found[1])
        finally:
            process.kill()


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello")
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await reader.read()
    writer.close()


@contextlib.asynccontextmanager
async def python_server(
    context: ssl.SSLContext | None = None, handler: Handler = greet
) -> AsyncIterator[int]:
    """A server of asyncio's, with Python's ssl or without; its port."""
    ended: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        ended.add(task)
        try:
            await handler(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.gather(*ended, return_exceptions=True)


def server_context(folder: Path, identity: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.write(folder))
    return context


async def connected(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return sock


async def readable(tls: ssl.SSLSocket) -> None:
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    loop.add_reader(tls, event.set)
    await event.wait()
    loop.remove_reader(tls)


async def receive(tls: ssl.SSLSocket) -> bytes:
    while True:
        try:
            return tls.recv(65536)
        except ssl.SSLWantReadError:
            await readable(tls)


async def visit(port: int, profile: TlsProfile, host: str = "localhost") -> str:
    """Secure a link, close it properly, and tell the TLS version."""
    with await secure(await connected(port), profile, host) as tls:
        version = tls.version()
        say_goodbye(tls)
        return version or "none"


async def refusal(port: int, profile: TlsProfile, host: str = "localhost") -> str:
    sock = await connected(port)
    with pytest.raises(TlsRefused) as refused:
        await secure(sock, profile, host)
    assert sock.fileno() == -1
    return str(refused.value)


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("key", [authority.ec_key, authority.rsa_key])
def test_openssl_with_either_version_and_key(
    tmp_path: Path, version: str, key: Callable[[], authority.Key]
) -> None:
    identity = ROOT.issue(key=key())
    option = version.replace("TLSv", "-tls").replace(".", "_")
    with openssl_server(tmp_path, identity, option) as port:
        for profile in (
            TlsProfile(),
            TlsProfile(Authentication.FINGERPRINT, identity.sha1),
            TlsProfile(Authentication.FINGERPRINT, identity.sha256),
            chain(ROOT),
        ):
            assert asyncio.run(visit(port, profile)) == version
        wrong = TlsProfile(Authentication.FINGERPRINT, ROOT.sha1)
        cause = asyncio.run(refusal(port, wrong))
    found, expected = identity.sha1.hex(":").upper(), ROOT.sha1.hex(":").upper()
    assert cause == f"fingerprint is {found}, expected {expected}"


def test_data_goes_both_ways(tmp_path: Path) -> None:
    closed: list[asyncio.Future[None]] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readexactly(4)).upper())
        # The end comes only if the client has said goodbye: close_notify, not a mere FIN.
        assert await reader.read() == b""
        closed[0].set_result(None)

    async def talk() -> None:
        closed.append(asyncio.get_running_loop().create_future())
        async with python_server(server_context(tmp_path, SERVER), echo) as port:
            with await secure(await connected(port), chain(ROOT), "localhost") as tls:
                assert tls.gettimeout() == 0
                tls.send(b"abcd")
                assert await receive(tls) == b"ABCD"
                say_goodbye(tls)
                await closed[0]

    asyncio.run(talk())


WRONG_SERVERS = {
    "certificate has expired": (ROOT.issue(valid=PAST), chain(ROOT)),
    "certificate is not yet valid": (ROOT.issue(valid=FUTURE), chain(ROOT)),
    "unable to get local issuer certificate": (
        SERVER,
        chain(authority.self_signed("Another Root")),
    ),
    "self-signed certificate": (authority.self_signed(authority=False), chain(ROOT)),
    "Hostname mismatch, certificate is not valid for 'localhost'": (
        ROOT.issue(names=["example.org"]),
        chain(ROOT),
    ),
}


@pytest.mark.parametrize("cause", WRONG_SERVERS)
def test_chain_mode_refuses_in_openssl_s_words(tmp_path: Path, cause: str) -> None:
    identity, profile = WRONG_SERVERS[cause]

    async def try_it() -> str:
        async with python_server(server_context(tmp_path, identity)) as port:
            # Without authentication the very same server is taken.
            assert await visit(port, TlsProfile()) == "TLSv1.3"
            return await refusal(port, profile)

    assert asyncio.run(try_it()) == cause


def test_the_words_of_the_openssl_program_s_refusals(tmp_path: Path) -> None:
    with openssl_server(tmp_path, ROOT.issue(valid=PAST)) as port:
        assert asyncio.run(refusal(port, chain(ROOT))) == "certificate has expired"


def test_an_expired_anchor_is_refused(tmp_path: Path) -> None:
    root = authority.self_signed("Old Root", valid=PAST)

    async def try_it() -> str:
        async with python_server(server_context(tmp_path, root.issue())) as port:
            return await refusal(port, chain(root))

    assert asyncio.run(try_it()) == "certificate has expired"


def test_an_expired_intermediate_is_refused_as_anchor(tmp_path: Path) -> None:
    middle = ROOT.issue("Middle", authority=True, valid=PAST)

    async def try_it() -> str:
        async with python_server(server_context(tmp_path, middle.issue())) as port:
            return await refusal(port, chain(middle))

    assert asyncio.run(try_it()) == "certificate has expired"


def test_every_loaded_certificate_is_an_anchor(tmp_path: Path) -> None:
    middle = ROOT.issue("Middle", authority=True)
    below = middle.issue()
    alone = authority.self_signed("alone", authority=False, names=["localhost"])

    async def try_it() -> None:
        async with python_server(server_context(tmp_path, below)) as port:
            for anchor in (ROOT, middle, below):
                await visit(port, chain(anchor))
            await visit(port, chain(alone, SERVER, middle))
        async with python_server(server_context(tmp_path, alone)) as port:
            await visit(port, chain(alone))

    asyncio.run(try_it())


def test_an_ip_literal_is_checked_against_ip_names(tmp_path: Path) -> None:
    identity = ROOT.issue("127.0.0.1", names=["localhost"], addresses=["127.0.0.1", "::1"])

    async def try_it() -> str:
        async with python_server(server_context(tmp_path, identity)) as port:
            await visit(port, chain(ROOT), "127.0.0.1")
            await visit(port, chain(ROOT), "::1")
            return await refusal(port, chain(ROOT), "127.0.0.2")

    cause = asyncio.run(try_it())
    assert cause == "IP address mismatch, certificate is not valid for '127.0.0.2'"


def test_a_name_is_sent_as_sni_and_an_ip_literal_is_not(tmp_path: Path) -> None:
    asked: list[str | None] = []

    async def try_it() -> None:
        context = server_context(tmp_path, SERVER)
        context.sni_callback = lambda _socket, name, _context: asked.append(name)
        async with python_server(context) as port:
            for host in ("localhost", "www.example.org.", "127.0.0.1", "::1", "bücher.example"):
                await visit(port, TlsProfile(), host)

    asyncio.run(try_it())
    assert asked == ["localhost", "www.example.org", None, None, "xn--bcher-kva.example"]


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


def test_garbage_as_anchor_is_a_refusal(tmp_path: Path) -> None:
    async def try_it() -> str:
        async with python_server(server_context(tmp_path, SERVER)) as port:
            return await refusal(port, TlsProfile(Authentication.CHAIN, anchors=(b"garbage",)))

    assert asyncio.run(try_it()).startswith("the CA certificates cannot be used: ")


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
                while await loop.sock_recv(accepted, 65536):
                    pass
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


LENGTHS = [512, 1024, 2048, 4096]


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_records_are_as_long_as_agreed(tmp_path: Path, version: str) -> None:
    (tmp_path / "big").write_bytes(bytes(range(256)) * 400)

    async def fetch(port: int, length: int | None) -> tuple[int, int, bytes]:
        profile = TlsProfile(fragment_length=length)
        answer, longest = b"", 0
        with await secure(await connected(port), profile, "localhost") as tls:
            agreed = fragments.agreed(tls)
            tls.send(b"GET /big HTTP/1.0\r\n\r\n")
            # A read never gives more than one record.
            while piece := await receive(tls):
                longest = max(longest, len(piece))
                answer += piece
        return agreed, longest, answer.partition(b"\r\n\r\n")[2]

    with openssl_server(tmp_path, SERVER, version) as port:
        agreed, longest, body = asyncio.run(fetch(port, None))
        assert agreed == 0
        assert longest > 4096
        assert body == bytes(range(256)) * 400
        for length in LENGTHS:
            assert asyncio.run(fetch(port, length)) == (length, length, body)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_probe_finds_fragments(tmp_path: Path, version: str) -> None:
    async def probe(port: int, length: int) -> bool:
        sock = await connected(port)
        answer = await offers_fragment_length(sock, "localhost", length)
        assert sock.fileno() == -1
        return answer

    # Nothing about the certificate is checked.
    with openssl_server(tmp_path, ROOT.issue(names=["else"], valid=PAST), version) as port:
        for length in LENGTHS:
            assert asyncio.run(probe(port, length))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_probe_of_a_server_without_fragments(tmp_path: Path, version: ssl.TLSVersion) -> None:
    async def try_it() -> bool:
        context = server_context(tmp_path, SERVER)
        context.maximum_version = version
        deafen(context)
        async with python_server(context) as port:
            profile = TlsProfile(fragment_length=512)
            # The link itself comes about, with fragments of any size.
            with await secure(await connected(port), profile, "localhost") as tls:
                assert fragments.agreed(tls) == 0
            return await offers_fragment_length(await connected(port), "localhost", 512)

    assert not asyncio.run(try_it())


def test_probe_of_a_server_without_tls(caplog: pytest.LogCaptureFixture) -> None:
    async def close(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(65536)

    async def try_it() -> bool:
        async with python_server(handler=close) as port:
            return await offers_fragment_length(await connected(port), "site.example", 512)

    caplog.set_level("INFO")
    assert not asyncio.run(try_it())
    assert "site.example" in caplog.text
    assert "the server closed the connection during the handshake" in caplog.text
