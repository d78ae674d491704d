"""An announcer and everything that it looks at, without sockets and without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from gateway.announcer import Announcer
from gateway.commands.call import Gateway
from gateway.outbox import Outbox
from gateway.services.api import Ethernet, Interface, Station
from tests.harness import FakeLine


class StubLink:
    """A link that holds what it is given."""

    def __init__(self, slot: int, data: bytes = b"", *, ended: bool = False) -> None:
        self.slot = slot
        self.data = bytearray(data)
        self.ended = ended
        self.remote = ("10.0.0.9", 80)
        self.interface = Interface.STATION

    @property
    def waiting(self) -> int:
        return len(self.data)

    def take(self, limit: int) -> bytes:
        data = bytes(self.data[:limit])
        del self.data[:limit]
        return data


class StubLinks:
    """Five slots without sockets."""

    def __init__(self) -> None:
        self.slots: dict[int, StubLink] = {}

    def __getitem__(self, slot: int) -> StubLink | None:
        return self.slots.get(slot)

    def open_links(self) -> list[StubLink]:
        return [link for _, link in sorted(self.slots.items())]

    def close(self, link: StubLink) -> None:
        if self.slots.get(link.slot) is link:
            del self.slots[link.slot]

    def forget_last_one(self) -> None:
        return


class StubNetwork:
    """A network that is what it is told to be."""

    def __init__(self) -> None:
        self.station = Station("02:a7:0d:5e:00:10")
        self.ethernet: Ethernet | None = None


class Room:
    """An announcer with everything that it looks at."""

    def __init__(self) -> None:
        self.line = FakeLine()
        self.outbox = Outbox(self.line)
        self.links = StubLinks()
        self.network = StubNetwork()
        self.announcer = Announcer(self.outbox)
        nothing = cast(Any, None)
        self.gateway = Gateway(
            network=cast(Any, self.network),
            links=cast(Any, self.links),
            servers=nothing,
            certificates=nothing,
            clock=nothing,
            line=self.line,
            settings=nothing,
            conversation=nothing,
            announcements=self.announcer,
            memory=nothing,
        )
        self.announcer.gateway = self.gateway
        self._seen = 0

    def link(self, slot: int, data: bytes = b"", *, ended: bool = False) -> Any:
        link = self.links.slots[slot] = StubLink(slot, data, ended=ended)
        return link

    def said(self) -> bytes:
        output = bytes(self.line.output[self._seen :])
        self._seen = len(self.line.output)
        return output


def in_room(work: Callable[[Room], None]) -> None:
    async def main() -> None:
        work(Room())

    asyncio.run(main())
