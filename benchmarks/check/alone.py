"""A session on a socket, with nothing beside it: `python -m benchmarks.check.alone FD FOLDER`.

For counting what the program itself does. The line is a local socket, on which bytes arrive as
they were sent, all at once; on a terminal the kernel decides. Session, links and event loop are
the gateway's own.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

from gateway.commands import all_commands
from gateway.services.api import UartSettings
from gateway.services.certificates import CertificateStore
from gateway.services.clock import SimulatedClock
from gateway.services.descriptor_line import DescriptorLine
from gateway.services.links import LinkLimits, LinkSlots
from gateway.services.network.simulated import SimulatedNetwork, World
from gateway.services.servers import TcpServers
from gateway.services.settings import StoredSettings
from gateway.session import Services, Session


class SocketLine(DescriptorLine):
    """A line on a connected socket, whose descriptor it takes over."""

    def seconds(self, count: int) -> float:
        """How long `count` bytes are on the wire: 0, there is none."""
        return 0.0

    async def probe(self, settings: UartSettings) -> None:
        """Any settings will do."""

    async def change(self, settings: UartSettings) -> None:
        """Remember them."""
        self._settings = settings

    async def close(self) -> None:
        """Close the socket."""
        self._stop()
        os.close(self._descriptor)


def mark() -> tuple[int, int]:
    """Called for `AT+SYSRAM?`, which is asked between what is counted.

    Nothing else asks for the parent's number, so that valgrind can tell one part by it.
    A collection before it lets each part begin with nothing to collect.
    """
    gc.collect()
    os.getppid()
    return 0, 0


async def serve(descriptor: int, folder: Path, marked: Callable[[], tuple[int, int]]) -> None:
    """Serve on a socket until `AT+RST`."""
    line = SocketLine(descriptor, UartSettings())
    network = SimulatedNetwork(World(pace=0))
    settings = StoredSettings(folder / "state")
    limits = LinkLimits()
    links = LinkSlots(limits, network.interface_of)
    services = Services(
        network=network,
        links=links,
        servers=TcpServers(links),
        certificates=CertificateStore(folder / "certs", 5),
        clock=SimulatedClock(lambda: 1_700_000_000.0),
        settings=settings,
        memory=marked,
    )
    session = Session(line, all_commands(), services)
    links.listener = session.announcer
    await network.start()
    session.start()
    network.begin(session.announcer, session.gateway.wanted(), None)
    await session.over
    await session.close()
    network.end()
    await links.end()
    await network.close()
    await line.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]), mark))
