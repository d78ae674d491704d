"""Finds NetworkManager on the bus, follows it, and finds it again. It knows no D-Bus binding."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, Protocol

from gateway.services.backoff import MOST_SENTENCES, Backoff
from gateway.services.network.bus_calls import BUS_LOST
from gateway.services.network.bus_mirror import Mirror
from gateway.services.network.bus_values import NOT_RUNNING, missing_permissions
from gateway.services.network.manager import NM, ROOT, ManagerError, ManagerListener, Objects

logger = logging.getLogger("gateway.network")

PING_EVERY: Final = 30.0
"""Seconds. A bus that dies without a word is noticed by this."""
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
"""Seconds before the bus is tried again: each pause is double the one before."""

Receiver = Callable[[str, str, Any], None]
"""Takes a signal: its member, the path of the object that sent it, and its contents."""


class BindingMissing(ManagerError):
    """D-Bus's binding is not installed."""


class Connection(Protocol):
    """One connection to the bus. All that is awaited has a time limit and raises ManagerError.

    What is received and what is answered arrive in the order in which they were sent.
    """

    @property
    def lost(self) -> bool:
        """Whether the bus is gone."""

    async def watch_owner(self, told: Callable[[str], None]) -> None:
        """Tell who owns NetworkManager's name, "" nobody, each time that it changes."""

    async def owner(self) -> str:
        """Who owns NetworkManager's name now, "" nobody."""

    async def follow(self, owner: str, receiver: Receiver) -> None:
        """Hand over what `owner` signals, and nothing any more of the one before."""

    async def managed_objects(self, owner: str) -> Any:
        """GetManagedObjects: `a{oa{sa{sv}}}`."""

    async def permissions(self, owner: str) -> dict[str, str]:
        """GetPermissions."""

    async def register_agent(self, owner: str) -> None:
        """Have the gateway asked for secrets."""

    def close(self) -> None:
        """Let go of everything; what is being awaited fails."""


