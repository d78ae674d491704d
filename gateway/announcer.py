"""What the microcontroller is told unasked: the network's and the links' news.

News of a link are not queued, they are derived from the link's state when they can be
written (`pump`): that it is new, that data waits, that it has ended. So they take no memory,
and `CLOSED` can only come behind the link's data. Those of the network wait in the outbox while
they cannot be written, where newer ones take the place of older ones.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from gateway.at import messages
from gateway.commands.call import Gateway
from gateway.outbox import Change, News, Outbox
from gateway.services.api import Interface
from gateway.services.api_links import Link

logger = logging.getLogger("gateway.network")

# what the journal's records can be found by
_WIFI = {"AT_INTERFACE": Interface.STATION.value}
_ETHERNET = {"AT_INTERFACE": Interface.ETHERNET.value}

_STATION_LOST = News(messages.STATION_LOST, Interface.STATION, Change.LOST)
_STATION_CONNECTED = News(messages.STATION_CONNECTED, Interface.STATION, Change.CONNECTED)
_STATION_GOT_ADDRESS = News(messages.STATION_GOT_ADDRESS, Interface.STATION, Change.GOT_ADDRESS)
_ETHERNET_LOST = News(messages.ETHERNET_LOST, Interface.ETHERNET, Change.LOST)
_ETHERNET_CONNECTED = News(messages.ETHERNET_CONNECTED, Interface.ETHERNET, Change.CONNECTED)

LARGEST_SEGMENT = 1460
"""Bytes of data in one +IPD (contract, section 6)."""


class Announcer:
    """Hears of network and links, and writes what the contract's sections 3, 5 and 6 say."""

    gateway: Gateway

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._new: set[int] = set()
        self._grown: set[int] = set()
        # slots of which there is, or will be, something to say: new, with data, or ended
        self._live: set[int] = set()
        self._later: asyncio.TimerHandle | None = None
        self._through: Link | None = None
        self._through_ended: Callable[[], None] | None = None

    # the network

    def station_connected(self) -> None:
        """The station is associated with an access point."""
        logger.info("Wi-Fi connected", extra=_WIFI)
        self.gateway.links.forget_last_one()
        self._outbox.notify_of(_STATION_CONNECTED)

    def station_got_address(self) -> None:
        """The station has an address."""
        address = self.gateway.network.station.address
        ip = address.ip if address else "-"
        logger.info("Wi-Fi has the address %s", ip, extra={**_WIFI, "AT_ADDRESS": ip})
        self._outbox.notify_of(_STATION_GOT_ADDRESS)

    def station_lost(self) -> None:
        """The station is no longer joined."""
        logger.info("Wi-Fi disconnected", extra=_WIFI)
        self._outbox.notify_of(_STATION_LOST)

    def ethernet_connected(self) -> None:
        """The cable carries a signal."""
        logger.info("Ethernet connected", extra=_ETHERNET)
        self._outbox.notify_of(_ETHERNET_CONNECTED)

    def ethernet_got_address(self, ip: str) -> None:
        """Ethernet has an address."""
        logger.info("Ethernet has the address %s", ip, extra={**_ETHERNET, "AT_ADDRESS": ip})
        self._outbox.notify_of(_ethernet_got_address(ip))

    def ethernet_lost(self) -> None:
        """The cable was pulled."""
        logger.info("Ethernet disconnected", extra=_ETHERNET)
        self._outbox.notify_of(_ETHERNET_LOST)

    def say_present_state(self) -> None:
        """Say of the network what is true now, for one who has not heard it yet."""
        station, ethernet = self.gateway.network.station, self.gateway.network.ethernet
        if ethernet is not None and ethernet.plugged:
            self._outbox.notify_of(_ETHERNET_CONNECTED)
            if ethernet.address is not None:
                self._outbox.notify_of(_ethernet_got_address(ethernet.address.ip))
        if station.access_point is not None:
            self._outbox.notify_of(_STATION_CONNECTED)
            if station.address is not None:
                self._outbox.notify_of(_STATION_GOT_ADDRESS)

    # links

    def link_accepted(self, link: Link) -> None:
        """A server took a connection."""
        self._new.add(link.slot)
        self._live.add(link.slot)
        self.pump()

    def introduce(self) -> None:
        """Say which links are new.

        Also before a command that could mean one: whoever typed it may know of its slot no
        more than that the one before is closed.
        """
        if self._new:
            for link in self.gateway.links.open_links():
                if link.slot in self._new:
                    self._new.discard(link.slot)
                    self._outbox.notify(messages.connected(self.gateway.link_id(link)))

    def link_changed(self, link: Link) -> None:
        """More data waits, or the link has ended."""
        if not link.ended:
            self._grown.add(link.slot)
        self._live.add(link.slot)
        self.pump()

    def close(self, link: Link) -> None:
        """Close a link without a word."""
        self._new.discard(link.slot)
        self._grown.discard(link.slot)
        self._live.discard(link.slot)
        self.gateway.links.close(link)

    def close_over(self, interface: Interface) -> None:
        """Close the links that run over an interface, and say so at once."""
        self.introduce()
        for link in self.gateway.links.open_links():
            if link.interface is interface:
                self._say_closed(link)

    def write_through(self, link: Link, ended: Callable[[], None]) -> None:
        """Write that link's data without framing, and nothing else."""
        self._through, self._through_ended = link, ended
        self._outbox.muted = True
        self.pump()

    def write_framed(self) -> None:
        """Write notifications and framed data again."""
        self._through, self._through_ended = None, None
        self._outbox.muted = False
        self._live.update(link.slot for link in self.gateway.links.open_links())
        self._grown.update(self._live)

    def pump(self) -> None:
        """Write what there is to say, as far as the line takes it."""
        self._outbox.catch_up()
        if self._outbox.muted:
            self._pump_through()
        elif self._live and not self._outbox.held:
            self._say_news()

    def end(self) -> None:
        """No timer is left."""
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _may_say_news(self) -> bool:
        """Whether the line has room for more; `pump` comes again when it has."""
        if self._outbox.budget() <= 0:
            return False
        seconds = self._outbox.seconds_to_news()
        if seconds > 0 and self._later is None:
            self._later = asyncio.get_running_loop().call_later(seconds, self._pump_again)
        return seconds <= 0

    def _pump_again(self) -> None:
        self._later = None
        self.pump()

    def _say_news(self) -> None:
        if not self._may_say_news():
            return
        self.introduce()
        links = [link for link in self.gateway.links.open_links() if link.slot in self._live]
        if self.gateway.volatile.passive:
            self._say_what_waits(links)
        else:
            self._hand_over(links)
        for link in links:
            if link.ended and not link.waiting and self.gateway.links[link.slot] is link:
                self._say_closed(link)
            elif not link.ended and not link.waiting:
                self._live.discard(link.slot)

    def _say_what_waits(self, links: Sequence[Link]) -> None:
        for link in links:
            if link.slot in self._grown and link.waiting:
                self._outbox.notify(messages.data_waiting(self.gateway.link_id(link), link.waiting))
        self._grown.clear()

    def _hand_over(self, links: Sequence[Link]) -> None:
        """Write waiting data in segments, taking turns, as far as the line has room."""
        waiting = [link for link in links if link.waiting]
        # again and again: a line that takes a batch at once has nothing left to tell of later
        while waiting and (room := self._outbox.budget()) > 0:
            batch: list[bytes] = []
            while waiting and room > 0:
                for link in waiting:
                    segment = self._segment(link)
                    batch.append(segment)
                    room -= len(segment)
                waiting = [link for link in waiting if link.waiting]
            self._outbox.hand_over(b"".join(batch))
        self._grown.intersection_update(link.slot for link in waiting)

    def _segment(self, link: Link) -> bytes:
        source = link.remote if self.gateway.volatile.source_shown else None
        return messages.data(self.gateway.link_id(link), link.take(LARGEST_SEGMENT), source)

    def _pump_through(self) -> None:
        link = self._through
        while link is not None and link.waiting and (room := self._outbox.budget()) > 0:
            self._outbox.pass_through(link.take(room))
        if link is not None and link.ended and not link.waiting:
            self._through = None
            if self._through_ended is not None:
                self._through_ended()

    def _say_closed(self, link: Link) -> None:
        number = self.gateway.link_id(link)
        self.close(link)
        self._outbox.notify(messages.closed(number))


def _ethernet_got_address(ip: str) -> News:
    return News(messages.ethernet_got_address(ip), Interface.ETHERNET, Change.GOT_ADDRESS)
