"""The five slots: opening, closing and counting links."""

from __future__ import annotations

import logging
import socket
from collections.abc import Awaitable, Callable, Sequence

from gateway.records import Record
from gateway.services.api import Interface
from gateway.services.api_links import SLOTS, Link, LinkListener, TlsProfile
from gateway.services.connecting import Connector, Rules, no_doubt
from gateway.services.farewell import Farewells
from gateway.services.link import SocketLink
from gateway.services.tls import is_secured

logger = logging.getLogger("gateway.links")

_KEEP_ALIVE_PROBES = 3


class LinkLimits(Record):
    """Times in seconds and sizes in bytes, from the configuration."""

    connect_seconds: float = 4.5
    send_seconds: float = 5.0
    buffer_bytes: int = 16384


class LinkSlots:
    """The five slots, on IPv4 unless told otherwise. Satisfies `Links`.

    `interface_of` tells which interface a local address belongs to; `rules` what is forbidden;
    `doubt` why the clock is no measure for a certificate's dates, if so. Links announce
    themselves to `listener`.
    """

    def __init__(
        self,
        limits: LinkLimits,
        interface_of: Callable[[str], Interface | None],
        family: socket.AddressFamily = socket.AF_INET,
        *,
        rules: Rules | None = None,
        doubt: Callable[[], Awaitable[str | None]] = no_doubt,
    ) -> None:
        self.listener: LinkListener | None = None
        self.slot_freed: Callable[[], None] | None = None
        self.last_one_closed = False
        self.limits = limits
        self.family = family
        self._interface_of = interface_of
        self._connector = Connector(limits.connect_seconds, family, rules, doubt)
        self._slots: list[SocketLink | None] = [None] * SLOTS
        self._opening: set[int] = set()
        self._abort: set[int] = set()
        self._farewells = Farewells()

    def __getitem__(self, slot: int) -> SocketLink | None:
        return self._slots[slot]

    def open_links(self) -> Sequence[SocketLink]:
        """The links of all taken slots, in their order."""
        return [link for link in self._slots if link is not None]

    def free_slot(self) -> int | None:
        """The lowest slot that is neither taken nor being opened."""
        for slot, link in enumerate(self._slots):
            if link is None and slot not in self._opening:
                return slot
        return None

    def forget_last_one(self) -> None:
        """The status is no longer that of a closed link."""
        self.last_one_closed = False

    def abort_next_close(self, slot: int, abort: bool) -> None:
        """The next close of the slot's link resets the connection (or not, again)."""
        (self._abort.add if abort else self._abort.discard)(slot)

    # opening

    async def resolve(self, host: str, seconds: float) -> str:
        """The address of `host`. Raises LookupFailed."""
        return str((await self._connector.look_up(host, 0, seconds))[0][0])

    async def open(
        self, slot: int, host: str, port: int, *, keep_alive: int, tls: TlsProfile | None
    ) -> SocketLink:
        """Connect to a server on a free slot. Raises LookupFailed or ConnectFailed."""
        self._opening.add(slot)
        try:
            connection, agreed = await self._connector.connect(host, port, tls)
        except BaseException:
            self._opening.discard(slot)
            self._say_freed()
            raise
        self._opening.discard(slot)
        if keep_alive:
            _keep_alive(connection, keep_alive)
        return self._take(slot, connection, None, agreed)

    async def offers_fragment_length(self, host: str, port: int, length: int) -> bool:
        """Whether a TLS server agrees to a Maximum Fragment Length; unreachable is False."""
        return await self._connector.offers_fragment_length(host, port, length)

    def accept(self, slot: int, connection: socket.socket, port: int) -> SocketLink:
        """Take a connection that the server of `port` accepted."""
        return self._take(slot, connection, port, 0)

    def _take(
        self, slot: int, connection: socket.socket, port_of_server: int | None, agreed: int
    ) -> SocketLink:
        link = SocketLink(
            slot,
            connection,
            limit=self.limits.buffer_bytes,
            send_seconds=self.limits.send_seconds,
            changed=self._changed,
            port_of_server=port_of_server,
            interface=self._interface_of(_local_address(connection)),
            fragment_length=agreed,
        )
        self._slots[slot] = link
        self.last_one_closed = False
        logger.info(
            "link %d %s %s %s:%d%s",
            slot,
            link.kind,
            "from" if link.accepted else "to",
            *link.remote,
            f" ({_protocol(connection)})" if link.kind == "SSL" else "",
            extra=link.fields,
        )
        return link

    def _changed(self, link: SocketLink) -> None:
        if self.listener is not None:
            self.listener.link_changed(link)

    # closing

    def close(self, link: Link) -> None:
        """Close it and free its slot; what it still holds is dropped."""
        mine = self._slots[link.slot]
        if mine is None or mine is not link:
            return
        self._slots[link.slot] = None
        abort = link.slot in self._abort
        self._abort.discard(link.slot)
        connection = mine.release(abort=abort)
        if connection is not None:
            self._farewells.say(connection)
        self.last_one_closed = not any(self._slots)
        # how much went either way is in the fields alone: so an exact repeat stays one
        fields = {**mine.fields, "AT_SENT": mine.sent, "AT_RECEIVED": mine.received}
        logger.info("link %d closed%s", link.slot, " with a reset" if abort else "", extra=fields)
        self._say_freed()

    def _say_freed(self) -> None:
        if self.slot_freed is not None:
            self.slot_freed()

    async def end(self) -> None:
        """Close every link; no socket is left on return."""
        for link in self.open_links():
            self.close(link)
        await self._farewells.end()
        self._abort.clear()
        self.last_one_closed = False


def _keep_alive(connection: socket.socket, seconds: int) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, min(seconds, 75)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEP_ALIVE_PROBES)


def _local_address(connection: socket.socket) -> str:
    try:
        return str(connection.getsockname()[0])
    except OSError:
        return ""


def _protocol(connection: socket.socket) -> str:
    return (connection.version() or "") if is_secured(connection) else ""
