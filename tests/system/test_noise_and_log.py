"""Random bytes on the line, and what the log says and does not say."""

from __future__ import annotations

import random
from pathlib import Path

from gateway import __version__
from tests.system.gateway_process import GatewayProcess
from tests.system.line_client import OK, Client
from tests.system.web_servers import accept, listening, port_of

# What a library that polls asks over and over.
POLLING = (
    ("AT", OK),
    ("AT+CIPSTATUS", b"STATUS:2\r\n" + OK),
    ("AT+CIPRECVLEN?", b"+CIPRECVLEN:0,0,0,0,0\r\n" + OK),
    ("AT+CWMODE?", b"+CWMODE:1\r\n" + OK),
    ("AT+CIPMUX?", b"+CIPMUX:0\r\n" + OK),
)
QUERIES = 2_000


def make_noise(client: Client, count: int, seed: int) -> None:
    """Send random bytes, and get back to an `AT` that answers OK."""
    source = random.Random(seed)
    for _ in range(count // 4096):
        client.send(source.randbytes(4096))
    # Behind the end of whatever line the noise left open comes one that nothing else sends.
    client.send(b"\r\nAT+SYSCPUFREQ=160\r\nAT+SYSCPUFREQ?\r\n")
    client.until(b"AT+SYSCPUFREQ?\r\n+SYSCPUFREQ=160\r\n" + OK)
    client.send(b"AT+SYSCPUFREQ=80\r\n")
    client.until(OK)


def test_a_megabyte_of_noise(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        client.expect(b"\r\nready\r\n")
        make_noise(client, 128 << 10, seed=1)
        memory, descriptors = gateway.resident_bytes(), gateway.descriptors()
        make_noise(client, 1 << 20, seed=2)
        client.send(b"ATE0\r\n")
        client.until(OK)
        client.ask("AT")
        assert gateway.resident_bytes() - memory < 1_000_000
        assert gateway.descriptors() == descriptors
        assert gateway.ends() == 0
    assert "Traceback" not in gateway.log
    assert len(gateway.log) < 20_000


def test_polling_writes_nothing_at_info(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        client.join("AT+CWJAP_CUR")
        for number in range(QUERIES):
            client.ask(*POLLING[number % len(POLLING)])
        assert gateway.ends() == 0
    messages = [line.split(" ", 2)[2] for line in gateway.log.splitlines()]
    assert messages == [
        f"info gateway: esp-at-gateway {__version__} on pty:{gateway.line}",
        "info gateway: ready",
        "info gateway.network: Ethernet connected",
        "info gateway.network: Ethernet has the address 192.168.101.20",
        "info gateway.network: Wi-Fi connected",
        "info gateway.network: joined 'esp-at-sim'",
        "info gateway: stopped",
    ]


def test_sending_and_receiving_writes_nothing_at_info(tmp_path: Path) -> None:
    with (
        GatewayProcess(tmp_path) as gateway,
        gateway.connect() as client,
        listening() as server,
    ):
        client.greet()
        client.ask("AT+CIPRECVMODE=1")
        command = f'AT+CIPSTART="TCP","127.0.0.1",{port_of(server)}'
        client.ask(command, b"CONNECT\r\n" + OK)
        with accept(server) as peer:
            gateway.wait_for_log("link 0 TCP")
            before = len(gateway.log)
            for _ in range(100):
                client.send_payload(b"question")
                assert peer.recv(100) == b"question"
                peer.sendall(b"answer")
                client.expect(b"\r\n+IPD,6\r\n")
                client.ask("AT+CIPRECVDATA=100", b"\r\n+CIPRECVDATA,6:answer" + OK)
            assert gateway.log[before:] == ""
