"""`AT+RST` and `AT+RESTORE` of a process that goes on running."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.peers import free_port
from tests.services.authority import self_signed
from tests.system.gateway_process import GatewayProcess
from tests.system.line_client import GREETING, JOINED, LIMIT, OK, Client

READY = b"\r\nready\r\n"
ETHERNET = GREETING.removeprefix(READY)


def reset(client: Client, command: str = "AT+RST") -> None:
    """Reset, and switch the echo off once Ethernet is there again."""
    client.ask(command, OK + READY)
    client.expect(ETHERNET)
    client.ask("ATE0", b"ATE0\r\n" + OK)


def test_a_reset_returns_to_what_is_stored(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        client.ask("AT+CWMODE_DEF=3")
        client.ask("AT+CWMODE_CUR=1")
        client.ask("AT+UART_CUR=9600,7,2,1,0")
        client.ask("AT+CIPMUX=1")
        reset(client)
        client.ask("AT+CWMODE_CUR?", b"+CWMODE_CUR:3\r\n" + OK)
        client.ask("AT+UART_CUR?", b"+UART_CUR:115200,8,1,0,0\r\nOK\r\n")
        client.ask("AT+CIPMUX?", b"+CIPMUX:0\r\n" + OK)


def test_a_reset_keeps_the_stored_access_point(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        client.join("AT+CWJAP_DEF")
        client.ask("AT+RST", OK + READY)
        client.expect(ETHERNET + JOINED)
        client.ask("ATE0", b"ATE0\r\n" + OK)
        client.ask("AT+CWAUTOCONN=0")
        reset(client)
        client.ask("AT+CWJAP?", b"No AP\r\n" + OK)


def test_a_reset_closes_links_and_servers(tmp_path: Path) -> None:
    port = free_port()
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        before = gateway.descriptors()
        client.ask("AT+CIPMUX=1")
        client.ask(f"AT+CIPSERVER=1,{port}")
        with socket.create_connection(("127.0.0.1", port), LIMIT) as peer:
            client.expect(b"0,CONNECT\r\n")
            reset(client)
            assert peer.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), LIMIT).close()
        assert gateway.descriptors() == before


def test_a_reset_in_the_middle_of_a_join(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, pace=1) as gateway, gateway.connect() as client:
        client.until(READY)
        client.send(b'ATE0\r\nAT+CWJAP="esp-at-sim","password"\r\nAT+RST\r\n')
        client.until(OK)
        client.until(OK + READY)
        client.until(ETHERNET)
        client.ask("AT", b"AT\r\n" + OK)
        assert "joined" not in gateway.log


def test_restore_forgets_everything_but_the_certificate_folder(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        (gateway.certificates / "root.pem").write_bytes(self_signed("Root").pem)
        client.greet()
        client.join("AT+CWJAP_DEF")
        client.ask("AT+CWMODE_DEF=3")
        client.ask("AT+UART_DEF=57600,8,1,0,0")
        reset(client, "AT+RESTORE")
        client.ask("AT+CWMODE_DEF?", b"+CWMODE_DEF:1\r\n" + OK)
        client.ask("AT+UART?", b"+UART:115200,8,1,0,0\r\nOK\r\n")
        client.ask("AT+CWJAP_DEF?", b"No AP\r\n" + OK)
        client.ask("AT+CIPSSLCERT?", b"+CIPSSLCERT,1:Root\r\n" + OK)
        gateway.kill()
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        client.ask("AT+CWJAP?", b"No AP\r\n" + OK)


def test_two_hundred_resets_leave_nothing(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        reset(client)
        descriptors, memory = gateway.descriptors(), gateway.resident_bytes()
        for _ in range(200):
            reset(client)
        assert gateway.descriptors() == descriptors
        assert gateway.resident_bytes() - memory < 1_000_000
