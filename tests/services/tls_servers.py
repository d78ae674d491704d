"""Servers for the TLS tests: the openssl program and Python's ssl; and how to visit them."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from gateway.services.api_links import Authentication, TlsProfile
from gateway.services.tls import TlsRefused, say_goodbye, secure
from tests.services import authority
from tests.services.authority import Identity

ROOT = authority.self_signed("Test Root")
SERVER = ROOT.issue(names=["localhost"])
RSA_ROOT = authority.self_signed("RSA Root", key=authority.rsa_key())
RSA_SERVER = RSA_ROOT.issue(key=authority.rsa_key())

WEAK = ("-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")
"""Options of a server that minds nothing: it is the client who is to."""


def fingerprint(identity: Identity) -> TlsProfile:
    return TlsProfile(Authentication.FINGERPRINT, identity.sha256)


def chain(*anchors: Identity) -> TlsProfile:
    return TlsProfile(Authentication.CHAIN, anchors=tuple(anchor.pem for anchor in anchors))


@contextlib.contextmanager
def openssl_program(
    folder: Path, identity: Identity, *options: str
) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The program `openssl s_server`: its port, and the process, which takes commands."""
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", *options]
    command += ["-cert", str(identity.write(folder))]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, cwd=folder, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
    )
    with process:
        try:
            assert process.stdout is not None
            said = ""
            while (found := re.match(r"ACCEPT 127.0.0.1:(\d+)", said)) is None:
                said = process.stdout.readline()
                assert said, "openssl s_server ended"
            yield int(found[1]), process
        finally:
            process.kill()


@contextlib.contextmanager
def openssl_server(folder: Path, identity: Identity, *options: str) -> Iterator[int]:
    """The same, answering HTTP with the files of `folder`; its port."""
    with openssl_program(folder, identity, "-WWW", *options) as (port, _):
        yield port


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
