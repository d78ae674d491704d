"""Pass-through: a serial line and a link without anything between them (contract, section 6)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from gateway.commands.call import Gateway, Target
from gateway.services.api_links import ConnectFailed, Link, LinkBroken, LookupFailed

logger = logging.getLogger("gateway.links")

_REOPEN_SECONDS = 1.0
_MOST_QUEUED = 8


class PassThroughTransfer:
    """Sends packets over the link of slot 0, and opens it again when it is lost.

    While there is no link, packets are dropped as an ESP drops them. While the peer takes
    nothing, a few are kept and then `congested` holds the serial line back.
    """

    def __init__(self, gateway: Gateway, link: Link, target: Target | None) -> None:
        self._on_relief: Callable[[], None] | None = None
        self._gateway = gateway
        self._target = target
        self._link: Link | None = link
        self._queue: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._leaving = False
        self._work: asyncio.Task[None] | None = None

    def begin(self, on_relief: Callable[[], None]) -> None:
        """Pass through from here on; `on_relief` when `congested` has become false."""
        self._on_relief = on_relief
        self._work = asyncio.ensure_future(self._run())
        if self._link is not None:
            self._gateway.announcements.write_through(self._link, self._news.set)

    @property
    def congested(self) -> bool:
        """Whether no more packets can be taken for now."""
        return len(self._queue) >= _MOST_QUEUED

    def packet(self, data: bytes) -> None:
        """Send bytes, in order."""
        if self._link is not None:
            self._queue.append(data)
            self._news.set()

    @property
    def connected(self) -> bool:
        """Whether there is a link at this moment."""
        return self._link is not None

    async def finish(self) -> None:
        """Send what was passed on before the escape; at most the link's own time limit."""
        self._on_relief = None
        self._leaving = True
        self._news.set()
        if self._work is not None and self._link is not None:
            await asyncio.wait({self._work})

    async def end(self) -> None:
        """Back to commands: nothing is sent and nothing reopened any more."""
        self._on_relief = None
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait({self._work})
        self._gateway.announcements.write_framed()

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._queue and self._link is not None and await self._send(self._link):
                pass
            if self._leaving:
                return
            link = self._link
            if link is None or (link.ended and not link.waiting):
                await self._reopen()

    async def _send(self, link: Link) -> bool:
        """Send the first packet; False when the link is, or will soon be, at its end."""
        try:
            if link.ended:
                return False
            await link.send(self._queue[0])
        except LinkBroken:
            return False
        congested = self.congested
        self._queue.popleft()
        if congested and self._on_relief is not None:
            self._on_relief()
        return True

    async def _reopen(self) -> None:
        """Close what is left of the link and connect again, every second."""
        gateway, target = self._gateway, self._target
        if self._link is not None:
            gateway.announcements.close(self._link)
        self._link = None
        congested = self.congested
        self._queue.clear()
        if congested and self._on_relief is not None:
            self._on_relief()
        said = ""
        while target is not None and self._link is None:
            await asyncio.sleep(_REOPEN_SECONDS)
            try:
                self._link = await gateway.links.open(
                    0, target.host, target.port, keep_alive=target.keep_alive, tls=target.tls
                )
            except (LookupFailed, ConnectFailed) as error:
                # once, not every second: the journal may be on an SD card
                if str(error) != said:
                    said = str(error)
                    logger.info("link 0 cannot be reopened: %s", said, extra={"AT_LINK": 0})
                continue
            gateway.announcements.write_through(self._link, self._news.set)
