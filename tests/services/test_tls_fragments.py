"""Maximum Fragment Length on real links: short records, and the probe."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from gateway.services import fragments
from gateway.services.api_links import TlsProfile
from gateway.services.tls import offers_fragment_length, secure
from tests.services.authority import PAST
from tests.services.deaf_server import deafen
from tests.services.tls_servers import (
    ROOT,
    SERVER,
    connected,
    openssl_server,
    python_server,
    receive,
    server_context,
)

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
    assert "'site.example' tells no Maximum Fragment Length" in caplog.text
    assert "the server closed the connection during the handshake" in caplog.text
