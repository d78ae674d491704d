"""A megabyte each way, byte for byte, through small buffers, over TCP and TLS."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.services.links import LinkLimits
from tests.harness import Desk, at_desk
from tests.peers import until
from tests.services.tls_servers import ROOT, SERVER, Handler, python_server, server_context

MEGABYTE = random.Random(42).randbytes(1 << 20)
SMALL = LinkLimits(buffer_bytes=4096)
KINDS = ["TCP", "SSL"]


@contextlib.asynccontextmanager
async def linked(desk: Desk, kind: str, handler: Handler, folder: Path) -> AsyncIterator[None]:
    """Joined, and a link to a server that does what `handler` does."""
    context = server_context(folder, SERVER) if kind == "SSL" else None
    await desk.join()
    await desk.certificates.add(ROOT.pem)
    await desk.ask("AT+CIPSSLAUTH=2")
    async with python_server(context, handler) as port:
        assert await desk.ask(f'AT+CIPSTART="{kind}","localhost",{port}') == (
            b"CONNECT\r\n\r\nOK\r\n"
        )
        yield


async def speak(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        writer.write(MEGABYTE)
        await writer.drain()


def payload_of(stream: bytes) -> bytes:
    """The data of a stream of `+IPD,<n>:<data>` that ends in CLOSED."""
    got = bytearray()
    while stream != b"CLOSED\r\n":
        head, _, rest = stream.partition(b":")
        assert head.startswith(b"\r\n+IPD,")
        count = int(head[7:])
        got += rest[:count]
        stream = rest[count:]
    return bytes(got)


@pytest.mark.parametrize("kind", KINDS)
def test_a_megabyte_in_active_mode(kind: str, tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        largest = 0
        async with linked(desk, kind, speak, tmp_path):
            desk.line.slow = True
            while links := desk.links.open_links():
                await desk.turns(20)
                largest = max(largest, links[0].waiting)
                desk.line.drain()
        assert payload_of(desk.unread()) == MEGABYTE
        assert largest == SMALL.buffer_bytes

    at_desk(work, limits=SMALL)


@pytest.mark.parametrize("kind", KINDS)
def test_a_megabyte_in_passive_mode(kind: str, tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        got = bytearray()
        await desk.ask("AT+CIPRECVMODE=1")
        async with linked(desk, kind, speak, tmp_path):
            link = desk.links[0]
            assert link is not None
            while desk.links[0] is link:
                if link.waiting:
                    assert link.waiting <= SMALL.buffer_bytes
                    desk.unread()
                    desk.type("AT+CIPRECVDATA=2048\r\n")
                    head, _, rest = desk.unread().partition(b":")
                    got += rest[: int(head.rpartition(b",")[2])]
                await asyncio.sleep(0)
        assert bytes(got) == MEGABYTE

    at_desk(work, limits=SMALL)


@pytest.mark.parametrize("kind", KINDS)
def test_a_megabyte_is_sent(kind: str, tmp_path: Path) -> None:
    received: asyncio.Future[bytes]

    async def listen(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        received.set_result(await reader.read(-1))

    async def work(desk: Desk) -> None:
        nonlocal received
        received = asyncio.get_running_loop().create_future()
        async with linked(desk, kind, listen, tmp_path):
            for start in range(0, len(MEGABYTE), 2048):
                await desk.ask("AT+CIPSEND=2048", b"> ")
                desk.type(MEGABYTE[start : start + 2048])
                assert await desk.expect(b"SEND OK\r\n") == (
                    b"\r\nRecv 2048 bytes\r\n\r\nSEND OK\r\n"
                )
            await desk.ask("AT+CIPCLOSE")
            assert await received == MEGABYTE

    at_desk(work)


@pytest.mark.parametrize("kind", KINDS)
def test_a_megabyte_each_way_in_pass_through(kind: str, tmp_path: Path) -> None:
    received: asyncio.Future[bytes]

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(MEGABYTE)
        received.set_result(await reader.readexactly(len(MEGABYTE)))
        await writer.drain()

    async def work(desk: Desk) -> None:
        nonlocal received
        received = asyncio.get_running_loop().create_future()
        await desk.ask("AT+CIPMODE=1")
        async with linked(desk, kind, converse, tmp_path):
            await desk.ask("AT+CIPSEND", b">")
            for start in range(0, len(MEGABYTE), 2048):
                await until(lambda: not desk.line.paused)
                desk.type(MEGABYTE[start : start + 2048])
                await asyncio.sleep(0)
            assert await received == MEGABYTE
            assert await desk.expect(MEGABYTE[-64:])
            assert desk.line.output.endswith(MEGABYTE)

    at_desk(work, limits=SMALL)


def test_a_tls_sender_is_held_back(tmp_path: Path) -> None:
    """Nobody reads the serial line: the server's send stops although it could go on."""
    sent = 0

    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while True:
                writer.write(bytes(65536))
                await writer.drain()
                sent += 65536

    async def work(desk: Desk) -> None:
        await desk.ask("AT+CIPRECVMODE=1")
        async with linked(desk, "SSL", flood, tmp_path):
            link = desk.links[0]
            assert link is not None
            before, still = -1, 0
            while still < 200:
                before, still = sent, still + 1 if sent == before else 0
                await asyncio.sleep(0)
            assert link.waiting == SMALL.buffer_bytes
            await desk.ask("AT+CIPCLOSEMODE=1")
            await desk.ask("AT+CIPCLOSE")

    at_desk(work, limits=SMALL)
