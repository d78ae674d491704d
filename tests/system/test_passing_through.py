"""Pass-through of a megabyte both ways, and the way out of it."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
from pathlib import Path

from tests.system.gateway_process import GatewayProcess
from tests.system.line_client import LIMIT, OK
from tests.system.web_servers import accept, listening, port_of

# No multiple of a packet's 2048 bytes: the last packet leaves after 20 ms of silence, which
# the escape wants before it as well.
DATA = random.Random(1).randbytes((1 << 20) + 1)
PROMPT = b"\r\nOK\r\n\r\n>"


def echo(peer: socket.socket, count: int) -> None:
    """Send the next `count` bytes back."""
    while count:
        data = peer.recv(65536)
        assert data
        peer.sendall(data)
        count -= len(data)


def test_a_megabyte_both_ways_and_the_escape(tmp_path: Path) -> None:
    with (
        GatewayProcess(tmp_path) as gateway,
        gateway.connect() as client,
        listening() as server,
    ):
        client.greet()
        client.ask("AT+CIPMODE=1")
        command = f'AT+CIPSTART="TCP","127.0.0.1",{port_of(server)}'
        client.ask(command, b"CONNECT\r\n" + OK)
        with accept(server) as peer:
            client.ask("AT+CIPSEND", PROMPT)
            echoing = threading.Thread(target=echo, args=(peer, len(DATA)))
            echoing.start()
            try:
                client.send(DATA)
                came = client.read(len(DATA))
            finally:
                peer.settimeout(LIMIT)
                echoing.join()
            assert hashlib.sha256(came).digest() == hashlib.sha256(DATA).digest()
            client.send(b"+++")
            peer.sendall(b"x")
            while client.read(1) == b"x":
                peer.sendall(b"x")
            client.expect(b"\n+IPD,1:x")
            peer.setblocking(False)
            assert unread(peer) == b""
            assert gateway.ends() == 0


def unread(peer: socket.socket) -> bytes:
    """What waits to be read."""
    try:
        return peer.recv(65536)
    except BlockingIOError:
        return b""


def test_a_link_that_is_lost_is_opened_again(tmp_path: Path) -> None:
    with (
        GatewayProcess(tmp_path) as gateway,
        gateway.connect() as client,
        listening() as server,
    ):
        client.greet()
        client.ask("AT+CIPMODE=1")
        command = f'AT+CIPSTART="TCP","127.0.0.1",{port_of(server)}'
        client.ask(command, b"CONNECT\r\n" + OK)
        with accept(server) as peer:
            client.ask("AT+CIPSEND", PROMPT)
            peer.sendall(b"one")
            client.expect(b"one")
        with accept(server) as peer:
            peer.sendall(b"two")
            client.expect(b"two")
            client.send(b"three")
            assert peer.recv(100) == b"three"
        assert gateway.ends() == 0
