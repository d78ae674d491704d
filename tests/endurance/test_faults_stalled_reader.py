"""A microcontroller that reads nothing for a while: the memory is bounded, nothing is lost."""

from __future__ import annotations

import contextlib
import hashlib
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.peers import free_port
from tests.system.faulty_host import DeafClient, processor_seconds, pump
from tests.system.gateway_process import GatewayProcess
from tests.system.line_client import LIMIT, OK, Pushed
from tests.system.web_servers import accept, listening, port_of

# More than the kernel keeps between a peer and a link that is not read.
DATA = random.Random(5).randbytes(12 << 20)
MOST_MEMORY = 1 << 20
PASS_THROUGH_PROMPT = b"\r\nOK\r\n\r\n>"


@contextmanager
def linked(client: DeafClient, slot: int | None = None) -> Iterator[socket.socket]:
    """The peer of a link, of the only one or of that slot's."""
    id_ = "" if slot is None else f"{slot},"
    with listening() as server:
        command = f'AT+CIPSTART={id_}"TCP","127.0.0.1",{port_of(server)}'
        client.ask(command, f"{id_}CONNECT\r\n".encode() + OK)
        with accept(server) as peer:
            yield peer


@contextmanager
def sending(peer: socket.socket, data: memoryview) -> Iterator[None]:
    """Meanwhile the peer sends the rest of its data."""
    peer.settimeout(LIMIT)
    sender = threading.Thread(target=peer.sendall, args=(data,), name="peer")
    sender.start()
    try:
        yield
    finally:
        sender.join()


def framed(client: DeafClient) -> bytes:
    """The data of +IPD messages, as much as DATA."""
    data = bytearray()
    while len(data) < len(DATA):
        message = client.message()
        assert isinstance(message, Pushed), message
        data += message.data
    return bytes(data)


def through(client: DeafClient) -> bytes:
    """As much as DATA, without framing."""
    return client.read(len(DATA))


@pytest.mark.parametrize("way", [framed, through])
def test_a_peer_is_held_back_and_nothing_is_lost(
    way: Callable[[DeafClient], bytes], tmp_path: Path
) -> None:
    with GatewayProcess(tmp_path) as gateway, DeafClient(gateway.line) as client:
        client.greet()
        with linked(client) as peer:
            if way is through:
                client.ask("AT+CIPMODE=1")
                client.ask("AT+CIPSEND", PASS_THROUGH_PROMPT)
            before = gateway.resident_bytes()
            sent = pump(peer, DATA)
            assert sent < len(DATA)
            assert gateway.resident_bytes() - before < MOST_MEMORY
            # held back, it waits for the line and does not ask for it
            busy = processor_seconds(gateway.process.pid)
            assert pump(peer, DATA[sent:], patience=0.5) == 0
            assert processor_seconds(gateway.process.pid) - busy < 0.1
            with sending(peer, memoryview(DATA)[sent:]):
                came = way(client)
            assert hashlib.sha256(came).digest() == hashlib.sha256(DATA).digest()
            assert gateway.resident_bytes() - before < MOST_MEMORY
        assert gateway.ends() == 0


def test_five_links_at_once(tmp_path: Path) -> None:
    """Each stream whole and in order, whatever of the others came between."""
    streams = [memoryview(DATA)[slot:] for slot in range(5)]
    with (
        GatewayProcess(tmp_path) as gateway,
        DeafClient(gateway.line) as client,
        ExitStack() as stack,
    ):
        client.greet()
        client.ask("AT+CIPMUX=1")
        peers = [stack.enter_context(linked(client, slot)) for slot in range(5)]
        before = gateway.resident_bytes()
        for peer, stream in zip(peers, streams, strict=True):
            sent = pump(peer, bytes(stream))
            assert sent < len(stream)
            stack.enter_context(sending(peer, stream[sent:]))
        assert gateway.resident_bytes() - before < MOST_MEMORY
        came = [hashlib.sha256() for _ in range(5)]
        lacking = sum(map(len, streams))
        while lacking:
            message = client.message()
            assert isinstance(message, Pushed), message
            came[message.link].update(message.data)
            lacking -= len(message.data)
        assert [each.digest() for each in came] == [
            hashlib.sha256(stream).digest() for stream in streams
        ]
        assert gateway.resident_bytes() - before < MOST_MEMORY
        assert gateway.ends() == 0


def test_replies_that_are_not_read_stop_the_reading_of_queries(tmp_path: Path) -> None:
    """Each query is answered once, in its turn, when somebody reads again."""
    number = 32768  # over a megabyte
    queries = b"".join(b"AT+CIPSTO=%d\r\nAT+CIPSTO?\r\n" % (each % 7200) for each in range(number))
    with GatewayProcess(tmp_path) as gateway, DeafClient(gateway.line) as client:
        client.greet()
        before = gateway.resident_bytes()
        sent = client.push(queries)
        assert sent < len(queries)
        assert gateway.resident_bytes() - before < MOST_MEMORY
        busy = processor_seconds(gateway.process.pid)
        assert client.push(queries[sent:], patience=0.5) == 0
        assert processor_seconds(gateway.process.pid) - busy < 0.1
        client.send(queries[sent:])
        for each in range(number):
            client.expect(OK + b"+CIPSTO:%d\r\n" % (each % 7200) + OK)
        client.ask("AT")
        assert gateway.resident_bytes() - before < MOST_MEMORY
        assert gateway.ends() == 0


def test_clients_wait_while_nobody_can_hear_of_them(tmp_path: Path) -> None:
    """Each that came is told of in the end, with its end; more than the backlog is not taken."""
    port = free_port()
    query = b"AT+CIPMUX?\r\n"
    with GatewayProcess(tmp_path) as gateway, DeafClient(gateway.line) as client:
        client.greet()
        client.ask("AT+CIPMUX=1")
        client.ask(f"AT+CIPSERVER=1,{port}")
        flood = query * 10_000
        sent = client.push(flood)
        assert sent < len(flood)
        before = gateway.resident_bytes()
        came = 0
        with contextlib.suppress(TimeoutError):
            while came < 1000:
                socket.create_connection(("127.0.0.1", port), 0.5).close()
                came += 1
        # five links, and what waits in the kernel
        assert came < 100
        assert gateway.resident_bytes() - before < MOST_MEMORY
        client.send(query[sent % len(query) :] if sent % len(query) else b"")
        told: Counter[bytes] = Counter()
        while told[b"+CIPMUX:1\r\n"] < -(-sent // len(query)) or client.something_comes(1):
            told[client.until(b"\r\n")] += 1
        for slot in range(5):
            assert told[b"%d,CONNECT\r\n" % slot] == told[b"%d,CLOSED\r\n" % slot] > 0
        client.ask("AT")
        assert gateway.ends() == 0
