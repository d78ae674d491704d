"""Time servers that the microcontroller names, kept at systemd-timesyncd for as long as it wants.

timesyncd forgets them when it restarts: then they are sent again. They are written down before
they are sent, and taken back at a reset and at the end, so that the owner's own rule again; after
a kill the next start, or `esp-at-gateway release-network`, does that. D-Bus's binding is not
known here: `timesync_bus.py` implements `TimeBus`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol

from gateway.records import Record
from gateway.services.atomic_file import read_file, remedy, replace_file
from gateway.services.backoff import MOST_SENTENCES, Backoff

logger = logging.getLogger("gateway.time")

FILE_NAME: Final = "time-servers.json"
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
"""Seconds before the bus is tried again: each pause is double the one before."""
ANSWER_SECONDS: Final = 2.0
"""How long systemd-timedated may take; a link that waits for it has 4.5 s in all."""
CLOSE_SECONDS: Final = 5.0
"""How long the end may take where nobody waits for it."""
END_SECONDS: Final = 0.5
"""How long it may take of the two seconds in which the service has to end."""
RUNS: Final = Path("/run/systemd/timesync")
"""There while systemd-timesyncd runs (`RuntimeDirectory=` of its unit)."""
SWITCH_ON: Final = "`sudo timedatectl set-ntp true`"


class TimeBusError(Exception):
    """What was asked over the bus was not done. The message is one sentence.

    `late`: no answer came in time, so that nothing is known. `hopeless`: no use in trying again.
    """

    def __init__(self, message: str, *, late: bool = False, hopeless: bool = False) -> None:
        super().__init__(message)
        self.late = late
        self.hopeless = hopeless


class NetworkTime(Record):
    """What systemd-timedated says of this machine: of systemd-timesyncd, chrony or another.

    `switched_on`: a program that sets the clock from the network runs. `synchronised`: the
    kernel says that its clock is kept by somebody.
    """

    switched_on: bool
    synchronised: bool


class TimeBus(Protocol):
    """One connection to the bus. What is awaited has a time limit, and raises TimeBusError."""

    @property
    def lost(self) -> bool:
        """Whether the bus is gone."""

    async def watch_owner(self, told: Callable[[str], None]) -> None:
        """Tell who owns systemd-timesyncd's name, "" nobody, each time that it changes."""

    async def owner(self) -> str:
        """Who owns systemd-timesyncd's name now, "" nobody. Starts nobody."""

    async def servers(self, owner: str) -> tuple[str, ...]:
        """The servers that timesyncd was told since it runs, () for none."""

    async def use_servers(self, owner: str, servers: tuple[str, ...]) -> None:
        """Have timesyncd ask these in place of its own, () its own again."""

    async def network_time(self) -> NetworkTime:
        """What systemd-timedated says; the bus starts it where it does not run."""

    def close(self) -> None:
        """Let go of everything; what is being awaited fails."""


OpenBus = Callable[[Callable[[], None]], Awaitable[TimeBus]]
"""Gives a new connection, which calls what it was handed when it is lost. TimeBusError."""


async def ask_network_time(open_bus: OpenBus, *, hurry: bool = False) -> NetworkTime:
    """What systemd-timedated says, over a connection for this alone. Raises TimeBusError.

    `hurry`: within ANSWER_SECONDS, which starting it may take on a slow machine. Where
    systemd-timesyncd runs, which the bus itself knows, its own mark counts as the answer: the
    caller has not found any.
    """
    try:
        async with asyncio.timeout(ANSWER_SECONDS if hurry else None):
            bus = await open_bus(lambda: None)
            try:
                if hurry and await bus.owner():
                    return NetworkTime(switched_on=True, synchronised=False)
                return await bus.network_time()
            finally:
                bus.close()
    except TimeoutError:
        raise TimeBusError(
            f"systemd-timedated does not answer within {ANSWER_SECONDS:g} s; "
            "`journalctl -u systemd-timedated` may tell why",
            late=True,
        ) from None


