"""Waiting for what happens to a link, and closing one to which nothing will."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable

from tests.endurance.soak.slots import Link, Slots
from tests.endurance.soak.streams import Wrong
from tests.endurance.soak.talk import Talk

PROGRESS_WITHIN = 90.0
"""Seconds without a byte or an event after which a link hangs. TCP itself is silent for some
25 s after a cable was out for ten."""
_WAITS = 3
"""How often so long at most, where the network was in disorder meanwhile: TCP tries again after
a pause that is as long as the outage was."""


class PatientSlots(Slots):
    """Slots whose links are waited for; who was left with one is counted in `half_open`."""

    def __init__(
        self, wrong: Callable[[str], None], disturbed: Callable[..., bool], *, lost: str, back: str
    ) -> None:
        super().__init__(wrong, disturbed, lost=lost, back=back)
        self.half_open: Counter[str] = Counter()
        """Who was left with a link whose end the network has lost, and how often."""

    async def close(self, link: Link) -> None:
        """AT+CIPCLOSE, unless it is closed by then. Raises Wrong."""
        line = f"AT+CIPCLOSE={link.slot}" if self.multiplexed else "AT+CIPCLOSE"

        def close() -> str | None:
            if link.closed:
                return None
            link.leaving = True
            self.closing = link
            return line

        reply = await self.mcu.ask_then(close)
        if self.closing is link:
            self.closing = None
        if reply is not None and not reply.ok and not link.closed:
            raise Wrong(f"{line}: {reply}")

    async def news(self, link: Link) -> None:
        """Wait until something happens to a link. Raises Wrong.

        One whose far end is gone, and the network has lost the word of it, is closed: nobody
        sends a reset twice.
        """
        link.news.clear()
        for _ in range(_WAITS):
            began = time.monotonic()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PROGRESS_WITHIN):
                    await link.news.wait()
                return
            if self.disturbed(link.made_at) and _is_gone(link.talk):
                if link.talk is not None:
                    link.talk.excuse()
                self.half_open["microcontroller"] += 1
                await self.close(link)
                return
            if not self.disturbed(began):
                break
        number, kind = (link.talk.number, link.talk.plan.kind) if link.talk else (0, "unknown")
        raise Wrong(
            f"nothing happens to link {number} ({kind}) in slot {link.slot} "
            f"for {PROGRESS_WITHIN:g} s; {_standing(link)}"
        )

    async def closed(self, link: Link, talk: Talk) -> None:
        """Wait for CLOSED."""
        while not link.closed:
            await self.news(link)


def _is_gone(talk: Talk | None) -> bool:
    """Whether the far end may be: of a client that has said nothing nobody knows."""
    return talk is None or (talk.far_end is not None and talk.far_end.done())


def _standing(link: Link) -> str:
    talk = link.talk
    if talk is None:
        return f"{link.waiting} bytes wait"
    return (
        f"sent {talk.sent_up} of {talk.plan.up}, arrived {talk.up.count}; "
        f"sent back {talk.sent_down} of {talk.plan.down}, received {talk.down.count}, "
        f"{link.waiting} wait"
    )
