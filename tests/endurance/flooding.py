"""Peers that give the gateway no rest, as a process of their own:

    python -m tests.endurance.flooding callers PORT A_SECOND SECONDS
    python -m tests.endurance.flooding senders LINKS
    python -m tests.endurance.flooding key-updates CERTIFICATE
    python -m tests.endurance.flooding hello-requests

Callers connect so often, for so long, and in the end print how many they were and how many got
through. Senders accept so many links on the port that they print, send as fast as they can, and
go on until they are killed. The other two take one TLS client on the port that they print: one
has shaken hands, and then renews its keys as fast as it can (RFC 8446, section 4.6.3), the other
sends requests for a ClientHello instead of an answer to it (RFC 5246, section 7.4.1.1).
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import ssl
import struct
import sys
import time
from collections import deque

RESET = struct.pack("ii", 1, 0)
# How long a caller stays, in turns of one caller each; 0 leaves at once.
STAYS = (0, 1, 0, 20, 0, 100)
HELLO_REQUESTS = b"\x16\x03\x03\x40\x00" + bytes(0x4000)
"""A record full of them."""
GARBAGE = b"GET / HTTP/1.0\r\n\r\n"


def call(port: int, a_second: int, seconds: float) -> tuple[int, int]:
    """Connect, say something or nothing, and leave: in order or with a reset."""
    staying: deque[tuple[int, socket.socket]] = deque()
    called = through = 0
    begun = time.monotonic()
    for number in range(int(a_second * seconds)):
        if time.monotonic() > begun + seconds:
            break
        called += 1
        caller = socket.socket()
        caller.setblocking(False)
        outcome = caller.connect_ex(("127.0.0.1", port))
        # the loopback interface connects at once, or the backlog is full
        if outcome == 0 or (outcome == errno.EINPROGRESS and is_connected(caller)):
            through += 1
            if number % 3 == 0:
                caller.send(GARBAGE)
            if number % 5 == 0:
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        staying.append((number + STAYS[number % len(STAYS)], caller))
        while staying and staying[0][0] <= number:
            staying.popleft()[1].close()
        time.sleep(max(0.0, begun + number / a_second - time.monotonic()))
    for _, caller in staying:
        caller.close()
    return called, through


def is_connected(caller: socket.socket) -> bool:
    """Whether the other end has taken it."""
    try:
        caller.getpeername()
    except OSError:
        return False
    return True


def send(links: int) -> None:
    """Accept so many links, and send on all of them whatever they take."""
    with socket.create_server(("127.0.0.1", 0)) as server, selectors.DefaultSelector() as selector:
        print(server.getsockname()[1], flush=True)
        for _ in range(links):
            link, _ = server.accept()
            link.setblocking(False)
            selector.register(link, selectors.EVENT_WRITE)
        # no byte of it could be taken for a reply
        data = bytes(65536)
        while selector.get_map():
            for key, _ in selector.select():
                taker = key.fileobj
                assert isinstance(taker, socket.socket)
                try:
                    taker.send(data)
                except OSError:
                    selector.unregister(taker)
                    taker.close()


def one_client() -> socket.socket:
    """Print a port, and take the first who comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        return server.accept()[0]


def renew_keys(certificate: str) -> None:
    """Shake hands, and update the keys without end."""
    from tests.services.key_updates import update_keys

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with context.wrap_socket(one_client(), server_side=True) as tls:
        while update_keys(tls):
            pass


def request_hellos() -> None:
    """Answer the first bytes with requests for a ClientHello, without end."""
    with one_client() as client, contextlib.suppress(ConnectionError):
        client.recv(65536)
        while True:
            client.sendall(HELLO_REQUESTS * 16)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["callers", port, a_second, seconds]:
            print(*call(int(port), int(a_second), float(seconds)))
        case ["senders", links]:
            send(int(links))
        case ["key-updates", certificate]:
            renew_keys(certificate)
        case ["hello-requests"]:
            request_hellos()
