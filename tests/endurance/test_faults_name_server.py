"""A name server that never answers, and then does: commands end in time, nothing piles up."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.services.resolver import MOST_AT_ONCE
from tests.system.faulty_host import (
    DeafClient,
    MountedGateway,
    gateway_with_name_server,
    silent_name_server,
)
from tests.system.line_client import OK
from tests.system.web_servers import accept, listening, port_of

ERROR = b"\r\nERROR\r\n"
NO_ANSWER = b"DNS Fail\r\n" + ERROR
# More threads than these would be lookups that nobody counts.
MOST_THREADS = MOST_AT_ONCE + 16


def hurried(gateway: MountedGateway) -> MountedGateway:
    """A gateway that gives a connection up soon."""
    with gateway.configuration.open("a", encoding="utf-8") as file:
        file.write("[links]\nconnect_seconds = 0.5\n")
    return gateway


def threads(gateway: MountedGateway) -> int:
    return len(os.listdir(f"/proc/{gateway.process.pid}/task"))


def test_lookups_that_hang_end_in_time_and_do_not_pile_up(tmp_path: Path) -> None:
    with (
        silent_name_server() as server,
        hurried(gateway_with_name_server(tmp_path, server)) as gateway,
        gateway.connect() as client,
        listening() as other,
    ):
        client.greet()
        client.ask("AT+CIPMUX=1")
        client.ask(f'AT+CIPSTART=0,"TCP","127.0.0.1",{port_of(other)}', b"0,CONNECT\r\n" + OK)
        with accept(other) as peer:
            before = gateway.descriptors()
            for number in range(100):
                client.ask(f'AT+CIPSTART=1,"TCP","{number}.example",80', NO_ANSWER)
                if number % 10 == 0:
                    client.send_payload(b"%02d" % number, 0)
                    assert peer.recv(100) == b"%02d" % number
            assert threads(gateway) <= MOST_THREADS
            # each that hangs has the socket of its question
            assert gateway.descriptors() <= before + MOST_AT_ONCE
            client.ask('AT+CIPDOMAIN="one.more.example"', NO_ANSWER)
            gateway.wait_for_log("8 lookups hang already; is the DNS reachable?")
            # what needs no name is not concerned
            start = f'AT+CIPSTART=1,"TCP","127.0.0.1",{port_of(other)}'
            client.ask(start, b"1,CONNECT\r\n" + OK)
        begun = time.monotonic()
        assert gateway.ends() == 0
        assert time.monotonic() - begun < 2.0
    assert "Traceback" not in gateway.log


def answer_to(question: bytes) -> bytes:
    """The name of every question is 192.0.2.5's (RFC 1035, section 4.1)."""
    name_end = question.index(b"\0", 12) + 5
    header = question[:2] + bytes.fromhex("8180 0001 0001 0000 0000")
    record = bytes.fromhex("c00c 0001 0001 0000003c 0004") + socket.inet_aton("192.0.2.5")
    return header + question[12:name_end] + record


@contextmanager
def answering(server: socket.socket) -> Iterator[None]:
    """The name server answers, what was asked so far too."""

    def answer() -> None:
        while True:
            question, asker = server.recvfrom(512)
            if not question:
                return
            server.sendto(answer_to(question), asker)

    thread = threading.Thread(target=answer, name="name server")
    thread.start()
    try:
        yield
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", server.getsockname())
        thread.join()


def seconds_to_fail(client: DeafClient, command: str) -> float:
    """How long the command takes to say that there is no answer; 16 s at most."""
    begun = time.monotonic()
    client.push(command.encode() + b"\r\n")
    assert client.something_comes(16)
    client.expect(NO_ANSWER)
    return time.monotonic() - begun


def test_the_limits_of_the_commands_and_the_recovery(tmp_path: Path) -> None:
    with (
        silent_name_server() as server,
        gateway_with_name_server(tmp_path, server) as gateway,
        DeafClient(gateway.line) as client,
    ):
        client.greet()
        client.ask("AT+CIPMUX=1")
        for slot in range(2):
            command = f'AT+CIPSTART={slot},"TCP","slow{slot}.example",80'
            assert 4.0 < seconds_to_fail(client, command) < 4.8
        assert seconds_to_fail(client, 'AT+CIPDOMAIN="slow.example"') < 15.0
        with answering(server):
            client.ask('AT+CIPDOMAIN="quick.example"', b"+CIPDOMAIN:192.0.2.5\r\n" + OK)
        assert gateway.ends() == 0
