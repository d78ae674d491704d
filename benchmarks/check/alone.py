"""A session on a socket, with nothing beside it: `alone.py FD FOLDER [memory]`.

For counting what the program itself does, by valgrind, or with `memory` by Python's counters.
The line is a local socket, on which bytes arrive as they were sent, all at once; on a terminal
the kernel decides. Session, links and event loop are the gateway's own. From the first mark on
the clock goes by how often it is asked: a timer that runs out does so in the same place each time.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from gateway.commands import all_commands
from gateway.services.api_line import UartSettings
from gateway.services.certificates import CertificateStore
from gateway.services.clock import SimulatedClock
from gateway.services.descriptor_line import DescriptorLine
from gateway.services.event_loop import EventLoop
from gateway.services.links import LinkLimits, LinkSlots
from gateway.services.network.simulated import SimulatedNetwork, World
from gateway.services.servers import TcpServers
from gateway.services.settings import StoredSettings
from gateway.session import Services, Session

_TICK = 0.0001


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


class Mark:
    """Called for `AT+SYSRAM?`, which is asked between what is counted."""

    def __init__(self) -> None:
        self._first = True

    def __call__(self) -> tuple[int, int]:
        """Nothing that can be read."""
        self._begin()
        # A collection would fall into one part or the other; what makes work for it is counted.
        gc.disable()
        # Nothing else asks for the parent's number, so that valgrind can tell by it.
        os.getppid()
        return 0, 0

    def _begin(self) -> None:
        """Each part begins with nothing to collect."""
        gc.collect()
        if self._first:
            self._first = False
            time.monotonic = itertools.count(time.monotonic(), _TICK).__next__


class MemoryMark(Mark):
    """A mark that tells what Python's own counters say."""

    def __init__(self) -> None:
        super().__init__()
        self._before = 0
        tracemalloc.start()

    def __call__(self) -> tuple[int, int]:
        """Blocks that are in use, and by how many bytes at most there were more of them since
        the mark before than at that."""
        self._begin()
        now, peak = tracemalloc.get_traced_memory()
        before, self._before = self._before, now
        tracemalloc.reset_peak()
        return sys.getallocatedblocks(), peak - before


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
    _, descriptor, folder, *how = sys.argv
    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(serve(int(descriptor), Path(folder), MemoryMark() if how else Mark()))
