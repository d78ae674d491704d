"""What the machine's owner forbids, as the microcontroller sees it: `connect fail`."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from gateway.services.connecting import Rules
from gateway.services.reach import other_machines
from gateway.services.resolver import SocketAddress
from gateway.services.tls import TlsRules
from tests import fake_time
from tests.harness import Desk, at_desk
from tests.peers import listening
from tests.services.tls_servers import SERVER, openssl_server, python_server, server_context

CONNECTED = b"CONNECT\r\n\r\nOK\r\n"
AUTHENTICATED = TlsRules(require_authentication=True)
ONLY_1_3 = TlsRules(minimum_version="1.3")


@pytest.mark.parametrize(("mux", "closed"), [("", b"CLOSED\r\n"), ("4,", b"")])
def test_this_machine_is_a_server_that_cannot_be_reached(
    mux: str, closed: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def work(desk: Desk) -> None:
        await desk.join()
        await desk.ask(f"AT+CIPMUX={len(mux) // 2}")
        with listening() as server:
            desk.type(f'AT+CIPSTART={mux}"TCP","localhost",{server.port}\r\n')
            await desk.expect(b"connect fail\r\n\r\nERROR\r\n" + closed)
            await desk.ask(f'AT+CIPSSLMFLN="localhost",{server.port},512', b"FALSE\r\n\r\nOK\r\n")
            await desk.turns(20)
            assert desk.unread() == b""
            with pytest.raises(BlockingIOError):
                server.socket.accept()

    at_desk(work, rules=Rules(other_machines))
    why = "that is this machine itself, and [links] allow_loopback is off"
    assert sum(why in message for message in caplog.messages) == 2


def test_pass_through_does_not_find_a_way_either(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    reasons: list[str] = []
    asked: list[SocketAddress] = []

    def forbidden(address: SocketAddress) -> str | None:
        asked.append(address)
        return reasons[0] if reasons else None

    async def work(desk: Desk) -> None:
        await desk.join()
        await desk.ask("AT+CIPMODE=1")
        with listening() as server:
            peer = await server.link(desk)
            await desk.ask("AT+CIPSEND", b">")
            # The name leads elsewhere now.
            reasons.append("that is this machine itself")
            peer.reset()
            await asyncio.sleep(3.5)
            assert len(asked) == 4
            with pytest.raises(BlockingIOError):
                server.socket.accept()
            # It was that alone which kept it from being opened again.
            reasons.clear()
            await server.accept()

    at_desk(work, rules=Rules(forbidden), runner=fake_time.run)
    assert "that is this machine itself" in caplog.text


def test_an_unauthenticated_tls_link_is_refused_before_it_is_connected(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)

    async def work(desk: Desk) -> None:
        await desk.join()
        with listening() as server:
            desk.type(f'AT+CIPSTART="SSL","localhost",{server.port}\r\n')
            await desk.expect(b"connect fail\r\n\r\nERROR\r\nCLOSED\r\n")
            with pytest.raises(BlockingIOError):
                server.socket.accept()
            # A name that is not one is told as always.
            desk.type(f'AT+CIPSTART="SSL","{"a" * 64}.example",443\r\n')
            await desk.expect(b"DNS Fail\r\n\r\nERROR\r\nCLOSED\r\n")
            # No TLS, no authentication: TCP is the microcontroller's own business.
            await server.link(desk)

    at_desk(work, rules=Rules(tls=AUTHENTICATED))
    assert "TLS refused: [tls] require_authentication wants AT+CIPSSLAUTH=1 or 2" in caplog.text


def test_a_fingerprint_or_a_chain_is_authentication_enough(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        async with python_server(server_context(tmp_path, SERVER)) as port:
            start = f'AT+CIPSTART="SSL","localhost",{port}'
            await desk.ask(f'AT+CIPSSLFP="{SERVER.sha256.hex()}"')
            await desk.ask("AT+CIPSSLAUTH=1")
            assert await desk.ask(start) == CONNECTED
            await desk.expect(b"+IPD,5:hello")
            await desk.ask("AT+CIPCLOSE")
            await desk.ask("AT+CIPSSLCERT", b">")
            desk.type(SERVER.pem.strip())
            await desk.expect(b"OK\r\n")
            await desk.ask("AT+CIPSSLAUTH=2")
            assert await desk.ask(start) == CONNECTED
            await desk.expect(b"+IPD,5:hello")
            await desk.ask("AT+CIPCLOSE")
            await desk.ask("AT+CIPSSLAUTH=0")
            assert b"connect fail" in await desk.ask(start, b"CLOSED\r\n")
            # The probe sends nothing over its link.
            await desk.ask(f'AT+CIPSSLMFLN="localhost",{port},512', b"TRUE\r\n\r\nOK\r\n")

    at_desk(work, rules=Rules(tls=AUTHENTICATED))


@pytest.mark.parametrize(("version", "new_enough"), [("-tls1_2", False), ("-tls1_3", True)])
def test_the_lowest_version(
    tmp_path: Path, version: str, new_enough: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def work(desk: Desk) -> None:
        await desk.join()
        start = f'AT+CIPSTART="SSL","localhost",{port}'
        if new_enough:
            assert await desk.ask(start) == CONNECTED
        else:
            assert b"connect fail" in await desk.ask(start, b"CLOSED\r\n")

    with openssl_server(tmp_path, SERVER, version) as port:
        at_desk(work, rules=Rules(tls=ONLY_1_3))
    assert ("TLS refused: the server speaks no TLS 1.3" in caplog.text) is not new_enough
