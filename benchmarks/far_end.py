"""The process of a `Peer`: `python -m benchmarks.far_end FD [IDENTITY]`.

It is told what to do in lines over the socket FD, and answers each with one line: a word of
`bytes:digest` for each link. IDENTITY is a file with certificate and key; the links are TLS.
"""

from __future__ import annotations

import hashlib
import random
import select
import socket
import ssl
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

BLOCK = 64 * 1024
PATTERN = random.Random(1700).randbytes(BLOCK)
"""What every transfer carries, over and over; its length divides every transfer's."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What arrived; `digest` is empty unless it was asked for."""

    count: int
    digest: str


def digest_of_pattern(count: int) -> str:
    """The SHA-256 (hex) of `count` bytes of the pattern."""
    digest = hashlib.sha256()
    for start in range(0, count, BLOCK):
        digest.update(PATTERN[: count - start])
    return digest.hexdigest()


def send(link: socket.socket, count: int) -> Taken:
    """Send `count` bytes of the pattern."""
    block = memoryview(PATTERN)
    for start in range(0, count, BLOCK):
        link.sendall(block[: count - start])
    return Taken(count, "")


def answer(link: socket.socket, times: int, size: int) -> Taken:
    """Answer each of `times` messages with `size` bytes."""
    reply = PATTERN[:size]
    for _ in range(times):
        if not link.recv(4096):
            raise ConnectionError("the link closed early")
        link.sendall(reply)
    return Taken(times * size, "")


def take(link: socket.socket, count: int, *, digest: bool) -> Taken:
    """Read `count` bytes, in blocks: a sink that woke for each segment would take the processor
    from the system under measurement, which on a real network it never does."""
    buffer = bytearray(BLOCK)
    sum_ = hashlib.sha256() if digest else None
    readable = select.poll()
    readable.register(link, select.POLLIN)
    link.setblocking(False)
    taken = 0
    while taken < count:
        wanted = min(BLOCK, count - taken)
        # Only poll() counts what is queued: a recv() that waits takes the first bytes out and
        # then waits for as many again.
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, _low_water(link, count - taken))
        if not (isinstance(link, ssl.SSLSocket) and link.pending()):
            readable.poll()
        size = _received(link, buffer, wanted)
        taken += size
        if sum_ is not None:
            sum_.update(memoryview(buffer)[:size])
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
    link.setblocking(True)
    return Taken(taken, sum_.hexdigest() if sum_ is not None else "")


def _low_water(link: socket.socket, due: int) -> int:
    """How many bytes to wait for. Of the last ones of TLS some may be within OpenSSL already."""
    if isinstance(link, ssl.SSLSocket) and due < 2 * BLOCK:
        return 1
    return min(BLOCK, due)


def _received(link: socket.socket, buffer: bytearray, wanted: int) -> int:
    """Read what is there, `wanted` bytes at most: one TLS record after the other."""
    size, view = 0, memoryview(buffer)
    while size < wanted:
        try:
            more = link.recv_into(view[size:wanted])
        except (BlockingIOError, ssl.SSLWantReadError):
            break
        if more == 0:
            raise ConnectionError("the link closed early")
        size += more
    return size


class FarEnd:
    """Carries out orders, one after the other, each on all links at once."""

    def __init__(self, identity: str | None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._context: ssl.SSLContext | None = None
        if identity is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(identity)
        self._links: list[socket.socket] = []
        self.port = int(self._listener.getsockname()[1])

    def carry_out(self, order: str) -> list[Taken]:
        """Do what one line of text says; what each link did."""
        match order.split():
            case ["accept", count]:
                return self._accept(int(count))
            case ["send", count]:
                return self._on_each(lambda link: send(link, int(count)))
            case ["take", count, digest]:
                return self._on_each(lambda link: take(link, int(count), digest=digest == "1"))
            case ["answer", times, size]:
                return self._on_each(lambda link: answer(link, int(times), int(size)))
            case _:
                raise ValueError(order)

    def _accept(self, count: int) -> list[Taken]:
        for link in self._links:
            link.close()
        self._links = [self._accepted() for _ in range(count)]
        return [Taken(0, "")] * count

    def _accepted(self) -> socket.socket:
        link, _ = self._listener.accept()
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._context.wrap_socket(link, server_side=True) if self._context else link

    def _on_each(self, work: Callable[[socket.socket], Taken]) -> list[Taken]:
        if len(self._links) == 1:
            return [work(self._links[0])]
        with ThreadPoolExecutor(len(self._links)) as threads:
            return list(threads.map(work, self._links))


def main(descriptor: int, identity: str | None) -> None:
    """Serve orders until the other end closes."""
    far_end = FarEnd(identity)
    with socket.socket(fileno=descriptor) as orders:
        orders.sendall(b"%d\n" % far_end.port)
        for line in orders.makefile("r", encoding="ascii"):
            words = (f"{taken.count}:{taken.digest}" for taken in far_end.carry_out(line))
            orders.sendall(" ".join(words).encode("ascii") + b"\n")


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
    except (ConnectionError, KeyboardInterrupt):
        sys.exit(1)
