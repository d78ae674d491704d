"""The daemon's own succession of sessions on a line in memory: what a reset and a restart do.

`tests.harness.Desk` is one session; here a session's end begins the next one, by the code
that the program runs, and two `Served` on one directory are a program started twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from gateway.config import Config, LinkOptions, NetworkOptions, StorageOptions
from gateway.services.api_line import UartSettings
from gateway.services.clock import SimulatedClock
from gateway.services.network.simulated import SimulatedNetwork, World
from gateway.services.settings import StoredSettings
from gateway.services.supervisor import Supervisor
from gateway.sessions import Sessions
from tests.harness import FakeLine, Keyboard

T = TypeVar("T")
READY = b"\r\nready\r\n"


class Served(Keyboard):
    """A program at work on the state directory `directory`/state."""

    def __init__(self, directory: Path, world: World) -> None:
        super().__init__(FakeLine())
        self.network = SimulatedNetwork(world)
        self.settings = StoredSettings(directory / "state")
        self.clock = SimulatedClock(lambda: 1_700_000_000.0)
        self.line.settings = self.settings.stored.uart or UartSettings()
        config = Config(
            network=NetworkOptions(kind="simulated"),
            links=LinkOptions(allow_loopback=True),
            storage=StorageOptions(state_dir=directory / "state", cert_dir=directory / "certs"),
        )
        self._daemon = Sessions(
            config, self.line, self.settings, self.network, self.clock, Supervisor()
        )
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin the first session, up to `ready`."""
        await self.network.start()
        self._serving = asyncio.create_task(self._daemon.serve())
        await self.expect(READY)

    async def reset(self, line: str = "AT+RST") -> None:
        """Reset by a command, and read up to `ready` of the next session; echo is off then."""
        await self.ask(line)
        await self.expect(READY)
        await self.quiet()

    async def close(self) -> None:
        """End the program."""
        assert self._serving is not None
        self._serving.cancel()
        await asyncio.wait({self._serving})
        await self.network.close()
        await self.settings.settled()


def serve(
    work: Callable[[Served], Coroutine[Any, Any, T]],
    directory: Path,
    world: World | None = None,
    runner: Callable[[Coroutine[Any, Any, T]], T] = asyncio.run,
) -> T:
    """The result of `work` done with a program of its own, started on `directory`."""

    async def main() -> T:
        served = Served(directory, world or World(pace=0))
        await served.start()
        try:
            return await work(served)
        finally:
            await served.close()

    return runner(main())
