"""Somebody who is connected to a monitor's socket on the same event loop."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.services.api_trace import SOCKET_NAME

Record = dict[str, Any]


class Listener:
    """A connection that reads when it is told to. `data` is all that came, as it came."""

    def __init__(self, folder: Path) -> None:
        self.data = bytearray()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.setblocking(False)
            self._socket.connect(str(folder / SOCKET_NAME))
        except BaseException:
            self._socket.close()
            raise
        self._loop = asyncio.get_running_loop()
        self._told = 0

    async def record(self, kind: str) -> Record:
        """The next record of a kind; those before it are skipped."""
        while True:
            made = json.loads(await self._line())
            assert isinstance(made, dict)
            if made["kind"] == kind:
                return made

    async def ended(self) -> bool:
        """Whether the connection ends after what is read already."""
        return await self._loop.sock_recv(self._socket, 65536) == b""

    def read_all(self) -> list[Record]:
        """All whole records that are here already."""
        try:
            while piece := self._socket.recv(1 << 20):
                self.data += piece
        except BlockingIOError:
            pass
        end = self.data.rfind(b"\n") + 1
        new, self._told = bytes(self.data[self._told : end]), end
        return [json.loads(line) for line in new.splitlines()]

    def say(self, data: bytes) -> None:
        self._socket.send(data)

    def close(self) -> None:
        self._socket.close()

    async def _line(self) -> bytes:
        while (end := self.data.find(b"\n", self._told)) < 0:
            piece = await self._loop.sock_recv(self._socket, 65536)
            assert piece, "the connection ended"
            self.data += piece
        start, self._told = self._told, end + 1
        return bytes(self.data[start:end])


@contextmanager
def listening(folder: Path) -> Iterator[Listener]:
    """A listener at the socket in `folder`."""
    made = Listener(folder)
    try:
        yield made
    finally:
        made.close()
