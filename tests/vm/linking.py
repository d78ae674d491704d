"""What goes over a link, in the microcontroller's words."""

from __future__ import annotations

from tests.vm.at_client import AtClient


def send(client: AtClient, data: bytes) -> None:
    """`AT+CIPSEND` with its payload."""
    client.send(b"AT+CIPSEND=%d\r\n" % len(data))
    client.until(b"> ", 30)
    client.send(data)
    client.until(b"SEND OK\r\n", 30)


def receive(client: AtClient, count: int) -> bytes:
    """So many bytes out of +IPD messages."""
    data = bytearray()
    while len(data) < count:
        client.until(b"+IPD,", 30)
        data += client.read(int(client.until(b":")[:-1]), 30)
    return bytes(data)


def page(client: AtClient, kind: str, host: str, port: int, *, path: str = "/") -> bytes:
    """Fetch a page over a link, as a sketch does; what came until the server closed."""
    opened = client.ask(f'AT+CIPSTART="{kind}","{host}",{port}', 20)
    assert (opened.lines, opened.final) == ((b"CONNECT",), b"OK")
    send(client, f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
    came = bytearray()
    while (start := client.read(2, 30)) == b"\r\n":
        assert client.until(b"+IPD,") == b"+IPD,"
        came += client.read(int(client.until(b":")[:-1]), 30)
    assert start + client.until(b"\r\n") == b"CLOSED\r\n"
    return bytes(came)
