"""espemu on a pseudo-terminal, where its own program listens on TCP: `PATH ADDRESS`.

Run by the interpreter that has espemu. Everything but the line is espemu's own: its session, its
loop and its engine, which are given a terminal where they expect a connected socket.
"""

from __future__ import annotations

import os
import pty
import signal
import sys
import tty
from typing import Any


class Terminal:
    """The master of a raw pseudo-terminal, as far as a session uses a socket."""

    def __init__(self, path: str) -> None:
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        # The slave stays open: nothing is lost while no client is there.
        self._slave = slave
        os.symlink(os.ttyname(slave), path)

    def fileno(self) -> int:
        """What the session's selector watches."""
        return self._master

    def setblocking(self, flag: bool) -> None:
        """As of a socket."""
        os.set_blocking(self._master, flag)

    def recv(self, size: int) -> bytes:
        """As of a socket."""
        return os.read(self._master, size)

    def send(self, data: bytes) -> int:
        """As of a socket."""
        return os.write(self._master, data)

    def close(self) -> None:
        """As of a socket."""
        os.close(self._master)
        os.close(self._slave)


def main(path: str, address: str) -> None:
    """Serve the terminal at `path` until SIGTERM ends the process."""
    from espemu import EspAtServer, _EspSession  # type: ignore[import-not-found,unused-ignore]

    server: Any = EspAtServer(station_ip=address)
    session: Any = _EspSession(server, Terminal(path), (path, 0), 1)
    session.start()
    signal.pause()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
