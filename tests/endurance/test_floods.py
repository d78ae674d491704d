"""Peers that give no rest: the serial line answers, the memory stays flat, nobody is left out.

The two floods take a minute each; `FLOOD_MINUTES=60` makes an hour of it.
"""

from __future__ import annotations

import os
import select
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.peers import free_port
from tests.services.authority import self_signed
from tests.system.gateway_process import ROOT, GatewayProcess
from tests.system.line_client import LIMIT, OK, Client, Pushed

MINUTES = float(os.environ.get("FLOOD_MINUTES", "1"))
CALLERS_A_SECOND = 1000
LONGEST_REPLY = 0.1
"""Seconds that 99 of 100 replies are allowed; the machine that tests may have other work."""
ENDS_WITHIN = 2.0
MOST_MEMORY = 1 << 20
MOST_LOG_LINES = 60 + 240 + 12
"""What spares the SD card lets through of a storm (gateway/services/sparing.py), and the start."""
# What a slow microcontroller reads, some 50 kB/s.
SIP, SIP_SECONDS = 512, 0.01
MOST_IN_FRONT = 131072
"""Bytes that may stand before a reply: what the gateway, and what the kernel's terminal keeps."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path) as process:
        yield process


@pytest.fixture
def client(gateway: GatewayProcess) -> Iterator[Client]:
    with gateway.connect() as client:
        client.greet()
        client.ask("AT+CIPMUX=1")
        yield client


@contextmanager
def flooding(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`python -m tests.endurance.flooding`, killed at the end."""
    command = [sys.executable, "-m", "tests.endurance.flooding", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def senders(client: Client, links: int) -> Iterator[None]:
    """So many links to peers that send as fast as they can."""
    with flooding("senders", str(links)) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        for link in range(links):
            client.send(f'AT+CIPSTART={link},"TCP","127.0.0.1",{port}\r\n'.encode())
            client.until(f"{link},CONNECT\r\n".encode())
            client.until(OK)
        yield


class Watch:
    """What the gateway has in use, from now on."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway
        self._bytes = gateway.resident_bytes()

    def growth(self) -> int:
        """How many bytes more it has than at the begin."""
        return self._gateway.resident_bytes() - self._bytes


def listen(client: Client, seconds: float) -> None:
    """Read for so long what comes, and drop it."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([client], [], [], left)[0]:
            client.drop_what_came()


def tell(what: str, seconds: list[float]) -> float:
    """Print how long replies took; what 99 of 100 took at most."""
    quantiles = statistics.quantiles(seconds, n=100)
    print(
        f"\n{what}: {len(seconds)} replies, median {quantiles[49] * 1000:.1f} ms, "
        f"99 of 100 within {quantiles[98] * 1000:.1f} ms, longest {max(seconds) * 1000:.1f} ms"
    )
    return quantiles[98]


def test_a_thousand_callers_a_second(gateway: GatewayProcess, client: Client) -> None:
    port = free_port()
    client.ask(f"AT+CIPSERVER=1,{port}")
    descriptors = gateway.descriptors()
    seconds = 60 * MINUTES
    took: list[float] = []
    with flooding("callers", str(port), str(CALLERS_A_SECOND), str(seconds)) as callers:
        client.until(b",CONNECT\r\n")
        for _ in range(100):
            answered_within(client)
        watch = Watch(gateway)
        while callers.poll() is None:
            took.append(answered_within(client))
            listen(client, 0.02)
        assert callers.stdout is not None
        called, through = map(int, callers.stdout.read().split())
    print(f"\n{through} of {called} callers got through, the others found")
    print(f"the backlog full; memory {watch.growth() / 1024:+.0f} KiB")
    # What a machine with other work does not manage in time is not made up for.
    assert called >= 0.9 * CALLERS_A_SECOND * seconds
    assert through > 10 * seconds
    assert tell("callers", took) <= LONGEST_REPLY
    assert watch.growth() < MOST_MEMORY
    client.send(b"AT+CIPCLOSE=5\r\n")
    client.until(OK)
    listen(client, 3)  # those who wait in the backlog are taken, and found gone
    assert gateway.descriptors() <= descriptors + 1
    assert len(gateway.log.splitlines()) < MOST_LOG_LINES * max(1, MINUTES)
    assert "Traceback" not in gateway.log


def answered_within(client: Client) -> float:
    """Seconds until an `AT` has its `OK`, whatever comes before that."""
    begun = time.monotonic()
    client.send(b"AT\r\n")
    client.until(OK)
    return time.monotonic() - begun


def test_five_peers_that_send_as_fast_as_they_can(gateway: GatewayProcess, client: Client) -> None:
    taken: Counter[int] = Counter()
    took: list[float] = []
    with senders(client, 5):
        read_for(client, 5, taken, [])
        watch = Watch(gateway)
        taken.clear()
        read_for(client, 35 * MINUTES, taken, took)
        shares = [taken[link] for link in range(5)]
        print(f"\nper link {min(shares)} to {max(shares)} bytes; memory {watch.growth() >> 10} KiB")
        assert min(shares) >= 0.8 * max(shares)
        assert tell("read as fast as Python can", took) <= LONGEST_REPLY
        assert in_front_of_reply(client, 20 * MINUTES) <= MOST_IN_FRONT
        assert watch.growth() < MOST_MEMORY
    assert "Traceback" not in gateway.log


def read_for(client: Client, seconds: float, taken: Counter[int], took: list[float]) -> None:
    """Count each link's data for so long; now and then an `AT`, and how long it took."""
    until = time.monotonic() + seconds
    while (begun := time.monotonic()) < until:
        client.send(b"AT\r\n")
        while (message := client.message()) != OK:
            count(message, taken)
        took.append(time.monotonic() - begun)
        for _ in range(100):
            count(client.message(), taken)


def count(message: bytes | Pushed, taken: Counter[int]) -> None:
    """Count the data of a +IPD; nothing else comes."""
    assert isinstance(message, Pushed), message
    assert not message.data.strip(b"\0")
    taken[message.link] += len(message.data)


def in_front_of_reply(client: Client, seconds: float) -> int:
    """How many bytes came before the `OK` of an `AT`, at most, to one who reads slowly."""
    until = time.monotonic() + seconds
    most = 0
    while time.monotonic() < until:
        client.send(b"AT\r\n")
        came = bytearray()
        while OK not in came:
            select.select([], [], [], SIP_SECONDS)
            came += client.read(SIP)
        client.put_back(bytes(came[came.index(OK) + len(OK) :]))
        most = max(most, came.index(OK))
    print(f"\nread slowly: at most {most} bytes before a reply")
    return most


@contextmanager
def tls_flood(client: Client, *arguments: str) -> Iterator[None]:
    """AT+CIPSTART to somebody who sends TLS messages without end."""
    with flooding(*arguments) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        client.send(f'AT+CIPSTART=0,"SSL","127.0.0.1",{port}\r\n'.encode())
        yield


def test_a_peer_that_renews_its_keys_as_fast_as_it_can(
    gateway: GatewayProcess, client: Client, tmp_path: Path
) -> None:
    certificate = self_signed(authority=False, names=["localhost"]).write(tmp_path)
    with tls_flood(client, "key-updates", str(certificate)):
        client.until(b"0,CONNECT\r\n")
        client.until(OK)
        for _ in range(100):
            answered_within(client)
        watch = Watch(gateway)
        until = time.monotonic() + 10 * MINUTES
        took: list[float] = []
        while time.monotonic() < until:
            took.append(answered_within(client))
        assert tell("key updates", took) <= LONGEST_REPLY
        assert watch.growth() < MOST_MEMORY
        begun = time.monotonic()
        assert gateway.ends() == 0
        assert time.monotonic() - begun < ENDS_WITHIN


def test_a_handshake_of_requests_without_end(gateway: GatewayProcess, client: Client) -> None:
    """The line says that it is busy all the while, and the time limit of AT+CIPSTART holds."""
    with tls_flood(client, "hello-requests"):
        begun, took, line = time.monotonic(), [], b""
        while line != b"ERROR\r\n":
            client.send(b"AT\r\n")
            asked = time.monotonic()
            while (line := client.until(b"\r\n")) not in (b"busy p...\r\n", b"ERROR\r\n"):
                pass
            took.append(time.monotonic() - asked)
        print(f"\ngiven up after {time.monotonic() - begun:.1f} s")
        assert tell("hello requests", took) <= LONGEST_REPLY
    client.until(OK)
    assert "no answer within 4.5 s" in gateway.log
    assert gateway.ends() == 0


def test_a_peer_whose_data_nobody_fetches(gateway: GatewayProcess, client: Client) -> None:
    client.ask("AT+CIPRECVMODE=1")
    with senders(client, 2):
        for _ in range(100):
            answered_within(client)
        watch = Watch(gateway)
        took = []
        until = time.monotonic() + 10 * MINUTES
        while time.monotonic() < until:
            took.append(answered_within(client))
            client.send(b"AT+CIPRECVDATA=1,2048\r\n")
            client.until(b"+CIPRECVDATA,2048:" + bytes(2048) + b"\r\nOK\r\n")
            listen(client, 0.01)
        assert tell("not fetched", took) <= LONGEST_REPLY
        assert watch.growth() < MOST_MEMORY


def test_callers_that_say_nothing_make_room_in_time(client: Client) -> None:
    port = free_port()
    client.ask(f"AT+CIPSERVER=1,{port}")
    client.ask("AT+CIPSTO=1")
    with ExitStack() as stack:
        for link in range(5):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), LIMIT))
            client.expect(f"{link},CONNECT\r\n".encode())
        last = stack.enter_context(socket.create_connection(("127.0.0.1", port), LIMIT))
        last.sendall(b"let me in")
        heard = client.until(b"let me in")
        assert b",CLOSED\r\n" in heard
        assert heard.count(b",CONNECT\r\n") == 1
