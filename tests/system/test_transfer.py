"""The main job, byte for byte: fetch, send and serve over TCP and TLS."""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.authority import self_signed
from tests.services.tls_servers import ROOT, SERVER, openssl_server, server_context
from tests.system.gateway_process import GatewayProcess
from tests.system.line_client import OK, Client
from tests.system.web_servers import NGINX, Sink, nginx_server, python_http_server

MEGABYTE = random.Random(1).randbytes(1 << 20)
REQUEST = b"GET /megabyte HTTP/1.0\r\nHost: localhost\r\n\r\n"
LARGEST_PAYLOAD = 2048
LARGEST_SEGMENT = 1460


@contextlib.contextmanager
def joined(folder: Path) -> Iterator[Client]:
    """A client of a gateway that has joined an access point."""
    with GatewayProcess(folder) as gateway:
        (gateway.certificates / "root.pem").write_bytes(ROOT.pem)
        with gateway.connect() as client:
            client.greet()
            client.ask("AT+RST", OK + b"\r\nready\r\n")
            client.until(b"+ETH_GOT_IP:192.168.101.20\r\n")
            client.ask("ATE0", b"ATE0\r\n" + OK)
            client.join()
            yield client
        assert gateway.ends() == 0
        assert "Traceback" not in gateway.log


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a file `megabyte`."""
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "megabyte").write_bytes(MEGABYTE)
    return folder


def digest(data: bytes) -> str:
    """A digest, which a failing test shows better than a megabyte."""
    return hashlib.sha256(data).hexdigest()


def page(response: bytes) -> bytes:
    """The body of an HTTP response that is the page that was asked for."""
    header, _, body = response.partition(b"\r\n\r\n")
    assert header.split(b"\r\n")[0].split(b" ")[1] == b"200", header
    return body


def fetch(client: Client, kind: str, port: int) -> bytes:
    """The page, over the only link, in active mode."""
    client.ask(f'AT+CIPSTART="{kind}","localhost",{port}', b"CONNECT\r\n" + OK)
    client.send_payload(REQUEST)
    pieces = list(client.pushed())
    assert max(map(len, pieces)) <= LARGEST_SEGMENT
    return page(b"".join(pieces))


def test_a_megabyte_from_pythons_http_server(tmp_path: Path, root: Path) -> None:
    with python_http_server(root) as port, joined(tmp_path) as client:
        assert digest(fetch(client, "TCP", port)) == digest(MEGABYTE)


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_a_megabyte_from_nginx(tmp_path: Path, root: Path) -> None:
    with nginx_server(root, tmp_path) as port, joined(tmp_path) as client:
        assert digest(fetch(client, "TCP", port)) == digest(MEGABYTE)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_megabyte_over_tls_from_openssl(tmp_path: Path, root: Path, version: str) -> None:
    with openssl_server(root, SERVER, version) as port, joined(tmp_path) as client:
        client.ask("AT+CIPSSLAUTH=2")
        assert digest(fetch(client, "SSL", port)) == digest(MEGABYTE)


def test_a_megabyte_over_tls_in_small_fragments_by_fingerprint(tmp_path: Path, root: Path) -> None:
    with openssl_server(root, SERVER) as port, joined(tmp_path) as client:
        client.ask(f'AT+CIPSSLFP="{SERVER.sha1.hex(":").upper()}"')
        client.ask("AT+CIPSSLAUTH=1")
        client.ask("AT+CIPSSLSIZE=512")
        assert digest(fetch(client, "SSL", port)) == digest(MEGABYTE)


def test_a_stranger_is_refused(tmp_path: Path, root: Path) -> None:
    with openssl_server(root, ROOT.issue(names=["other"])) as port, joined(tmp_path) as client:
        client.ask("AT+CIPSSLAUTH=2")
        refused = b"connect fail\r\n\r\nERROR\r\nCLOSED\r\n"
        client.ask(f'AT+CIPSTART="SSL","localhost",{port}', refused)
        client.ask("AT+CIPSSLAUTH=0")
        assert digest(fetch(client, "SSL", port)) == digest(MEGABYTE)


def test_a_megabyte_in_passive_mode(tmp_path: Path, root: Path) -> None:
    with python_http_server(root) as port, joined(tmp_path) as client:
        client.ask("AT+CIPRECVMODE=1")
        client.ask(f'AT+CIPSTART="TCP","localhost",{port}', b"CONNECT\r\n" + OK)
        client.send_payload(REQUEST)
        assert digest(page(read_passively(client))) == digest(MEGABYTE)


def read_passively(client: Client) -> bytes:
    """All of the only link by AT+CIPRECVDATA; a notification tells how much waits by now."""
    response = bytearray()
    waiting = asked = 0
    while (start := client.read(2)) != b"CL":
        assert start == b"\r\n"
        client.expect(b"+")
        name = client.until(b",")
        if name == b"IPD,":
            waiting = int(client.until(b"\r\n"))
        else:
            assert name == b"CIPRECVDATA,"
            assert client.until(b":") == b"%d:" % asked
            response += client.read(asked)
            client.expect(OK)
            waiting -= asked
            asked = 0
        if waiting and not asked:
            asked = min(waiting, LARGEST_PAYLOAD)
            client.send(b"AT+CIPRECVDATA=%d\r\n" % asked)
    client.expect(b"OSED\r\n")
    return bytes(response)


@pytest.mark.parametrize("kind", ["TCP", "SSL"])
def test_a_megabyte_sent(tmp_path: Path, kind: str) -> None:
    context = server_context(tmp_path, SERVER) if kind == "SSL" else None
    with Sink(context) as sink, joined(tmp_path) as client:
        client.ask(f'AT+CIPSTART="{kind}","localhost",{sink.port}', b"CONNECT\r\n" + OK)
        for start in range(0, len(MEGABYTE), LARGEST_PAYLOAD):
            client.send_payload(MEGABYTE[start : start + LARGEST_PAYLOAD])
        client.ask("AT+CIPCLOSE", b"CLOSED\r\n" + OK)
        assert sink.digest() == digest(MEGABYTE)


def test_a_certificate_sent_over_the_line_is_trusted(tmp_path: Path, root: Path) -> None:
    authority = self_signed("Sent Root")
    server = authority.issue(names=["localhost"])
    with openssl_server(root, server) as port, joined(tmp_path) as client:
        client.ask("AT+CIPSSLCERT", OK + b">")
        pem = authority.pem.strip()
        client.send(pem)
        client.expect(b"\r\nRead %d bytes\r\n" % len(pem) + OK)
        client.ask("AT+CIPSSLCERT?", b"+CIPSSLCERT,1:Test Root\r\n+CIPSSLCERT,2:Sent Root\r\n" + OK)
        client.ask("AT+CIPSSLAUTH=2")
        assert digest(fetch(client, "SSL", port)) == digest(MEGABYTE)
