"""TLS links over the line, and the commands that rule them (contract, section 7)."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.services.network.simulated import World
from tests.harness import Desk, at_desk
from tests.peers import free_port, link_ended, listening
from tests.services import authority
from tests.services.authority import PAST, Identity
from tests.services.deaf_server import deafen
from tests.services.tls_servers import (
    ROOT,
    SERVER,
    openssl_server,
    python_server,
    server_context,
)

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"
NO_CONNECTION = b"connect fail\r\n\r\nERROR\r\nCLOSED\r\n"
REPLIED = re.compile(rb"OK\r\n|CLOSED\r\n")
Prove = Callable[[Desk], Awaitable[None]]
NO_IP = World(pace=0, ethernet=False)


async def load(desk: Desk, identity: Identity) -> None:
    """Upload a certificate."""
    await desk.ask("AT+CIPSSLCERT", b">")
    desk.type(identity.pem.strip())
    await desk.expect(b"OK\r\n")


async def start(desk: Desk, port: int, host: str = "localhost") -> bytes:
    """All that AT+CIPSTART answers; a success ends in OK."""
    desk.type(f'AT+CIPSTART="SSL","{host}",{port}\r\n')
    return await desk.expect_match(REPLIED)


# links


def test_a_page_from_the_openssl_program(tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(b"all of it")

    async def work(desk: Desk) -> None:
        await desk.join()
        assert await start(desk, port) == b"CONNECT\r\n" + OK
        shown = await desk.ask("AT+CIPSTATUS")
        assert shown.startswith(b'STATUS:3\r\n+CIPSTATUS:0,"SSL","127.0.0.1",%d,' % port)
        await desk.ask("AT+CIPSEND=20", b"> ")
        desk.type("GET /page HTTP/1.0\r\n")
        await desk.expect(b"SEND OK\r\n")
        await desk.ask("AT+CIPSEND=2", b"> ")
        desk.type("\r\n")
        said = await desk.expect(b"CLOSED\r\n")
        assert b"all of it" in said
        assert said.endswith(b"CLOSED\r\n")

    with openssl_server(tmp_path, SERVER) as port:
        at_desk(work)


async def with_chain(desk: Desk) -> None:
    await load(desk, ROOT)
    await desk.ask("AT+CIPSSLAUTH=2")


async def with_sha1(desk: Desk) -> None:
    await desk.ask(f'AT+CIPSSLFP="{SERVER.sha1.hex()}"')
    await desk.ask("AT+CIPSSLAUTH=1")


async def with_sha256(desk: Desk) -> None:
    await desk.ask(f'AT+CIPSSLFP="{SERVER.sha256.hex(":")}"')
    await desk.ask("AT+CIPSSLAUTH=1")


@pytest.mark.parametrize("prove", [with_chain, with_sha1, with_sha256])
def test_a_server_that_proves_itself(prove: Prove, tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        async with python_server(server_context(tmp_path, SERVER)) as port:
            await prove(desk)
            assert await start(desk, port) == b"CONNECT\r\n" + OK
            assert await desk.expect(b"hello") == b"\r\n+IPD,5:hello"
            await desk.ask("AT+CIPCLOSE")

    at_desk(work)


OLD = ROOT.issue(names=["localhost"], valid=PAST)
ELSEWHERE = ROOT.issue(names=["elsewhere.example"])
STRANGER = authority.self_signed("Other Root").issue(names=["localhost"])


@pytest.mark.parametrize(
    ("identity", "prove", "cause"),
    [
        (OLD, with_chain, "certificate has expired"),
        (ELSEWHERE, with_chain, "Hostname mismatch"),
        (STRANGER, with_chain, "unable to get local issuer certificate"),
        (STRANGER, with_sha1, f"expected {SERVER.sha1.hex(':').upper()}"),
        (STRANGER, with_sha256, f"fingerprint is {STRANGER.sha256.hex(':').upper()}"),
    ],
    ids=["old", "elsewhere", "stranger", "SHA-1", "SHA-256"],
)
def test_a_refusal_tells_its_cause_in_the_log(
    identity: Identity,
    prove: Prove,
    cause: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)

    async def work(desk: Desk) -> None:
        await desk.join()
        async with python_server(server_context(tmp_path, identity)) as port:
            await prove(desk)
            assert await start(desk, port) == NO_CONNECTION
            assert await desk.ask("AT+CIPSTATUS") == b"STATUS:2\r\n" + OK

    at_desk(work)
    assert cause in caplog.text


def test_before_the_time_is_known_no_chain_is_checked_and_then_it_works_by_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    doubts: list[str | None] = []

    async def doubt() -> str | None:
        return doubts[-1]

    async def work(desk: Desk) -> None:
        await desk.join()
        desk.links._connector._doubt = doubt
        async with python_server(server_context(tmp_path, SERVER)) as port:
            await with_chain(desk)
            doubts.append("the time is not known yet")
            assert await start(desk, port) == NO_CONNECTION
            doubts.append(None)
            assert (await start(desk, port)).endswith(b"OK\r\n")
            await desk.expect(b"+IPD,5:hello")
            await desk.ask("AT+CIPCLOSE")

    at_desk(work)
    assert "TLS refused: the time is not known yet" in caplog.text


def test_servers_that_speak_no_tls_or_an_old_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def work(desk: Desk) -> None:
        await desk.join()
        async with python_server() as plain:
            assert await start(desk, plain) == NO_CONNECTION
        assert await start(desk, old) == NO_CONNECTION

    with openssl_server(tmp_path, SERVER, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0") as old:
        at_desk(work)
    assert "the server is not speaking TLS" in caplog.text
    assert "the server speaks no TLS 1.2 or 1.3" in caplog.text


@pytest.mark.parametrize("mode", [1, 2])
def test_nothing_to_check_with_is_no_connection(
    mode: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Deleting the last certificate leaves the mode on, and then nobody is trusted."""
    caplog.set_level(logging.INFO)

    async def work(desk: Desk) -> None:
        await desk.join()
        async with python_server(server_context(tmp_path, SERVER)) as port:
            await (with_sha1 if mode == 1 else with_chain)(desk)
            if mode == 2:
                await desk.ask("AT+CIPSSLCERT=DELETE,1")
            else:
                desk.session.gateway.volatile.fingerprint = None
            assert await start(desk, port) == NO_CONNECTION

    at_desk(work)
    assert ("no fingerprint is loaded" if mode == 1 else "no CA certificate is loaded") in (
        caplog.text
    )


