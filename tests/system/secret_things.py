"""What a microcontroller says that nobody else may read, each with a mark in it."""

from __future__ import annotations

import socket

from tests.services.authority import self_signed
from tests.system.line_client import JOINED, OK, Client
from tests.system.web_servers import accept, port_of

MARK = "hush"
"""Is in every secret, in this case or another."""

PASSWORD = "hush hush"
"""Of the access point `home`, which CONFIGURATION puts on the air."""

CONFIGURATION = f"""
[simulated]
pace = 0
[[simulated.access_points]]
ssid = "home"
password = "{PASSWORD}"
"""

ERROR = b"\r\nERROR\r\n"
_LINES = (
    ('AT+CWJAP_CUR="home","hush password"', b"\r\nFAIL\r\n"),
    ('AT+CWJAP_DEF="home","hush', ERROR),
    ('AT+CWJAP="home",hush password', ERROR),
    ('AT+CWJAP="home" "hush password"', ERROR),
    ('AT+CWJAP="home","hush password",junk', ERROR),
    ('AT+CWJAP="home","hush password","hush hush","hush"', ERROR),
    (f'AT+CWJAP="home","{"hush" * 17}"', ERROR),
    ('AT+CWJAPP="home","hush password"', ERROR),
    ('at+cwjap="home","hush password"', ERROR),
    ('AT+CIPSTART="home","hush password"', b"Link type ERROR\r\n" + ERROR),
    ('AT+CWMODE="hush password"', ERROR),
    ("AT+UART=hush,8,1,0,0", ERROR),
    ("HUSH", ERROR),
    ("AT+CWMODE_CUR=3", OK),
    ('AT+CWSAP_CUR="mine","hush password",1,3', OK),
    ('AT+CWSAP_DEF="mine","hush password",1,3', OK),
    ('AT+CWSAP_DEF="mine","hush password",99,3', ERROR),
    ("AT+CWSAP_CUR?", OK),
    ("AT+CWSAP_DEF?", OK),
    ("hush " * 60, ERROR),
)


def join(client: Client) -> None:
    """Join by the right password, which is stored."""
    client.ask(f'AT+CWJAP_DEF="home","{PASSWORD}"', JOINED + OK)


def say_passwords(client: Client) -> None:
    """Every command with a password, and every way to spell one wrong."""
    for line, answer in _LINES:
        client.send(f"{line}\r\n".encode())
        client.until(answer)


def say_certificate(client: Client) -> list[str]:
    """Upload a certificate, and one that is none; the lines of its text."""
    pem = self_signed("Root").pem
    client.ask("AT+CIPSSLCERT", OK + b">")
    client.send(pem.strip())
    client.until(OK)
    client.ask("AT+CIPSSLCERT", OK + b">")
    client.send(b"-----BEGIN CERTIFICATE-----\r\nhush\r\n-----END CERTIFICATE-----")
    client.until(ERROR)
    return pem.decode().splitlines()[1:-1]


def pass_payload(client: Client, server: socket.socket) -> None:
    """Send and receive in every way there is, and once by mistake as a command."""
    open_link = f'AT+CIPSTART="TCP","127.0.0.1",{port_of(server)}'
    client.ask(open_link, b"CONNECT\r\n" + OK)
    with accept(server) as peer:
        client.send_payload(b"hush one")
        assert peer.recv(100) == b"hush one"
        peer.sendall(b"hush two")
        client.expect(b"\r\n+IPD,8:hush two")
        client.ask("AT+CIPRECVMODE=1")
        peer.sendall(b"hush three")
        client.expect(b"\r\n+IPD,10\r\n")
        client.ask("AT+CIPRECVDATA=100", b"\r\n+CIPRECVDATA,10:hush three" + OK)
        client.ask("AT+CIPRECVMODE=0")
        client.ask("AT+CIPMODE=1")
        client.ask("AT+CIPSEND", b"\r\nOK\r\n\r\n>")
        client.send(b"hush four")
        assert peer.recv(100) == b"hush four"
        peer.sendall(b"hush five")
        client.expect(b"hush five")
    # The link is gone: neither dropped bytes nor the search for it tell what they are.
    client.send(b"hush six\r\n")
