"""The far end of a link: a process on 127.0.0.1 that sends or takes bytes on demand.

A process of its own, so that its work is not the measuring client's. `Peer` is the handle;
`python -m benchmarks.peer FD` is the process, told what to do in lines over the socket FD.
"""

from __future__ import annotations

import hashlib
import random
import select
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

BLOCK = 64 * 1024
PATTERN = random.Random(1700).randbytes(BLOCK)
"""What every transfer carries, over and over; its length divides every transfer's."""


def digest_of_pattern(count: int) -> str:
    """The SHA-256 (hex) of `count` bytes of the pattern."""
    digest = hashlib.sha256()
    for start in range(0, count, BLOCK):
        digest.update(PATTERN[: count - start])
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Taken:
    """What arrived at the peer; `digest` is empty unless it was asked for."""

    count: int
    digest: str


class Peer:
    """A TCP server on 127.0.0.1:`port` with one connection at a time.

    Each method but `result` returns at once; `result` waits for the oldest one's outcome.
    `inside` gives the command line that runs a command line where the peer is to be, if not here.
    """

    def __init__(self, inside: Callable[..., list[str]] | None = None) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "benchmarks.peer", str(theirs.fileno())]
            self._process = subprocess.Popen(
                inside(*command) if inside else command, pass_fds=[theirs.fileno()]
            )
        self._orders = ours
        self._answers = ours.makefile("r", encoding="ascii")
        self.port = int(self._answers.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def accept(self) -> None:
        """Take the next connection in place of the present one."""
        self._order("accept")

    def send(self, count: int) -> None:
        """Send `count` bytes of the pattern."""
        self._order(f"send {count}")

    def take(self, count: int, *, digest: bool = False) -> None:
        """Read `count` bytes."""
        self._order(f"take {count} {int(digest)}")

    def result(self) -> Taken:
        """The outcome of the oldest order, once it is done. ConnectionError: it failed."""
        words = self._answers.readline().split()
        if not words:
            raise ConnectionError("the peer's connection broke")
        return Taken(int(words[0]), words[1] if len(words) > 1 else "")

    def close(self) -> None:
        """End the process."""
        self._orders.shutdown(socket.SHUT_RDWR)
        self._answers.close()
        self._orders.close()
        self._process.terminate()
        self._process.wait()

    def _order(self, text: str) -> None:
        self._orders.sendall(text.encode("ascii") + b"\n")


def _send(link: socket.socket, count: int) -> None:
    block = memoryview(PATTERN)
    for start in range(0, count, BLOCK):
        link.sendall(block[: count - start])


def _take(link: socket.socket, count: int, *, digest: bool) -> Taken:
    """Read in blocks: a sink that woke for each segment would take the processor from the
    gateway, which on a real network it never does."""
    buffer = bytearray(BLOCK)
    sum_ = hashlib.sha256() if digest else None
    readable = select.poll()
    readable.register(link, select.POLLIN)
    taken = 0
    while taken < count:
        wanted = min(BLOCK, count - taken)
        # Only poll() counts what is queued: a recv() that waits takes the first bytes out and
        # then waits for as many again.
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, wanted)
        readable.poll()
        size = link.recv_into(buffer, wanted, socket.MSG_DONTWAIT)
        if size == 0:
            raise ConnectionError("the link closed early")
        taken += size
        if sum_ is not None:
            sum_.update(memoryview(buffer)[:size])
    return Taken(taken, sum_.hexdigest() if sum_ is not None else "")


def _serve(orders: socket.socket) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    link = listener
    orders.sendall(b"%d\n" % listener.getsockname()[1])
    for line in orders.makefile("r", encoding="ascii"):
        match line.split():
            case ["accept"]:
                if link is not listener:
                    link.close()
                link, _ = listener.accept()
                orders.sendall(b"0\n")
            case ["send", count]:
                _send(link, int(count))
                orders.sendall(b"%s\n" % count.encode("ascii"))
            case ["take", count, digest]:
                taken = _take(link, int(count), digest=digest == "1")
                orders.sendall(f"{taken.count} {taken.digest}\n".encode("ascii"))


if __name__ == "__main__":
    try:
        _serve(socket.socket(fileno=int(sys.argv[1])))
    except (ConnectionError, KeyboardInterrupt):
        sys.exit(1)
