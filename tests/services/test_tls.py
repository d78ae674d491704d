"""TLS links: who is trusted and who is not, against servers nobody here wrote."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from gateway.services.api_links import Authentication, TlsProfile
from gateway.services.tls import say_goodbye, secure
from tests.services import authority
from tests.services.authority import FUTURE, PAST
from tests.services.tls_servers import (
    ROOT,
    SERVER,
    chain,
    connected,
    openssl_program,
    openssl_server,
    python_server,
    receive,
    refusal,
    server_context,
    visit,
)


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


def test_the_server_cannot_become_another_one_later(tmp_path: Path) -> None:
    async def renegotiate(port: int, commands: IO[str]) -> bytes:
        with await secure(await connected(port), TlsProfile(), "localhost") as tls:
            # The command `r` asks for a new handshake, in which all could be different.
            commands.write("r\n")
            commands.flush()
            async with asyncio.timeout(5):
                return await receive(tls)

    with openssl_program(tmp_path, SERVER, "-tls1_2") as (port, process):
        assert process.stdin is not None
        # The server leaves, refused.
        with pytest.raises(ssl.SSLError, match="handshake failure"):
            asyncio.run(renegotiate(port, process.stdin))


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
