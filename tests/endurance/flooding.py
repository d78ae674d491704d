"""Peers that give the gateway no rest, as a process of their own:

    python -m tests.endurance.flooding callers PORT A_SECOND SECONDS
    python -m tests.endurance.flooding senders LINKS

Callers connect so often, for so long, and in the end print how many they were and how many got
through. Senders accept so many links on the port that they print, send as fast as they can, and
go on until they are killed.
"""

from __future__ import annotations

import errno
import selectors
import socket
import struct
import sys
import time
from collections import deque

RESET = struct.pack("ii", 1, 0)
# How long a caller stays, in turns of one caller each; 0 leaves at once.
STAYS = (0, 1, 0, 20, 0, 100)
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


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["callers", port, a_second, seconds]:
            print(*call(int(port), int(a_second), float(seconds)))
        case ["senders", links]:
            send(int(links))
