"""Pass-through over TLS: the same bytes, and a link that is verified whenever it is reopened."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from gateway.commands import passthrough
from tests.harness import Desk, at_desk
from tests.peers import until
from tests.services import authority
from tests.services.tls_servers import ROOT, SERVER, python_server, server_context

REFUSED = "unable to get local issuer certificate"
STRANGER = authority.self_signed("Other Root").issue(names=["localhost"])


def test_a_reopened_link_is_verified_as_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server comes back with another certificate, and then with its own."""
    monkeypatch.setattr(passthrough, "_REOPEN_SECONDS", 0.0)
    caplog.set_level(logging.INFO)
    visits: asyncio.Queue[bytes]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.put_nowait(await reader.readexactly(5))
        writer.write(b"seen")

    async def work(desk: Desk) -> None:
        nonlocal visits
        visits = asyncio.Queue()
        context = server_context(tmp_path, SERVER)
        await desk.join()
        await desk.certificates.add(ROOT.pem)
        await desk.ask("AT+CIPSSLAUTH=2")
        await desk.ask("AT+CIPMODE=1")
        async with python_server(context, serve) as port:
            await desk.ask(f'AT+CIPSTART="SSL","localhost",{port}')
            await desk.ask("AT+CIPSEND", b">")
            context.load_cert_chain(STRANGER.write(tmp_path))
            first = desk.links[0]
            desk.type("first")
            assert await visits.get() == b"first"
            assert await desk.expect(b"seen") == b"seen"
            await until(lambda: REFUSED in caplog.text)
            await until(lambda: desk.links[0] is None)
            assert visits.empty()
            context.load_cert_chain(SERVER.write(tmp_path))
            await until(lambda: desk.links[0] is not None)
            assert desk.links[0] is not first
            desk.type("again")
            assert await visits.get() == b"again"
            assert await desk.expect(b"seen") == b"seen"

    at_desk(work)
    # said once, though it was tried again and again
    assert caplog.text.count(REFUSED) == 1
