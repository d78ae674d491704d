"""Round after round: everything at once, then a moment of rest."""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from tests.endurance.soak.bystander import Bystander
from tests.endurance.soak.microcontroller import Microcontroller
from tests.endurance.soak.plans import client_plan
from tests.endurance.soak.rest import Rests
from tests.endurance.soak.servers import serve_once
from tests.endurance.soak.slots import SLOTS
from tests.endurance.soak.stage import Stage
from tests.endurance.soak.streams import Wrong
from tests.endurance.soak.through import pass_through
from tests.endurance.soak.visiting import serve

ROUND_SECONDS = (4.0, 14.0)
_ENDS_WITHIN = 600.0
"""Seconds behind which a round hangs; a hundred megabytes read 99 bytes at a time take minutes,
and a link that stands still is told long before."""
_PAUSE = 0.1
_LONGER = 240.0


class Soak:
    """Plays rounds on a stage until something is wrong; what was done is counted."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.bystander = Bystander(
            stage.links,
            random.Random(f"{stage.seed}/bystander"),
            stage.credentials.useless,
            wifi=stage.rig.wifi,
            chain=stage.rig.chain,
        )
        self.rests = Rests(stage)
        self.rounds: Counter[str] = Counter()
        self._to_come: list[str] = []

    async def run(self, seconds: float) -> None:
        """Play for so long, or until something is wrong."""
        stage = self.stage
        stage.links.mcu = Microcontroller(stage.rig.gateway.line, stage.links, stage.fail)
        playing = asyncio.ensure_future(self._play(time.monotonic() + seconds))
        failing = asyncio.ensure_future(stage.failed.wait())
        await asyncio.wait((playing, failing), return_when=asyncio.FIRST_COMPLETED)
        if playing.done() and (error := playing.exception()) is not None:
            stage.fail(f"{type(error).__name__}: {error}")
            if not isinstance(error, AssertionError):
                traceback.print_exception(error)
        stage.links.mcu.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _play(self, end: float) -> None:
        await self.stage.begin()
        await self.rests.take()
        while self._goes_on(end):
            chance = random.Random(f"{self.stage.seed}/round {sum(self.rounds.values()) + 1}")
            kind = chance.choices(("five links", "one link", "passed through"), (7, 1, 2))[0]
            if self._unseen() or self._is_offline_unheard():
                kind = "five links"
            self.rounds[kind] += 1
            multiplexed = kind == "five links"
            await self.stage.links.multiplex(multiplexed)
            await self.stage.links.receive_passively(chance.random() < 0.4)
            if multiplexed:
                await self._five_links(chance)
            elif kind == "one link":
                await self._one_link(chance)
            else:
                await self._all_done([pass_through(self.stage, chance)])
            await self.rests.take()

    # rounds

    async def _five_links(self, chance: random.Random) -> None:
        until = time.monotonic() + chance.uniform(*ROUND_SECONDS)
        accepting = chance.choice((0, 1, 2, 3))
        work = [self._look_on(until)]
        # A server takes the lowest slots, so the highest are nobody else's.
        for slot in range(accepting, SLOTS):
            work.append(self._keep_opening(slot, until, _another(chance)))
        if accepting:
            work.append(serve(self.stage, accepting, until, _another(chance)))
        if chance.random() < 0.3:
            work.append(self._switch_modes(until, _another(chance)))
        # Even a short soak begins with one of each kind of disturbance.
        if self.stage.rig.disturbances and (self._unseen() or chance.random() < 0.4):
            work.append(self._disturb(_another(chance)))
        if chance.random() < 0.12:
            work.append(self._reset_at(until))
        if self.stage.rig.wifi and chance.random() < 0.2:
            work.append(self._come_and_go(_another(chance)))
        await self._all_done(work)

    async def _one_link(self, chance: random.Random) -> None:
        until = time.monotonic() + chance.uniform(*ROUND_SECONDS) / 2
        await self._all_done([self._keep_opening(0, until, chance), self._look_on(until)])

    async def _all_done(self, work: list[Coroutine[Any, Any, None]]) -> None:
        """Return when all of it is, and every link's life is over. Raises what one raises."""
        tasks = [asyncio.ensure_future(each) for each in work]
        done, late = await asyncio.wait(
            tasks, timeout=_ENDS_WITHIN, return_when=asyncio.FIRST_EXCEPTION
        )
        for task in done:
            task.result()
        if late:
            names = sorted({str(task.get_coro()) for task in late})
            raise Wrong(f"not at an end after {_ENDS_WITHIN:g} s: {', '.join(names)}")
        async with asyncio.timeout(_ENDS_WITHIN):
            await self.stage.links.idle()

    # what goes on in them

    async def _keep_opening(self, slot: int, until: float, chance: random.Random) -> None:
        """One link after the other in a slot."""
        links = self.stage.links
        multiplexed = links.multiplexed
        # a reset ends the round
        while time.monotonic() < until and links.multiplexed == multiplexed:
            talk = self.stage.talk(client_plan(chance, self.stage.scale))
            with self.stage.listener(talk) as listener:
                port = listener.getsockname()[1]
                if talk.plan.kind != "refused":
                    far_end = serve_once(listener, talk, self.stage.fail)
                    talk.far_end = asyncio.ensure_future(far_end)
                try:
                    await links.open(slot, talk, self.stage.rig.host, port)
                finally:
                    if talk.far_end is not None:
                        talk.far_end.cancel()
            await asyncio.sleep(chance.random() * _PAUSE)

    async def _look_on(self, until: float) -> None:
        while time.monotonic() < until:
            await self.bystander.act()

    async def _switch_modes(self, until: float, chance: random.Random) -> None:
        links = self.stage.links
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, chance.uniform(0.3, 3)))
            if links.multiplexed:
                await links.receive_passively(not links.passive)

    async def _reset_at(self, until: float) -> None:
        """AT+RST while everything goes on."""
        await asyncio.sleep(max(0.0, until - time.monotonic()))
        self.stage.disturbances["AT+RST"] += 1
        await self.stage.links.mcu.reset()

    async def _come_and_go(self, chance: random.Random) -> None:
        """Leave the access point, or join it: what ran over it is closed."""
        links = self.stage.links
        join = 'AT+CWJAP_CUR="esp-at-sim","password"'
        text = chance.choice((join, join, "AT+CWQAP"))

        def line() -> str:
            for link in links.taken:
                if link.talk is not None:
                    link.talk.excuse()
            return text

        with self.stage.disturbance("station joined or left", calm_after=1):
            reply = await links.mcu.ask_then(line)
        if reply is None or not reply.ok:
            raise Wrong(f"{text.partition('=')[0]}: {reply}")

    async def _disturb(self, chance: random.Random) -> None:
        """Something happens to the network."""
        await asyncio.sleep(chance.uniform(0, ROUND_SECONDS[0]))
        if not self._to_come:
            self._to_come = sorted(self.stage.rig.disturbances)
            chance.shuffle(self._to_come)
        name = self._to_come.pop()
        with self.stage.disturbance(name):
            await self.stage.rig.disturbances[name](chance)

    def _goes_on(self, end: float) -> bool:
        """Until the end, and for a while until each kind of disturbance has been."""
        now = time.monotonic()
        return now < end or (bool(self._unseen()) and now < end + _LONGER)

    def _is_offline_unheard(self) -> bool:
        """Whether there may be no network, and nothing has been told: the radio's way."""
        return bool(self.stage.rig.joins) and self.stage.disturbed()

    def _unseen(self) -> set[str]:
        """The kinds of disturbance that have not been yet."""
        return set(self.stage.rig.disturbances) - set(self.stage.disturbances)


def _another(chance: random.Random) -> random.Random:
    return random.Random(chance.getrandbits(64))
