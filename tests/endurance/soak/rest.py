"""Moments of rest: every link is closed, and nothing may be left of them."""

from __future__ import annotations

import asyncio
import time

from tests.endurance.soak.conversation import Wedged
from tests.endurance.soak.stage import Stage
from tests.endurance.soak.streams import Wrong

ANSWERS_AT_REST = 1.0
"""Seconds within which `AT` is answered when nothing else goes on."""
_AT_REST_WITHIN = 10.0
_ONLINE_WITHIN = 90.0
_STEADY_SECONDS = 2.0
_LOOK_SECONDS = 0.05


class Rests:
    """`memory` and `descriptors` are (seconds since the start, bytes or count) of each."""

    def __init__(self, stage: Stage) -> None:
        self.memory: list[tuple[float, int]] = []
        self.descriptors: list[tuple[float, int]] = []
        self.slowest = 0.0
        self._stage = stage
        self._began = time.monotonic()

    async def take(self) -> None:
        """All links are closed: `AT` answers, nothing is left open; a sample."""
        mcu = self._stage.links.mcu
        for talk in self._stage.links.talks.values():
            if not talk.claimed:
                self._stage.links.endings[f"{talk.plan.kind} (client)", "not taken"] += 1
        self._stage.links.talks.clear()
        reply = await mcu.ask("AT")
        if reply.seconds > ANSWERS_AT_REST:
            reply = await mcu.ask("AT")  # this machine may have been busy with something else
        self.slowest = max(self.slowest, reply.seconds)
        if not reply.ok or reply.seconds > ANSWERS_AT_REST:
            raise Wedged(f"AT at rest: {reply} after {reply.seconds:.2f} s")
        status = await mcu.ask("AT+CIPSTATUS")
        if len(status.lines) != 1:
            raise Wrong(f"links that nobody has: {status}")
        if self._stage.rig.gateway.bugs:
            raise Wrong(f"the gateway's log: {self._stage.rig.gateway.bugs[0]}")
        async with asyncio.timeout(_ONLINE_WITHIN):
            await self._stage.links.online.wait()
        await self._sample()

    async def _sample(self) -> None:
        """Count descriptors once what lingers is gone, and memory."""
        gateway = self._stage.rig.gateway
        if not self.descriptors:
            await self._steady()
        at_first = self.descriptors[0][1] if self.descriptors else None
        deadline = time.monotonic() + _AT_REST_WITHIN
        count = gateway.descriptors()
        # What the kernel has of another process tells nobody here.
        while at_first is not None and count != at_first and time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)
            count = gateway.descriptors()
        now = time.monotonic() - self._began
        self.descriptors.append((now, count))
        self.memory.append((now, gateway.resident_bytes()))
        if at_first is not None and count != at_first:
            files = ", ".join(gateway.files())
            raise Wrong(f"{count} descriptors at rest, {at_first} at the start: {files}")

    async def _steady(self) -> None:
        """Wait until the gateway has opened what it opens at its start."""
        count, since = -1, time.monotonic()
        while time.monotonic() < since + _STEADY_SECONDS:
            if (now := self._stage.rig.gateway.descriptors()) != count:
                count, since = now, time.monotonic()
            await asyncio.sleep(_LOOK_SECONDS)
