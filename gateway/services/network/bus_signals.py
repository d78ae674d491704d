"""One connection to the bus, as far as it listens: who NetworkManager is, and what it signals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, Protocol

from gateway.services.network.bus_calls import Calls
from gateway.services.network.bus_loop import BusLoop
from gateway.services.network.bus_values import bus_asked
from gateway.services.network.bus_watch import Receiver
from gateway.services.network.manager import NM

FOLLOWED: Final = (
    ("org.freedesktop.DBus.ObjectManager", "InterfacesAdded"),
    ("org.freedesktop.DBus.ObjectManager", "InterfacesRemoved"),
    ("org.freedesktop.DBus.Properties", "PropertiesChanged"),
    (f"{NM}.Device", "StateChanged"),
)
BUS: Final = "org.freedesktop.DBus"
BUS_PATH: Final = "/org/freedesktop/DBus"


class Signal(Protocol):
    """A signal, as the binding gives it."""

    path: str | None
    member: str | None

    def parse_to_tuple(self) -> tuple[Any, ...]:
        """What it says."""


class Match(Protocol):
    """A subscription."""

    def close(self) -> None:
        """End it."""


class Bus(Protocol):
    """The binding's connection, as far as it is needed here."""

    def process(self) -> None:
        """Read and write what there is."""

    def get_fd(self) -> int:
        """Its socket."""

    def match_signal_async(
        self,
        sender: str | None,
        path: str | None,
        interface: str | None,
        member: str | None,
        callback: Callable[[Signal], None],
        /,
    ) -> Awaitable[Match]:
        """Subscribe. `callback` is called on the loop, in the order of arrival."""

    def close(self) -> None:
        """Hang up."""


class BusSignals:
    """What a connection hears, until it is lost or closed."""

    def __init__(self, bus: Bus, calls: Calls, told_lost: Callable[[], None]) -> None:
        """Call `told_lost` when the bus hangs up."""
        self.calls = calls
        self._signals = bus
        self._told_lost = told_lost
        self._owner_match: Match | None = None
        self._matches: list[Match] = []
        self._loop = BusLoop(bus, self._hung_up)

    @property
    def lost(self) -> bool:
        """Whether the bus has hung up, or this was closed."""
        return self.calls.lost

    async def watch_owner(self, told: Callable[[str], None]) -> None:
        """Tell who owns NetworkManager's name, "" nobody, each time that it changes."""

        def changed(signal: Signal) -> None:
            name, _, owner = signal.parse_to_tuple()
            if name == NM and not self.lost:
                told(owner)

        self._owner_match = await self.calls.ask(
            bus_asked("tell NetworkManager's comings and goings"),
            lambda: self._signals.match_signal_async(
                BUS, BUS_PATH, BUS, "NameOwnerChanged", changed
            ),
        )

    async def follow(self, owner: str, receiver: Receiver) -> None:
        """Hand over what `owner` signals, and nothing any more of the one before."""

        def received(signal: Signal) -> None:
            try:
                contents: Any = signal.parse_to_tuple()
            except Exception:  # a type that the binding cannot read: as malformed as any other
                contents = None
            receiver(signal.member or "", signal.path or "", contents)

        self._unfollow()
        for interface, member in FOLLOWED:
            subscribe = partial(
                self._signals.match_signal_async, owner, None, interface, member, received
            )
            asked = bus_asked("hand over NetworkManager's signals")
            self._matches.append(await self.calls.ask(asked, subscribe))

    def close(self) -> None:
        """Let go of everything; what is being awaited fails."""
        self._lose()
        self._unfollow()
        if self._owner_match is not None:
            self._owner_match.close()
            self._owner_match = None
        self._signals.close()

    def _unfollow(self) -> None:
        for match in self._matches:
            match.close()
        self._matches.clear()

    def _hung_up(self) -> None:
        self._lose()
        self._told_lost()

    def _lose(self) -> None:
        self._loop.close()
        self.calls.lose()
