"""The far end of the links: a server on 127.0.0.1 that sends or takes bytes on demand.

A process of its own (`far_end.py`), so that its work is not the measuring client's. `Peer` is
the handle.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Self

from benchmarks.far_end import BLOCK, PATTERN, Taken, digest_of_pattern

__all__ = ["BLOCK", "PATTERN", "Peer", "Taken", "digest_of_pattern"]


class Peer:
    """A server on 127.0.0.1:`port` with one connection at a time, or several at once.

    Each method but `result` and `results` returns at once; these wait for the oldest one's
    outcome. `inside` gives the command line that runs a command line where the peer is to be, if
    not here. `identity` is a file with certificate and key: the links are TLS.
    """

    def __init__(
        self, inside: Callable[..., list[str]] | None = None, identity: Path | None = None
    ) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "benchmarks.far_end", str(theirs.fileno())]
            if identity is not None:
                command.append(str(identity))
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

    def accept(self, links: int = 1) -> None:
        """Take the next `links` connections in place of the present ones."""
        self._order(f"accept {links}")

    def send(self, count: int) -> None:
        """Send `count` bytes of the pattern on each link, on all of them at once."""
        self._order(f"send {count}")

    def take(self, count: int, *, digest: bool = False) -> None:
        """Read `count` bytes of each link."""
        self._order(f"take {count} {int(digest)}")

    def answer(self, times: int, size: int) -> None:
        """Answer the next `times` messages, however short, with `size` bytes of the pattern."""
        self._order(f"answer {times} {size}")

    def result(self) -> Taken:
        """What the oldest order's only link did, once it is done. ConnectionError: it failed."""
        return self.results()[0]

    def results(self) -> list[Taken]:
        """The same of every link."""
        words = self._answers.readline().split()
        if not words:
            raise ConnectionError("the peer's connection broke")
        pairs = (word.split(":") for word in words)
        return [Taken(int(count), digest) for count, digest in pairs]

    def close(self) -> None:
        """End the process."""
        self._orders.shutdown(socket.SHUT_RDWR)
        self._answers.close()
        self._orders.close()
        self._process.terminate()
        self._process.wait()

    def _order(self, text: str) -> None:
        self._orders.sendall(text.encode("ascii") + b"\n")