class TimeServers:
    """Keeps timesyncd at the servers last asked for. Without any it has no connection and no task.

    `folder` takes the record of what has been sent. `close_seconds` is how long the end may
    take; what cannot be taken back by then stays recorded, for the next start or
    `release-network`.
    """

    def __init__(
        self, open_bus: OpenBus, folder: Path, close_seconds: float = CLOSE_SECONDS
    ) -> None:
        self._open_bus = open_bus
        self._close_seconds = close_seconds
        self._record = folder / FILE_NAME
        self._wanted: tuple[str, ...] = ()
        # What timesyncd was told, and which process of it; None: one that we do not know.
        self._told = _read(self._record)
        self._told_to: str | None = None
        self._refused: tuple[tuple[str, ...], str] | None = None
        self._owner = ""
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._said = deque[str](maxlen=MOST_SENTENCES)
        self._backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)

    def use(self, servers: tuple[str, ...]) -> None:
        """Ask these from now on, () none: returns at once.

        What was left behind by a process that was killed is taken back by the first call.
        """
        # A text with a NUL in it would be left out without a word.
        named = (server for server in servers if server and "\0" not in server)
        self._wanted = tuple(dict.fromkeys(named))
        self._wake.set()
        if self._task is None and (self._wanted or self._told):
            self._task = asyncio.create_task(self._run(), name="time servers on D-Bus")

    async def close(self) -> None:
        """Take the servers back; no task and no descriptor is left."""
        self.use(())
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=self._close_seconds)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            await self._see_to_them()
        finally:
            # Not in a callback, which comes a turn later: servers named until then would wait.
            self._task = None

    async def _see_to_them(self) -> None:
        self._backoff.restart()
        while True:
            try:
                await self._one_connection()
                return
            except TimeBusError as error:
                self._say(logging.WARNING, f"the time servers wait: {error}")
                if error.hopeless:
                    return
            except Exception:
                logger.exception("the time servers could not be seen to; it is tried again")
            await asyncio.sleep(self._backoff.next())

    async def _one_connection(self) -> None:
        """Returns when nothing is wanted and nothing of ours is in force."""
        bus = await self._open_bus(self._wake.set)
        # A bus that has restarted gives its names to others.
        self._told_to = self._refused = None
        try:
            await bus.watch_owner(self._owner_is)
            self._owner = await bus.owner()
            self._backoff.restart()
            while not bus.lost:
                self._wake.clear()
                await self._settle(bus)
                if not self._wanted and not self._told:
                    return
                await self._wake.wait()
            raise TimeBusError("the connection to D-Bus is lost; it is made again")
        finally:
            bus.close()

    def _owner_is(self, owner: str) -> None:
        self._owner = owner
        self._wake.set()

    async def _settle(self, bus: TimeBus) -> None:
        """Bring the timesyncd that runs now, if any, to what is wanted now."""
        owner, wanted = self._owner, self._wanted
        if self._told_to is not None and self._told_to != owner:
            self._told, self._told_to = (), None  # it has been forgotten with that process
        if not owner:
            self._told = ()
            if wanted:
                await self._say_why_nobody_asks(bus, wanted)
            else:
                await self._forget()
        elif not wanted:
            await self._take_back(bus, owner)
        elif (wanted, owner) not in ((self._told, self._told_to), self._refused):
            await self._send(bus, owner, wanted)

    async def _send(self, bus: TimeBus, owner: str, wanted: tuple[str, ...]) -> None:
        await self._write_down(wanted)
        try:
            await bus.use_servers(owner, wanted)
        except TimeBusError as error:
            if bus.lost or owner != self._owner:
                return  # it went away meanwhile, which has been noticed
            self._refused = wanted, owner
            self._say(logging.WARNING, str(error))
            if error.late:  # it may come to it yet
                self._told, self._told_to = wanted, owner
            elif self._told:
                await self._write_down(self._told)
            else:
                await self._forget()
            return
        self._told, self._told_to = wanted, owner
        self._refused = None
        self._said.clear()
        logger.info("systemd-timesyncd asks the time servers %s", _list(wanted))

    async def _take_back(self, bus: TimeBus, owner: str) -> None:
        told = self._told
        try:
            # Somebody else may have named others since, say another microcontroller's gateway.
            if told and await bus.servers(owner) == told:
                await bus.use_servers(owner, ())
                logger.info("systemd-timesyncd asks its own time servers again")
        except TimeBusError as error:
            if bus.lost or owner != self._owner:
                return
            self._say(logging.WARNING, str(error))
        self._told, self._told_to = (), None
        await self._forget()

    async def _say_why_nobody_asks(self, bus: TimeBus, wanted: tuple[str, ...]) -> None:
        begin = f"the time servers {_list(wanted)} are not asked: "
        try:
            network_time = await bus.network_time()
        except TimeBusError as error:
            self._say(logging.WARNING, f"{begin}systemd-timesyncd is not running ({error})")
            return
        if self._owner:
            return  # it has come meanwhile
        if RUNS.exists():  # it starts just now, or was installed a moment ago
            self._say(
                logging.INFO,
                f"{begin}systemd-timesyncd runs, and D-Bus does not know it; "
                "`sudo systemctl restart systemd-timesyncd` helps, and so does a reboot",
            )
        elif network_time.switched_on or network_time.synchronised:
            self._say(
                logging.INFO,
                f"{begin}another program than systemd-timesyncd keeps this machine's clock, "
                "and the time is that clock's",
            )
        else:
            self._say(
                logging.WARNING,
                f"{begin}network time is off on this machine; {SWITCH_ON} turns it on, "
                "and they are asked then",
            )

    async def _write_down(self, servers: tuple[str, ...]) -> None:
        try:
            await asyncio.to_thread(replace_file, self._record, json.dumps(servers))
        except OSError as error:
            self._say(
                logging.WARNING,
                f"{self._record} cannot be written ({remedy(error, self._record.parent)}): after "
                "a kill the time servers stay until systemd-timesyncd restarts",
            )

    async def _forget(self) -> None:
        try:
            await asyncio.to_thread(self._record.unlink, missing_ok=True)
        except OSError as error:
            logger.debug("%s cannot be deleted: %s", self._record, error)

    def _say(self, level: int, sentence: str) -> None:
        """Once, until servers have been taken."""
        if sentence not in self._said:
            self._said.append(sentence)
            logger.log(level, "%s", sentence)


def _list(servers: tuple[str, ...]) -> str:
    return ", ".join(map(ascii, servers))


def _read(record: Path) -> tuple[str, ...]:
    """The servers that a gateway before this one has sent and not taken back."""
    try:
        servers = json.loads(read_file(record))
    except (OSError, ValueError, RecursionError):
        return ()
    if not isinstance(servers, list) or not all(isinstance(each, str) for each in servers):
        return ()
    return tuple(servers)
