"""systemd-timesyncd and systemd-timedated over D-Bus. Besides NetworkManager's adapter the only
file that imports D-Bus's binding, and as late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gateway.services.network.bus_calls import Calls
from gateway.services.network.bus_loop import BusLoop
from gateway.services.network.bus_values import (
    ANSWERS_TO_THE_ABSENT,
    Asked,
    bus_asked,
    unwrap,
    user_name,
)
from gateway.services.network.manager import ManagerError
from gateway.services.timesync import NetworkTime, TimeBusError

if TYPE_CHECKING:
    import sdbus


CALL_SECONDS: Final = 20.0
"""How long an answer may take: at boot polkit has to be started for it."""
BUS: Final = "org.freedesktop.DBus"
BUS_PATH: Final = "/org/freedesktop/DBus"
PROPERTIES: Final = "org.freedesktop.DBus.Properties"
TIMESYNC: Final = "org.freedesktop.timesync1"
TIMESYNC_PATH: Final = "/org/freedesktop/timesync1"
TIMESYNC_MANAGER: Final = "org.freedesktop.timesync1.Manager"
TIMEDATE: Final = "org.freedesktop.timedate1"
TIMEDATE_PATH: Final = "/org/freedesktop/timedate1"
SET_SERVERS: Final = "org.freedesktop.timesync1.set-runtime-servers"
"""polkit's action."""
MISSING: Final = "Python's binding for D-Bus is missing; install the Debian package python3-sdbus"
NO_OWNER: Final = "org.freedesktop.DBus.Error.NameHasNoOwner"
LATE: Final = "org.freedesktop.DBus.Error.Timeout"
REFUSALS: Final = (".AccessDenied", ".InteractiveAuthorizationRequired", ".PermissionDenied")

T = TypeVar("T")


def _load() -> None:
    """Import the binding; raises TimeBusError where it is not installed."""
    global sdbus
    try:
        import sdbus
    except ImportError as error:
        raise TimeBusError(f"{MISSING} ({error})", hopeless=True) from error


async def open_time_bus(told_lost: Callable[[], None]) -> SystemTimeBus:
    """A connection to the system's bus; `timesync.OpenBus`."""
    await asyncio.to_thread(_load)
    return SystemTimeBus(told_lost)


class SystemTimeBus:
    """One connection to the system's bus; implements `timesync.TimeBus`."""

    def __init__(self, told_lost: Callable[[], None]) -> None:
        """Connect to DBUS_SYSTEM_BUS_ADDRESS or the usual place; raises TimeBusError."""
        self._calls = Calls(CALL_SECONDS, _error_of)
        self._told_lost = told_lost
        self._match: sdbus.sd_bus_internals.SdBusSlot | None = None
        try:
            self._bus = sdbus.sd_bus_open_system()
            self._loop = BusLoop(self._bus, self._hung_up)
        except (sdbus.SdBusBaseError, OSError) as error:
            raise TimeBusError(
                "the system's D-Bus cannot be reached; start it with `systemctl start dbus`"
            ) from error

    @property
    def lost(self) -> bool:
        """Whether the bus has hung up, or this was closed."""
        return self._calls.lost

    async def watch_owner(self, told: Callable[[str], None]) -> None:
        """Tell who owns systemd-timesyncd's name, "" nobody, each time that it changes."""

        def changed(signal: Any) -> None:
            name, _, owner = signal.parse_to_tuple()
            if name == TIMESYNC and not self.lost:
                told(owner)

        self._match = await self._ask(
            bus_asked("tell systemd-timesyncd's comings and goings"),
            lambda: self._bus.match_signal_async(BUS, BUS_PATH, BUS, "NameOwnerChanged", changed),
        )

    async def owner(self) -> str:
        """Who owns systemd-timesyncd's name now, "" nobody. Starts nobody."""
        asked = bus_asked("tell whether systemd-timesyncd is there")
        try:
            return str(await self._call(asked, (BUS, BUS_PATH, BUS, "GetNameOwner"), "s", TIMESYNC))
        except TimeBusError as error:
            cause = error.__cause__
            if isinstance(cause, ManagerError) and cause.name == NO_OWNER:
                return ""
            raise

    async def servers(self, owner: str) -> tuple[str, ...]:
        """The servers that timesyncd was told since it runs, () for none."""
        asked = Asked("tell its time servers", SET_SERVERS, "systemd-timesyncd")
        found = await self._property(
            asked, owner, TIMESYNC_PATH, TIMESYNC_MANAGER, "RuntimeNTPServers"
        )
        return tuple(found)

    async def use_servers(self, owner: str, servers: tuple[str, ...]) -> None:
        """Have timesyncd ask these in place of its own, () its own again."""
        what = f"take the time servers {', '.join(map(ascii, servers))}"
        asked = Asked(what if servers else "forget them", SET_SERVERS, "systemd-timesyncd")
        target = (owner, TIMESYNC_PATH, TIMESYNC_MANAGER, "SetRuntimeNTPServers")
        await self._call(asked, target, "as", list(servers))

    async def network_time(self) -> NetworkTime:
        """What systemd-timedated says; the bus starts it where it does not run."""
        asked = Asked("tell whether network time is on", who="systemd-timedated")
        told = [
            bool(await self._property(asked, TIMEDATE, TIMEDATE_PATH, TIMEDATE, name))
            for name in ("NTP", "NTPSynchronized")
        ]
        return NetworkTime(*told)

    def close(self) -> None:
        """Let go of everything; what is being awaited fails."""
        self._lose()
        if self._match is not None:
            self._match.close()
            self._match = None
        self._bus.close()

    async def _property(
        self, asked: Asked, owner: str, path: str, interface: str, name: str
    ) -> Any:
        target = (owner, path, PROPERTIES, "Get")
        return unwrap("v", await self._call(asked, target, "ss", interface, name))

    async def _call(
        self, asked: Asked, target: tuple[str, str, str, str], signature: str, *values: Any
    ) -> Any:
        """What a method of `target` (name, path, interface, member) gives."""

        async def call() -> Any:
            message = self._bus.new_method_call_message(*target)
            message.append_data(signature, *values)
            return (await self._bus.call_async(message)).get_contents()

        return await self._ask(asked, call)

    async def _ask(self, asked: Asked, call: Callable[[], Awaitable[T]]) -> T:
        try:
            return await self._calls.ask(asked, call)
        except ManagerError as error:
            raise _sentence(asked, error) from error

    def _hung_up(self) -> None:
        self._lose()
        self._told_lost()

    def _lose(self) -> None:
        self._loop.close()
        self._calls.lose()


def _error_of(error: Exception) -> tuple[str, str] | None:
    """D-Bus's name and text of an error that was answered."""
    texts = (*map(str, error.args), "", "")
    if isinstance(error, sdbus.SdBusUnmappedMessageError):
        return texts[0], texts[1]
    if isinstance(error, sdbus.DbusFailedError):
        return error.dbus_error_name, texts[0]
    return None


def _sentence(asked: Asked, error: ManagerError) -> TimeBusError:
    if error.name.endswith(REFUSALS):
        return TimeBusError(
            f"systemd-timesyncd refuses {asked.action} to user {user_name()}; install the polkit "
            "rule of the package, or run as root"
        )
    if error.name in ANSWERS_TO_THE_ABSENT:
        return TimeBusError(f"{asked.who} is not there")
    return TimeBusError(str(error), late=error.name == LATE)