def test_five_tls_links_at_every_buffer_size(tmp_path: Path) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)

    async def work(desk: Desk) -> None:
        await desk.join()
        await desk.ask("AT+CIPMUX=1")
        async with python_server(server_context(tmp_path, SERVER), echo) as port:
            for slot, size in enumerate((512, 1024, 2048, 4096, 16384)):
                await desk.ask(f"AT+CIPSSLSIZE={size}")
                reply = await desk.ask(f'AT+CIPSTART={slot},"SSL","localhost",{port}')
                assert reply == b"%d,CONNECT\r\n" % slot + OK
            for slot in range(5):
                text = b"link %d" % slot
                await desk.ask(f"AT+CIPSEND={slot},6", b"> ")
                desk.type(text)
                said = await desk.expect(text)
                assert said == b"\r\nRecv 6 bytes\r\n\r\nSEND OK\r\n\r\n+IPD,%d,6:%s" % (slot, text)
                shown = await desk.ask(f"AT+CIPSSLSTA={slot}")
                assert shown == b"+CIPSSLSTA:%d\r\n" % (slot < 4) + OK
            await desk.ask("AT+CIPCLOSE=5")

    at_desk(work)


# a Maximum Fragment Length


def test_the_probe(tmp_path: Path) -> None:
    deaf = server_context(tmp_path, SERVER)
    deafen(deaf)

    async def work(desk: Desk) -> None:
        await desk.join()
        true, false = (b"+CIPSSLMFLN:%s\r\n" % word + OK for word in (b"TRUE", b"FALSE"))
        async with python_server(server_context(tmp_path, SERVER)) as port:
            for size in (512, 1024, 2048, 4096):
                assert await desk.ask(f'AT+CIPSSLMFLN="localhost",{port},{size}') == true
        async with python_server(deaf) as port:
            assert await desk.ask(f'AT+CIPSSLMFLN="localhost",{port},512') == false
        async with python_server() as port:
            assert await desk.ask(f'AT+CIPSSLMFLN="localhost",{port},512') == false
        assert await desk.ask(f'AT+CIPSSLMFLN="localhost",{free_port()},512') == false
        assert await desk.ask('AT+CIPSSLMFLN="no.such.host.invalid",443,512') == false

    at_desk(work)


def test_the_state_of_a_link_in_its_order_of_refusals(tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        assert await desk.refused("AT+CIPSSLSTA=1") == b"NOT CONNECTED\r\n" + ERROR
        await desk.join()
        assert await desk.refused("AT+CIPSSLSTA=1") == b"MUX=0\r\n" + ERROR
        assert await desk.refused("AT+CIPSSLSTA") == b"NOT OPENED\r\n" + ERROR
        for wrong in ("", "5", "-1", "x", "0,0"):
            assert (await desk.refused(f"AT+CIPSSLSTA={wrong}")).endswith(ERROR)
        with listening() as server:
            await server.link(desk)
            assert await desk.refused("AT+CIPSSLSTA") == b"NOT A SSL\r\n" + ERROR
            await desk.ask("AT+CIPCLOSE")
        async with python_server(server_context(tmp_path, SERVER)) as port:
            await start(desk, port)
            await desk.expect(b"hello")
            assert await desk.ask("AT+CIPSSLSTA") == b"+CIPSSLSTA:0\r\n" + OK
            await desk.ask("AT+CIPCLOSE")
            await desk.ask("AT+CIPSSLSIZE=1024")
            await start(desk, port)
            await desk.expect(b"hello")
            assert await desk.ask("AT+CIPSSLSTA") == b"+CIPSSLSTA:1\r\n" + OK
            await desk.ask("AT+CIPCLOSE")
        await desk.ask("AT+CIPMUX=1")
        assert await desk.refused("AT+CIPSSLSTA") == b"MUX=1\r\n" + ERROR
        assert await desk.refused("AT+CIPSSLSTA=4") == b"NOT OPENED\r\n" + ERROR

    at_desk(work, world=NO_IP)


# receiving


def test_passive_mode_and_the_end_of_a_tls_link(tmp_path: Path) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 3000)

    async def work(desk: Desk) -> None:
        await desk.join()
        await desk.ask("AT+CIPRECVMODE=1")
        async with python_server(server_context(tmp_path, SERVER), speak) as port:
            await start(desk, port)
            await link_ended(desk)
            assert desk.unread().endswith(b"\r\n+IPD,3000\r\n")
            desk.type("AT+CIPRECVDATA=2048\r\nAT+CIPRECVDATA=2048\r\n")
            assert await desk.expect(b"CLOSED\r\n") == (
                b"\r\n+CIPRECVDATA,2048:%s\r\nOK\r\n" % (b"x" * 2048)
                + b"\r\n+CIPRECVDATA,952:%s\r\nOK\r\nCLOSED\r\n" % (b"x" * 952)
            )

    at_desk(work)
