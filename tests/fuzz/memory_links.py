"""Links and servers without a socket: the peers do what they are told, at no cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from gateway.services.api import Interface
from gateway.services.api_links import (
    SLOTS,
    ConnectFailed,
    Link,
    LinkBroken,
    LinkListener,
    LookupFailed,
    NoChange,
    PortTaken,
    TlsProfile,
)

BUFFER = 16384
STALL_SECONDS = 5.0


class MemoryLink:
    """A link whose peer is a few attributes. Satisfies `Link`."""

    def __init__(
        self, slot: int, kind: str, changed: Callable[[MemoryLink], None], *, accepted: bool
    ) -> None:
        self.slot = slot
        self.kind = kind
        self.accepted = accepted
        self.remote = ("10.1.2.3", 5000 + slot)
        self.local_port = 6000 + slot
        self.interface: Interface | None = Interface.STATION
        self.fragment_length = 0
        self.ended = False
        self.stalled = False
        self.sent = bytearray()
        self._changed = changed
        self._held = bytearray()
        self._waiter: asyncio.Future[None] | None = None

    @property
    def waiting(self) -> int:
        """Bytes received and not yet taken."""
        return len(self._held)

    def receive(self, data: bytes) -> None:
        """The peer sends; what does not fit stays with it."""
        if not self.ended:
            self._held += data[: BUFFER - len(self._held)]

    def take(self, limit: int) -> bytes:
        """At most `limit` of the waiting bytes."""
        data = bytes(self._held[:limit])
        del self._held[:limit]
        return data

    def send_at_once(self, data: bytes) -> int:
        """All of it, or nothing while the peer takes nothing."""
        if self.ended:
            raise LinkBroken(f"link {self.slot}: sending failed: Broken pipe")
        if self.stalled:
            return 0
        self.sent += data
        return len(data)

    async def send(self, data: bytes) -> None:
        """Wait for a peer that takes nothing, as long as the limit."""
        while self.send_at_once(data) < len(data):
            self._waiter = asyncio.get_running_loop().create_future()
            # not wait_for, which wants a Task: this may be a command's first step
            taken, _ = await asyncio.wait({self._waiter}, timeout=STALL_SECONDS)
            self._waiter = None
            if not taken:
                self.ended = True
                self._changed(self)
                raise LinkBroken(f"link {self.slot}: the peer took nothing")

    def go_on(self, *, end: bool = False) -> None:
        """The peer takes again, or the link has ended: a send that waits tries once more."""
        self.stalled = False
        self.ended = self.ended or end
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def release(self) -> None:
        """The gateway closes it."""
        self._held.clear()
        self.go_on(end=True)


class MemoryLinks:
    """Five slots. Satisfies `Links`. What comes of a host is told by its name's beginning."""

    def __init__(self) -> None:
        self.listener: LinkListener
        self.last_one_closed = False
        self._slots: list[MemoryLink | None] = [None] * SLOTS
        self._opening: set[int] = set()

    def __getitem__(self, slot: int) -> MemoryLink | None:
        return self._slots[slot]

    def open_links(self) -> Sequence[MemoryLink]:
        """The links of all taken slots."""
        return [link for link in self._slots if link is not None]

    def forget_last_one(self) -> None:
        """The status is no longer that of a closed link."""
        self.last_one_closed = False

    def abort_next_close(self, slot: int, abort: bool) -> None:
        """A peer in memory is not told how a link was closed."""

    async def resolve(self, host: str, seconds: float) -> str:
        """`nowhere…` is no name, `slow…` is none after a while."""
        await asyncio.sleep(seconds if host.startswith("slow") else 0)
        if host.startswith(("nowhere", "slow")):
            raise LookupFailed(f"{host}: Name or service not known")
        return "10.1.2.3"

    async def open(
        self, slot: int, host: str, port: int, *, keep_alive: int, tls: TlsProfile | None
    ) -> MemoryLink:
        """Port 1 refuses, port 2 does not answer."""
        self._opening.add(slot)
        try:
            await self.resolve(host, 4.5)
            if port <= 2:
                await asyncio.sleep(4.5 if port == 2 else 0)
                raise ConnectFailed(f"{host} port {port}: Connection refused")
        finally:
            self._opening.discard(slot)
        return self._take(slot, "TCP" if tls is None else "SSL", accepted=False)

    async def offers_fragment_length(self, host: str, port: int, length: int) -> bool:
        """Every other port does."""
        await asyncio.sleep(0)
        return port % 2 == 0

    def accept(self) -> MemoryLink | None:
        """A client of a server comes; None where no slot is free."""
        for slot in range(SLOTS):
            if self._slots[slot] is None and slot not in self._opening:
                return self._take(slot, "TCP", accepted=True)
        return None

    def _take(self, slot: int, kind: str, *, accepted: bool) -> MemoryLink:
        link = MemoryLink(slot, kind, self.listener.link_changed, accepted=accepted)
        self._slots[slot] = link
        self.last_one_closed = False
        return link

    def close(self, link: Link) -> None:
        """Free its slot."""
        mine = self._slots[link.slot]
        if mine is not None and mine is link:
            self._slots[link.slot] = None
            mine.release()
            self.last_one_closed = not any(self._slots)

    def end(self) -> None:
        """Close every link."""
        for link in self.open_links():
            self.close(link)
        self.last_one_closed = False


class MemoryServers:
    """Servers that listen nowhere. Satisfies `Servers`."""

    def __init__(self) -> None:
        self.max_links = 5
        self.idle_limit = 180
        self._ports: list[int] = []

    @property
    def running(self) -> int:
        """How many."""
        return len(self._ports)

    def listen(self, port: int) -> None:
        """Port 1 is taken."""
        if port == 1:
            raise PortTaken("port 1: Address already in use")
        if port in self._ports or len(self._ports) >= SLOTS:
            raise NoChange(f"a server listens on port {port} already, or there are five")
        self._ports.append(port)

    def stop(self, port: int | None) -> None:
        """Stop the server of that port, None the oldest."""
        if not self._ports or (port is not None and port not in self._ports):
            raise NoChange("no such server runs")
        self._ports.remove(self._ports[0] if port is None else port)
