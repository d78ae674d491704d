"""The five slots as the microcontroller knows them: what it is told of its links."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from tests.endurance.soak.microcontroller import Microcontroller
from tests.endurance.soak.streams import Wrong
from tests.endurance.soak.talk import HELLO, Talk

SLOTS = 5


class Link:
    """A slot that is taken."""

    def __init__(self, slot: int, talk: Talk | None) -> None:
        self.slot = slot
        self.talk = talk
        self.opened = False
        self.made_at = time.monotonic()
        self.closed = False
        self.waiting = 0
        self.leaving = False
        self.news = asyncio.Event()
        self.to_pull = asyncio.Event()
        self.hello = bytearray()

    def tell(self) -> None:
        """Something has happened."""
        self.news.set()
        self.to_pull.set()


class Slots:
    """Satisfies the microcontroller's Listener.

    `talks` has those of clients from outside by their numbers, and `mcu` is to be set before
    anything is told. `disturbed` is asked whether the network is, or was a moment ago, in
    disorder. By the notifications `lost` and `back` the interface of the links goes and comes.
    """

    def __init__(
        self, wrong: Callable[[str], None], disturbed: Callable[..., bool], *, lost: str, back: str
    ) -> None:
        self.mcu: Microcontroller
        self.passive = False
        self.multiplexed = True
        self.talks: dict[int, Talk] = {}
        self.opened = 0
        self.bytes_up = 0
        self.bytes_down = 0
        self.networks: Counter[str] = Counter()
        self.on_through: Callable[[bytes], None] | None = None
        self.online = asyncio.Event()
        self._lost, self._back = lost, back
        self.wrong = wrong
        self.disturbed = disturbed
        self._slots: list[Link | None] = [None] * SLOTS
        self.closing: Link | None = None

    def __getitem__(self, slot: int) -> Link | None:
        return self._slots[slot]

    @property
    def taken(self) -> list[Link]:
        """The links that are open, or being opened."""
        return [link for link in self._slots if link is not None]

    # what is told

    def link_connected(self, slot: int) -> None:
        """A link of ours is open, or a client has come."""
        link = self._slots[slot]
        if link is None:
            link = self._slots[slot] = Link(slot, None)
            self.accepted(link)
        elif link.opened:
            raise Wrong(f"{slot},CONNECT, and the link was open")
        link.opened = True
        self.opened += 1
        link.tell()

    def link_closed(self, slot: int) -> None:
        """A link has ended."""
        link = self._slots[slot]
        if link is None or not link.opened:
            if not self.multiplexed:
                return  # behind a CIPSTART that failed
            raise Wrong(f"{slot},CLOSED, and no such link was open")
        if self.closing not in (None, link) and self.closing.slot == slot:
            if link.talk is not None:
                link.talk.excuse()  # it was not the one that was meant
        elif link.waiting and self.passive and not link.leaving and not self.disturbed():
            raise Wrong(f"{slot},CLOSED, and {link.waiting} bytes had not been read")
        self._slots[slot] = None
        link.closed = True
        link.tell()

    def link_data(self, slot: int, data: bytes) -> None:
        """Data came by itself."""
        if self.passive:
            raise Wrong("+IPD with data in passive mode")
        link = self._open(slot, "+IPD")
        self.received(link, data)

    def link_waiting(self, slot: int, total: int) -> None:
        """Data waits."""
        link = self._open(slot, "+IPD")
        link.waiting = total
        link.tell()

    def passed_through(self, data: bytes) -> None:
        """Data in pass-through."""
        if self.on_through is None:
            raise Wrong("bytes without framing")
        self.on_through(data)

    def network(self, text: str) -> None:
        """News of the network."""
        self.networks[text.partition(":")[0]] += 1
        if text.startswith(self._back):
            self.online.set()
        elif text == self._lost:
            self.online.clear()

    def was_reset(self) -> None:
        """Every link is gone without a word, and the modes are those of the start."""
        self.passive = self.multiplexed = False
        self.online.clear()
        for link in self.taken:
            self._slots[link.slot] = None
            link.closed = True
            if link.talk:
                link.talk.excuse()
            link.tell()

    def _open(self, slot: int, what: str) -> Link:
        link = self._slots[slot]
        if link is None or not link.opened:
            raise Wrong(f"{what} of link {slot}, which is not open")
        return link

    def received(self, link: Link, data: bytes) -> None:
        """Some of a link's data is here, pushed or asked for. Raises Wrong."""
        link.waiting = max(0, link.waiting - len(data))
        if link.talk is None:
            link.hello += data
            if len(link.hello) >= HELLO:
                number = int.from_bytes(link.hello[:HELLO])
                talk = self.talks.get(number)
                if talk is None:
                    raise Wrong(f"a client begins with {bytes(link.hello[:HELLO])!r}")
                link.talk = talk
                talk.claimed = True
                talk.receive(bytes(link.hello[HELLO:]))
        else:
            link.talk.receive(data)
        self.bytes_down += len(data)
        link.tell()

    def accepted(self, link: Link) -> None:
        """A client of a server of ours has come."""
        raise NotImplementedError

    # settings

    async def multiplex(self, enable: bool) -> None:
        """AT+CIPMUX."""
        await self._must(f"AT+CIPMUX={int(enable)}")
        self.multiplexed = enable

    async def receive_passively(self, passive: bool) -> None:
        """AT+CIPRECVMODE."""

        def line() -> str:
            # What waits comes by itself from the very reply on.
            self.passive = self.passive and passive
            return f"AT+CIPRECVMODE={int(passive)}"

        reply = await self.mcu.ask_then(line)
        if reply is None or not reply.ok:
            raise Wrong(f"AT+CIPRECVMODE: {reply}")
        self.passive = passive
        for link in self.taken:
            link.tell()

    async def _must(self, line: str) -> None:
        reply = await self.mcu.ask(line)
        if not reply.ok:
            raise Wrong(f"{line}: {reply}")