class BusWatch:
    """Keeps a mirror of NetworkManager while there is one."""

    def __init__(
        self,
        open_bus: Callable[[Callable[[], None]], Awaitable[Connection]],
        ping_every: float = PING_EVERY,
        patience: float = 0.0,
    ) -> None:
        """`open_bus` gives a new connection, which calls what it was handed when it is lost.

        `patience`: seconds in which it is nothing to warn of that NetworkManager is not there
        yet. At boot it comes later than the gateway.
        """
        self._open_bus = open_bus
        self._ping_every = ping_every
        self._patience = patience
        self._overdue: asyncio.TimerHandle | None = None
        self._mirror = Mirror()
        self._wake = asyncio.Event()
        self._owner = ""
        self._followed = ""
        self._present = False
        self._greeted = False
        self._backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        self._said = deque[str](maxlen=MOST_SENTENCES)
        self._missing = False
        self._tell: asyncio.Handle | None = None
        self.connection: Connection | None = None
        self.absence = "NetworkManager has not been found yet; it is being looked for"
        """Why it is not there, one sentence."""
        self.listener: ManagerListener | None = None

    @property
    def present(self) -> bool:
        """Whether NetworkManager runs and the mirror shows all of it."""
        return self._present

    @property
    def missing(self) -> bool:
        """Whether NetworkManager was looked for, and is not there: `absence` says why."""
        return self._missing and not self._present

    @property
    def objects(self) -> Objects:
        """The mirror, empty while NetworkManager is not present."""
        return self._mirror.objects if self._present else {}

    @property
    def owner(self) -> str:
        """NetworkManager's own name on the bus, "" while it is not present."""
        return self._followed if self._present else ""

    async def run(self) -> None:
        """Do it until cancelled; ends by itself only where the binding is not installed."""
        if self._patience:
            self._overdue = asyncio.get_running_loop().call_later(self._patience, self._impatient)
        try:
            await self._look_for_it()
        finally:
            self._impatient(quietly=True)

    def _impatient(self, *, quietly: bool = False) -> None:
        """From now on it is worth a warning that NetworkManager is not there."""
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
            if self.missing and not quietly:
                logger.warning("%s", self.absence)

    async def _look_for_it(self) -> None:
        while True:
            try:
                await self._one_connection()
            except BindingMissing as error:
                self.absence, self._missing = str(error), True
                logger.error("%s", error)
                self._tell_now()
                return
            except ManagerError as error:
                self._absent(str(error))
            except Exception:
                logger.exception("the search for NetworkManager failed; it begins anew")
            await asyncio.sleep(self._backoff.next())

    async def _one_connection(self) -> None:
        connection = self.connection = await self._open_bus(self._wake.set)
        try:
            await connection.watch_owner(self._owner_is)
            self._owner_is(await connection.owner())
            while not connection.lost:
                await self._settle(connection)
                try:
                    async with asyncio.timeout(self._ping_every):
                        await self._wake.wait()
                except TimeoutError:
                    self._owner_is(await connection.owner())
                self._wake.clear()
            raise ManagerError(BUS_LOST)
        finally:
            self.connection = None
            self._owner = ""
            self._vanish()
            connection.close()
            if self._tell is not None:
                self._tell.cancel()
                self._tell = None

    async def _settle(self, connection: Connection) -> None:
        """Follow whoever owns the name now."""
        owner = self._owner
        if owner and owner != self._followed:
            try:
                await connection.follow(owner, partial(self._receive, owner))
                managed = await connection.managed_objects(owner)
            except ManagerError:
                if owner == self._owner and not connection.lost:
                    raise
                return  # it went away meanwhile, which has been noticed
            if owner == self._owner:
                self._followed = owner
                self._mirror.fill(managed)
                self._appear()
        if self._present and not self._greeted:
            self._greeted = True
            await self._greet(connection, self._followed)

    async def _greet(self, connection: Connection, owner: str) -> None:
        # Neither is fatal: without an agent a desktop might ask its user for a password.
        for step in (connection.register_agent, self._name_what_is_missing):
            try:
                await step(owner)
            except ManagerError as error:
                logger.debug("%s", error)

    async def _name_what_is_missing(self, owner: str) -> None:
        if self.connection is not None:
            missing = missing_permissions(await self.connection.permissions(owner))
            if missing:
                logger.warning("%s", missing)

    def _owner_is(self, owner: str) -> None:
        self._owner = owner
        if self._followed and owner != self._followed:
            self._vanish()
        if owner != self._followed:
            self._wake.set()
        if not owner:
            self._absent(NOT_RUNNING)

    def _receive(self, owner: str, member: str, path: str, contents: Any) -> None:
        if owner != self._followed:
            return  # it is older than the mirror, or its sender is gone
        if member == "StateChanged":
            self._device_state(path, contents)
        elif self._mirror.apply(member, path, contents):
            if self._present:
                self._tell_soon()
            else:
                self._appear()

    def _device_state(self, path: str, contents: Any) -> None:
        try:
            new, old, reason = map(int, contents)
        except (TypeError, ValueError):
            return
        self._mirror.device_state(path, new, reason)
        if self._present:
            self._tell_soon()
            if self.listener is not None:
                self.listener.device_state_changed(path, new, old, reason)

    def _appear(self) -> None:
        if self._mirror.complete:
            self._present = True
            self._greeted = False
            self._backoff.restart()
            self._said.clear()
            self._impatient(quietly=True)
            version = self.objects[ROOT].get(NM, {}).get("Version", "")
            logger.info("NetworkManager %s is there", version)
            self._wake.set()
            self._tell_now()

    def _vanish(self) -> None:
        was_present = self._present
        self._present = False
        self._followed = ""
        self._mirror.clear()
        if was_present:
            self._tell_now()

    def _absent(self, sentence: str) -> None:
        """Remember why, and say it once for as long as NetworkManager is not there."""
        self.absence, self._missing = sentence, True
        if sentence not in self._said:
            self._said.append(sentence)
            logger.log(logging.INFO if self._overdue else logging.WARNING, "%s", sentence)
            self._tell_now()

    def _tell_soon(self) -> None:
        """Signals come in crowds: the listener hears of one change."""
        if self._tell is None:
            self._tell = asyncio.get_running_loop().call_soon(self._tell_now)

    def _tell_now(self) -> None:
        if self._tell is not None:
            self._tell.cancel()
            self._tell = None
        if self.listener is not None:
            self.listener.manager_changed()
