"""Tells a session what has changed in the network since it was last told.

The network does not queue events: it says how it stands, and this compares that
with what the listener knows. So an event is never late, double or out of order: a join that
was lost again before anybody heard of it is not mentioned, and after a reset, when the new
listener knows nothing yet, all that holds is told anew (contract, section 1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace

from gateway.records import Record
from gateway.services.api import NO_ADDRESS, Address, NetworkListener


class Presence(Record):
    """How the network stands, as far as a listener cares.

    `association` and `cable` count the times that the station was joined and the cable put
    in; 0 says that it is not. A new number is a new join, even of the same access point.
    """

    association: int = 0
    station_address: Address | None = None
    cable: int = 0
    ethernet_address: Address | None = None


_NOTHING = Presence()


class NetworkNews:
    """Keeps one listener up to date. All of it runs on the event loop."""

    def __init__(self, presence: Callable[[], Presence]) -> None:
        self._presence = presence
        self._listener: NetworkListener | None = None
        self._told = _NOTHING
        self._next_turn: asyncio.Handle | None = None

    def begin(self, listener: NetworkListener) -> None:
        """From now on tell `listener`, which knows nothing yet, and nobody else."""
        self._listener = listener
        self._told = _NOTHING
        self.announce_soon()

    def end(self) -> None:
        """Tell nobody any more."""
        self._listener = None
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None

    def announce_soon(self) -> None:
        """Tell what is new in a later turn of the loop; what changes until then goes with it."""
        if self._listener is not None and self._next_turn is None:
            self._next_turn = asyncio.get_running_loop().call_soon(self.announce)

    def announce(self) -> None:
        """Tell what is new, now. Ethernet comes first, as at a start."""
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        listener = self._listener
        if listener is None:
            return
        told, self._told = self._told, _steady(self._told, self._presence())
        for tell in _news(listener, told, self._told):
            # What is told may itself end the session, and then the rest concerns nobody.
            if self._listener is listener:
                tell()

    def station_address_is_known(self) -> None:
        """The listener learns the station's address by other means: do not tell it."""
        self._told = replace(self._told, station_address=self._presence().station_address)


def _steady(told: Presence, now: Presence) -> Presence:
    """How the network stands, without what comes and goes of an address in a moment.

    While a radio is switched off its address goes, or only the gateway of it, and may come
    back before the association goes as well: all that is no news.
    """
    before, address = told.station_address, now.station_address
    if before is None or now.association != told.association:
        return now
    fades = address is not None and replace(before, gateway=NO_ADDRESS.gateway) == address
    return replace(now, station_address=before) if address is None or fades else now


def _news(listener: NetworkListener, told: Presence, now: Presence) -> Iterator[Callable[[], None]]:
    if told.cable != now.cable:
        if told.cable:
            yield listener.ethernet_lost
        if now.cable:
            yield listener.ethernet_connected
        told = replace(told, cable=now.cable, ethernet_address=None)
    ethernet = now.ethernet_address
    if ethernet is not None and ethernet != told.ethernet_address:
        yield lambda: listener.ethernet_got_address(ethernet.ip)
    if told.association != now.association:
        if told.association:
            yield listener.station_lost
        if now.association:
            yield listener.station_connected
        told = replace(told, association=now.association, station_address=None)
    if now.station_address is not None and now.station_address != told.station_address:
        yield listener.station_got_address
