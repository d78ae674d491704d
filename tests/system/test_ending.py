"""SIGTERM in every state ends it within two seconds; and `kill -9`."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.peers import free_port
from tests.system.ending import assert_clean_end
from tests.system.gateway_process import GatewayProcess
from tests.system.line_client import GREETING, JOINED, LIMIT, OK, PASSWORD, SSID, Client
from tests.system.web_servers import accept, listening, port_of

PASS_THROUGH_PROMPT = b"\r\nOK\r\n\r\n>"


@contextmanager
def linked(client: Client) -> Iterator[socket.socket]:
    """The peer of the client's only link."""
    with listening() as server:
        client.ask(f'AT+CIPSTART="TCP","127.0.0.1",{port_of(server)}', b"CONNECT\r\n" + OK)
        with accept(server) as peer:
            yield peer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_idle(tmp_path: Path, number: signal.Signals) -> None:
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        assert_clean_end(gateway, number)


def test_sigterm_before_anybody_has_opened_the_line(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway:
        assert_clean_end(gateway)


def test_sigterm_during_a_join(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, pace=1) as gateway, gateway.connect() as client:
        client.until(b"\r\nready\r\n")
        command = f'AT+CWJAP="{SSID}","{PASSWORD}"\r\nAT\r\n'.encode()
        client.send(command)
        client.until(b"busy p...\r\n")
        assert_clean_end(gateway)
        assert "joined" not in gateway.log


def test_sigterm_while_a_payload_is_due(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        with linked(client) as peer:
            client.ask("AT+CIPSEND=4", OK + b"> ")
            client.send(b"abc")
            assert_clean_end(gateway)
            assert peer.recv(1) == b""


def test_sigterm_while_a_certificate_is_due(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        client.ask("AT+CIPSSLCERT", OK + b">")
        client.send(b"-----BEGIN CERT")
        assert_clean_end(gateway)


def test_sigterm_in_pass_through(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        client.ask("AT+CIPMODE=1")
        with linked(client) as peer:
            client.ask("AT+CIPSEND", PASS_THROUGH_PROMPT)
            client.send(b"to the peer")
            assert peer.recv(100) == b"to the peer"
            peer.sendall(b"from the peer")
            client.expect(b"from the peer")
            assert_clean_end(gateway)
            assert peer.recv(1) == b""


def test_sigterm_while_a_peer_takes_nothing(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        with linked(client):
            while (answer := send_with_a_line_behind(client)) == b"SEND OK\r\n":
                pass
            assert answer == b"busy s...\r\n"
            assert_clean_end(gateway)


def send_with_a_line_behind(client: Client) -> bytes:
    """Send a payload with an `AT` behind it: `SEND OK`, or that line's `busy s...` before it."""
    client.ask("AT+CIPSEND=2048", OK + b"> ")
    client.send(bytes(2048) + b"AT\r\n")
    client.expect(b"\r\nRecv 2048 bytes\r\n\r\n")
    word = client.until(b"\r\n")
    if word == b"SEND OK\r\n":
        client.expect(OK)
    return word


def test_sigterm_with_five_links_and_servers(tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    with (
        GatewayProcess(tmp_path) as gateway,
        gateway.connect() as client,
        ExitStack() as stack,
    ):
        client.greet()
        client.ask("AT+CIPMUX=1")
        server = stack.enter_context(listening())
        command = f'AT+CIPSTART=0,"TCP","127.0.0.1",{port_of(server)}'
        client.ask(command, b"0,CONNECT\r\n" + OK)
        peers = [stack.enter_context(accept(server))]
        for port in ports:
            client.ask(f"AT+CIPSERVER=1,{port}")
        for link in range(1, 5):
            address = ("127.0.0.1", ports[link % 2])
            peers.append(stack.enter_context(socket.create_connection(address, LIMIT)))
            client.expect(b"%d,CONNECT\r\n" % link)
        assert_clean_end(gateway)
        for peer in peers:
            assert peer.recv(1) == b""
        for port in ports:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), LIMIT).close()


def test_stored_settings_survive_kill_9(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        client.join("AT+CWJAP_DEF")
        client.ask('AT+CIPDNS_DEF=1,"192.0.2.1"')
        client.ask("AT+UART_DEF=57600,8,1,0,0")
        client.ask("AT+CIPSTA_CUR?", own_address("_CUR"))
        client.ask("AT+CIPSSLCERTMAX=7", b"+CIPSSLCERTMAX:7\r\nOK\r\n")
        client.ask('AT+CIPDNS_CUR=1,"192.0.2.2"')
        gateway.kill()
    assert gateway.line.is_symlink()
    with GatewayProcess(tmp_path) as gateway:
        gateway.wait_for_log("Wi-Fi has the address")
        with gateway.connect() as client:
            client.expect(GREETING + JOINED)
            client.ask("ATE0", b"ATE0\r\n" + OK)
            client.ask("AT+CIPDNS_CUR?", b"+CIPDNS_CUR:192.0.2.1\r\n" + OK)
            client.ask("AT+UART_CUR?", b"+UART_CUR:57600,8,1,0,0\r\nOK\r\n")
            client.ask("AT+CIPSSLCERTMAX?", b"+CIPSSLCERTMAX:7\r\nOK\r\n")
            assert_clean_end(gateway)


def own_address(suffix: str) -> bytes:
    """The reply to `AT+CIPSTA?` in the simulated network."""
    rows = {"ip": "192.168.100.18", "gateway": "192.168.100.1", "netmask": "255.255.255.0"}
    reply = "".join(f'+CIPSTA{suffix}:{name}:"{value}"\r\n' for name, value in rows.items())
    return reply.encode() + OK


@pytest.mark.parametrize(
    "damage",
    [
        "{",
        '{"version": 1, "settings": {"uart": {"stop_bits": 9}}}',
        '{"version": 1, "settings": {"uart": {"baud": 0}}}',
        '{"version": 1, "settings": {"station_dhcp": false, "station_mac": "zz"}}',
    ],
)
def test_a_settings_file_that_cannot_be_used_is_set_aside(damage: str, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        client.ask("AT+CWMODE_DEF=3")
        assert_clean_end(gateway)
    (stored,) = gateway.state.iterdir()
    assert json.loads(stored.read_text())
    stored.write_text(damage)
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        client.ask("AT+CWMODE_DEF?", b"+CWMODE_DEF:1\r\n" + OK)
        assert [path.name for path in gateway.state.glob("*.bad")] == [f"{stored.name}.bad"]
        assert str(stored) in gateway.log
