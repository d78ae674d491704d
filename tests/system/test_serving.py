"""Five clients at once on a server of the gateway's."""

from __future__ import annotations

import contextlib
import hashlib
import random
import socket
from pathlib import Path

from tests.peers import free_port
from tests.system.gateway_process import GatewayProcess
from tests.system.line_client import LIMIT, OK, Client, Pushed
from tests.system.web_servers import receive

LINKS = range(5)
SIZE = 100_000
PAYLOAD = 2000


def data_of(link: int, direction: str) -> bytes:
    """Random bytes, other ones for each link and direction."""
    return random.Random(f"{direction} {link}").randbytes(SIZE)


def same(one: bytes | bytearray, other: bytes) -> bool:
    """Whether they are equal, without pytest showing the difference of 100 KB."""
    return hashlib.sha256(one).digest() == hashlib.sha256(other).digest()


class Served:
    """What has come over each link so far."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.received = {link: bytearray() for link in LINKS}

    def until(self, message: bytes) -> None:
        """Take data up to `message`, which is the next thing that is no data."""
        while isinstance(came := self._client.message(), Pushed):
            self.received[came.link] += came.data
        assert came == message, f"{came!r} came instead of {message!r}"

    def until_complete(self) -> None:
        """Take data until each client's is complete."""
        while any(len(data) < SIZE for data in self.received.values()):
            came = self._client.message()
            assert isinstance(came, Pushed), came
            self.received[came.link] += came.data

    def send(self, link: int, data: bytes) -> None:
        """`AT+CIPSEND` in the middle of all that comes."""
        self._client.send(b"AT+CIPSEND=%d,%d\r\n" % (link, len(data)))
        self.until(b"\r\nOK\r\n")
        self.until(b"> ")
        self._client.send(data)
        self.until(b"\r\nRecv %d bytes\r\n" % len(data))
        self.until(b"\r\nSEND OK\r\n")


def test_five_clients_at_once_both_ways(tmp_path: Path) -> None:
    port = free_port()
    with (
        GatewayProcess(tmp_path) as gateway,
        gateway.connect() as client,
        contextlib.ExitStack() as stack,
    ):
        client.greet()
        client.ask("AT+CIPMUX=1")
        client.ask(f"AT+CIPSERVER=1,{port}")
        peers = []
        for link in LINKS:
            peers.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), LIMIT)))
            client.expect(b"%d,CONNECT\r\n" % link)
        for link, peer in zip(LINKS, peers, strict=True):
            peer.sendall(data_of(link, "up"))
        served = Served(client)
        for start in range(0, SIZE, PAYLOAD):
            for link in LINKS:
                served.send(link, data_of(link, "down")[start : start + PAYLOAD])
        served.until_complete()
        for link, peer in zip(LINKS, peers, strict=True):
            assert same(served.received[link], data_of(link, "up"))
            assert same(receive(peer, SIZE), data_of(link, "down"))
            peer.close()
            client.expect(b"%d,CLOSED\r\n" % link)
        client.ask("AT+CIPSERVER=0")


def test_a_sixth_client_waits_for_a_free_link(tmp_path: Path) -> None:
    port = free_port()
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        client.ask("AT+CIPMUX=1")
        client.ask(f"AT+CIPSERVER=1,{port}")
        with contextlib.ExitStack() as stack:
            peers = [
                stack.enter_context(socket.create_connection(("127.0.0.1", port), LIMIT))
                for _ in range(6)
            ]
            for link in LINKS:
                client.expect(b"%d,CONNECT\r\n" % link)
            peers[5].sendall(b"early")
            peers[2].close()
            client.expect(b"2,CLOSED\r\n2,CONNECT\r\n\r\n+IPD,2,5:early")


def test_an_accepted_link_is_listed(tmp_path: Path) -> None:
    port = free_port()
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        client.ask("AT+CIPMUX=1")
        client.ask(f"AT+CIPSERVER=1,{port}")
        with socket.create_connection(("127.0.0.1", port), LIMIT) as peer:
            client.expect(b"0,CONNECT\r\n")
            own = peer.getsockname()[1]
            row = f'+CIPSTATUS:0,"TCP","127.0.0.1",{own},{port},1\r\n'
            client.ask("AT+CIPSTATUS", f"STATUS:5\r\n{row}".encode() + OK)
