"""A session without a line: what the microcontroller types and what it reads back.

The network is simulated, everything behind the sockets is real. Nothing here waits for time:
`expect` waits for bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from gateway.at.messages import Style
from gateway.commands import all_commands
from gateway.services.api_line import LineReceiver, LineRefused, UartSettings
from gateway.services.certificates import CertificateStore
from gateway.services.clock import SimulatedClock
from gateway.services.connecting import Rules
from gateway.services.links import LinkLimits, LinkSlots
from gateway.services.network.simulated import SimulatedNetwork, World
from gateway.services.servers import TcpServers
from gateway.services.settings import StoredSettings
from gateway.services.trace import MonitorSocket
from gateway.session import Services, Session

T = TypeVar("T")
PATIENCE = 10.0
"""Seconds after which a test that waits for bytes has failed."""


class FakeLine:
    """A line in memory. `output` is what has been written; `slow` keeps it from leaving.

    `writes` has the same bytes as they were handed over, one write after the other.
    """

    def __init__(self) -> None:
        self.settings = UartSettings()
        self.output = bytearray()
        self.writes: list[bytes] = []
        self.refused: set[int] = set()
        self.slow = False
        self.paused = False
        self.news = asyncio.Event()
        self._receiver: LineReceiver | None = None
        self._buffered = 0

    @property
    def buffered(self) -> int:
        return self._buffered

    def start(self, receiver: LineReceiver) -> None:
        self._receiver = receiver

    def write(self, data: bytes) -> None:
        self.output += data
        self.writes.append(data)
        if self.slow:
            self._buffered += len(data)
        self.news.set()

    def drain(self) -> None:
        """All that was written has left."""
        self._buffered = 0
        assert self._receiver is not None
        self._receiver.drained()

    def drop_output(self) -> None:
        self._buffered = 0

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def seconds(self, count: int) -> float:
        return 0.0

    async def probe(self, settings: UartSettings) -> None:
        if settings.baud in self.refused:
            raise LineRefused(f"{settings.baud} baud")

    async def change(self, settings: UartSettings) -> None:
        self.settings = settings

    async def close(self) -> None:
        return

    def receive(self, data: bytes) -> None:
        """Bytes come from the microcontroller."""
        assert self._receiver is not None
        self._receiver.data_received(data)


class Keyboard:
    """The microcontroller's end of a line: types, and reads what comes back.

    `patience` is how many seconds of the loop's time a test waits for bytes.
    """

    def __init__(self, line: FakeLine) -> None:
        self.line = line
        self.patience = PATIENCE
        self._read = 0

    def type(self, data: bytes | str) -> None:
        """The microcontroller sends bytes."""
        self.line.receive(data.encode("latin-1") if isinstance(data, str) else data)

    def unread(self) -> bytes:
        """What has been written since the last look; it counts as read."""
        data = bytes(self.line.output[self._read :])
        self._read = len(self.line.output)
        return data

    async def expect(self, end: bytes) -> bytes:
        """What is written up to and with `end`."""
        return await self.expect_match(re.compile(re.escape(end)))

    async def expect_match(self, end: re.Pattern[bytes]) -> bytes:
        """What is written up to and with the first match of `end`."""
        async with asyncio.timeout(self.patience):
            while True:
                found = end.search(self.line.output, self._read)
                if found is not None:
                    data = bytes(self.line.output[self._read : found.end()])
                    self._read = found.end()
                    # a match that outlives this keeps the bytearray from growing
                    del found
                    return data
                self.line.news.clear()
                try:
                    await self.line.news.wait()
                except asyncio.CancelledError:
                    print(f"waiting for {end.pattern!r}, there is {self.unread()!r}")
                    raise

    async def ask(self, line: str, end: bytes = b"OK\r\n") -> bytes:
        """The answer to a command line, up to and with `end`."""
        self.type(line + "\r\n")
        return await self.expect(end)

    async def refused(self, line: str) -> bytes:
        """The answer to a command line that must end in ERROR."""
        return await self.ask(line, b"ERROR\r\n")

    async def quiet(self) -> None:
        """Echo off, and nothing unread."""
        await self.ask("ATE0")
        await self.turns(5)
        self.unread()

    async def join(self) -> None:
        """Echo off, joined to the simulated access point, and nothing unread."""
        await self.quiet()
        await self.ask('AT+CWJAP_CUR="esp-at-sim","password"')
        self.unread()

    async def turns(self, number: int) -> None:
        """Let the event loop turn, so that what was due has happened."""
        for _ in range(number):
            await asyncio.sleep(0)


class Desk(Keyboard):
    """A gateway at work, and the microcontroller's end of its line."""

    def __init__(
        self, directory: Path, world: World, style: Style, limits: LinkLimits, rules: Rules | None
    ) -> None:
        super().__init__(FakeLine())
        self.network = SimulatedNetwork(world)
        self.settings_folder = directory / "state"
        self.settings = StoredSettings(self.settings_folder)
        self.certificates = CertificateStore(directory / "certs", 5)
        self.links = LinkSlots(limits, self.network.interface_of, rules=rules)
        self.servers = TcpServers(self.links)
        self.trace = MonitorSocket(directory, version="test", uart="nowhere")
        services = Services(
            network=self.network,
            links=self.links,
            servers=self.servers,
            certificates=self.certificates,
            clock=SimulatedClock(lambda: 1_700_000_000.0),
            settings=self.settings,
            memory=lambda: (1000, 900),
            style=style,
            trace=self.trace,
        )
        self.session = Session(self.line, all_commands(), services)
        self.links.listener = self.session.announcer

    async def start(self) -> None:
        await self.network.start()
        self.session.start()
        self.network.begin(self.session.announcer, self.session.gateway.wanted(), None)
        await self.expect(b"\r\nready\r\n")

    async def close(self) -> None:
        await self.session.close()
        self.network.end()
        self.servers.end()
        await self.links.end()
        await self.network.close()
        await self.settings.settled()
        self.trace.close()


@contextlib.asynccontextmanager
async def desk(
    world: World | None = None,
    style: Style = Style.README,
    limits: LinkLimits | None = None,
    rules: Rules | None = None,
) -> AsyncIterator[Desk]:
    """A gateway with a simulated network that waits for nothing."""
    with tempfile.TemporaryDirectory() as directory:
        made = Desk(Path(directory), world or World(pace=0), style, limits or LinkLimits(), rules)
        await made.start()
        try:
            yield made
        finally:
            await made.close()


def at_desk(
    work: Callable[[Desk], Coroutine[Any, Any, T]],
    world: World | None = None,
    style: Style = Style.README,
    limits: LinkLimits | None = None,
    runner: Callable[[Coroutine[Any, Any, T]], T] = asyncio.run,
    rules: Rules | None = None,
) -> T:
    """The result of `work` done at a desk of its own, on real time unless `runner` has another."""

    async def main() -> T:
        async with desk(world, style, limits, rules) as made:
            return await work(made)

    return runner(main())
