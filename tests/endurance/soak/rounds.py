"""Round after round: everything at once, then a moment of rest at which all must be gone."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from tests.endurance.soak.bystander import Bystander
from tests.endurance.soak.credentials import Credentials
from tests.endurance.soak.links import SLOTS, Links
from tests.endurance.soak.microcontroller import Microcontroller, Wedged
from tests.endurance.soak.plans import Scale, client_plan, outside_plan
from tests.endurance.soak.rigs import Rig
from tests.endurance.soak.servers import be, serve_once
from tests.endurance.soak.streams import Wrong
from tests.endurance.soak.talk import Plan, Talk

ROUND_SECONDS = (4.0, 14.0)
ANSWERS_AT_REST = 1.0
"""Seconds within which `AT` is answered when nothing else goes on."""
_ENDS_WITHIN = 150.0
_AT_REST_WITHIN = 10.0
_CALM_AFTER = 25.0
_ONLINE_WITHIN = 40.0
_LOOK_SECONDS = 0.05
_GUARD_SECONDS = 0.15
_AFTER_ESCAPE = 1.3
_AHEAD = 1 << 15


class Soak:
    """Plays rounds on a rig until something is wrong; `samples` are (seconds, bytes) at rest."""

    def __init__(self, rig: Rig, seed: int, scale: Scale, credentials: Credentials) -> None:
        self.rig = rig
        self.links = Links(self._fail, self._disturbed)
        self.bystander = Bystander(
            self.links, random.Random(f"{seed}/bystander"), credentials.useless, wifi=rig.wifi
        )
        self.samples: list[tuple[float, int]] = []
        self.descriptors: list[tuple[float, int]] = []
        self.disturbances: Counter[str] = Counter()
        self.rounds: Counter[str] = Counter()
        self.slowest_rest = 0.0
        self.failures: list[str] = []
        self._seed = seed
        self._scale = scale
        self._credentials = credentials
        self._number = 0
        self._calm_at = 0.0
        self._disturbing = False
        self._failed = asyncio.Event()
        self._began = time.monotonic()

    async def run(self, seconds: float) -> None:
        """Play for so long, or until something is wrong, which is in `failures` then."""
        self.links.mcu = Microcontroller(self.rig.gateway.line, self.links, self._fail)
        playing = asyncio.ensure_future(self._play(self._began + seconds))
        failing = asyncio.ensure_future(self._failed.wait())
        try:
            await asyncio.wait((playing, failing), return_when=asyncio.FIRST_COMPLETED)
            if playing.done() and (error := playing.exception()) is not None:
                self._fail(f"{type(error).__name__}: {error}")
                if not isinstance(error, AssertionError):
                    raise error
        finally:
            for task in (playing, failing):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task
            self.links.mcu.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            if others:
                await asyncio.wait(others)

    async def _play(self, end: float) -> None:
        await self.links.mcu.heard_ready()
        await self.links.mcu.ask("ATE0")
        await self._rest()
        while time.monotonic() < end:
            number = sum(self.rounds.values()) + 1
            chance = random.Random(f"{self._seed}/round {number}")
            kind = chance.choices(("five links", "one link", "passed through"), (8, 1, 1))[0]
            self.rounds[kind] += 1
            if kind == "five links":
                await self._five_links(chance)
            elif kind == "one link":
                await self._one_link(chance)
            else:
                await self._pass_through(chance)
            await self._rest()

    def _fail(self, text: str) -> None:
        self.failures.append(text)
        self._failed.set()

    def _disturbed(self) -> bool:
        return self._disturbing or time.monotonic() < self._calm_at

    # rounds

    async def _five_links(self, chance: random.Random) -> None:
        await self._set_modes(chance, multiplexed=True)
        until = time.monotonic() + chance.uniform(*ROUND_SECONDS)
        accepting = chance.choice((0, 1, 2, 3))
        work: list[Coroutine[Any, Any, None]] = [
            self._keep_opening(slot, until, random.Random(f"{chance.random()}"))
            for slot in range(accepting, SLOTS)
        ]
        if accepting:
            work.append(self._serve(accepting, until, random.Random(f"{chance.random()}")))
        work.append(self._look_on(until))
        if chance.random() < 0.3:
            work.append(self._switch_modes(until, chance))
        if self.rig.disturbances and chance.random() < 0.4:
            work.append(self._disturb(chance))
        reset = chance.random() < 0.12
        if reset:
            work.append(self._reset_at(until))
        if self.rig.wifi and chance.random() < 0.2:
            work.append(self._come_and_go(chance))
        await self._all_done(work)

    async def _one_link(self, chance: random.Random) -> None:
        await self._set_modes(chance, multiplexed=False)
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
            names = {task.get_coro().__qualname__ for task in late}  # type: ignore[union-attr]
            raise Wrong(f"not at an end after {_ENDS_WITHIN:g} s: {', '.join(sorted(names))}")
        async with asyncio.timeout(_ENDS_WITHIN):
            await self.links.idle()

    async def _set_modes(self, chance: random.Random, *, multiplexed: bool) -> None:
        await self.links.multiplex(multiplexed)
        await self.links.receive_passively(chance.random() < 0.4)

    async def _reset_at(self, until: float) -> None:
        """AT+RST while everything goes on."""
        await asyncio.sleep(max(0.0, until - time.monotonic()))
        self._count("AT+RST")
        await self.links.mcu.reset()

    async def _switch_modes(self, until: float, chance: random.Random) -> None:
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, chance.uniform(0.3, 3)))
            if self.links.multiplexed:
                await self.links.receive_passively(not self.links.passive)

    async def _look_on(self, until: float) -> None:
        while time.monotonic() < until:
            await self.bystander.act()

    async def _come_and_go(self, chance: random.Random) -> None:
        """Leave the access point, or join it: what ran over it is closed."""

        def line(text: str) -> Callable[[], str]:
            def typed() -> str:
                for link in self.links.taken:
                    if link.talk is not None:
                        link.talk.excuse()
                return text

            return typed

        self._disturbing = True
        try:
            self._count("station left or joined")
            joins = 'AT+CWJAP_CUR="esp-at-sim","password"'
            reply = await self.links.mcu.ask_then(line(chance.choice((joins, joins, "AT+CWQAP"))))
            if reply is None or not reply.ok:
                raise Wrong(f"joining or leaving: {reply}")
        finally:
            self._disturbing = False
            self._calm_at = time.monotonic() + 1

    async def _disturb(self, chance: random.Random) -> None:
        """Something happens to the network."""
        await asyncio.sleep(chance.uniform(0, ROUND_SECONDS[0]))
        name = chance.choice(sorted(self.rig.disturbances))
        self._count(name)
        self._disturbing = True
        try:
            await self.rig.disturbances[name](chance)
        finally:
            self._disturbing = False
            self._calm_at = time.monotonic() + _CALM_AFTER

    def _count(self, disturbance: str) -> None:
        self.disturbances[disturbance] += 1

    # links

    def _talk(self, plan: Plan) -> Talk:
        self._number += 1
        talk = Talk(self._seed, self._number, plan)
        if plan.tls:
            talk.context = self._credentials.context
        return talk

    def _listener(self, talk: Talk) -> socket.socket:
        """Where the talk's far end is to be reached."""
        listener = self.rig.make_socket()
        listener.setblocking(False)
        if talk.plan.kind == "stall":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind((self.rig.host, 0))
        if talk.plan.kind != "refused":
            listener.listen(1)
        return listener

    async def _keep_opening(self, slot: int, until: float, chance: random.Random) -> None:
        """One link after the other in a slot."""
        while time.monotonic() < until:
            await self._open(slot, self._talk(client_plan(chance, self._scale)))
            await asyncio.sleep(chance.random() * 0.1)
            if not self.links.multiplexed and slot:
                return  # there was a reset

    async def _open(self, slot: int, talk: Talk) -> None:
        with self._listener(talk) as listener:
            if talk.plan.kind != "refused":
                talk.far_end = asyncio.ensure_future(serve_once(listener, talk, self._fail))
            try:
                await self.links.open(slot, talk, self.rig.host, listener.getsockname()[1])
            finally:
                if talk.far_end is not None:
                    talk.far_end.cancel()

    async def _serve(self, most: int, until: float, chance: random.Random) -> None:
        """Servers of ours, and clients for them."""
        mcu = self.links.mcu
        ports = chance.sample(range(20000, 30000), chance.choice((1, 1, 2)))
        await mcu.ask(f"AT+CIPSERVERMAXCONN={most}")
        for port in ports:
            if not (reply := await mcu.ask(f"AT+CIPSERVER=1,{port}")).ok:
                raise Wrong(f"AT+CIPSERVER=1,{port}: {reply}")
        visits = [
            self._keep_visiting(ports, until, random.Random(f"{chance.random()}"))
            for _ in range(chance.randint(1, most + 2))
        ]
        done = [asyncio.ensure_future(each) for each in visits]
        early = chance.random() < 0.2
        await asyncio.wait(done, timeout=max(0, until - time.monotonic()) if early else None)
        for port in ports:
            await mcu.ask_then(
                lambda port=port: (
                    f"AT+CIPSERVER=0,{port}"  # type: ignore[misc]
                    if self.links.multiplexed
                    else None
                )
            )
        for talk in self.links.talks.values():
            if talk.plan.kind == "stall" and not talk.claimed and talk.far_end is not None:
                talk.far_end.cancel()  # which would not notice that nobody takes it
        await asyncio.wait(done)
        for each in done:
            each.result()

    async def _keep_visiting(self, ports: list[int], until: float, chance: random.Random) -> None:
        """One client after the other of a server of ours."""
        while time.monotonic() < until:
            talk = self._talk(outside_plan(chance, self._scale))
            self.links.talks[talk.number] = talk
            talk.far_end = asyncio.ensure_future(self._visit(talk, chance.choice(ports)))
            await asyncio.wait((talk.far_end,))
            if not talk.far_end.cancelled():
                talk.far_end.result()
            await asyncio.sleep(chance.random() * 0.3)

    async def _visit(self, talk: Talk, port: int) -> None:
        connection = self.rig.make_socket()
        connection.setblocking(False)
        with connection:
            try:
                async with asyncio.timeout(_CALM_AFTER):
                    address = (self.rig.own(), port)
                    await asyncio.get_running_loop().sock_connect(connection, address)
            except OSError:
                return  # the server, or the network, is gone
            await be(connection, talk, self._fail, server_side=False)

    # pass-through

    async def _pass_through(self, chance: random.Random) -> None:
        """A source that closes and comes again as an echo: reopened, without a byte lost."""
        links = self.links
        await self._set_modes(chance, multiplexed=False)
        await links.mcu.ask("AT+CIPMODE=1")
        some = int(self._scale.ordinary * chance.random()) + 1
        source = self._talk(Plan("source", chance.random() < 0.3, down=some))
        echo = self._talk(Plan("echo", source.plan.tls, up=some))
        with self._listener(source) as listener:
            source.far_end = asyncio.ensure_future(
                serve_once(listener, source, self._fail, keep=True)
            )
            links.on_through = lambda data: self._passed(source, echo, data)
            await links.open_only(source, self.rig.host, listener.getsockname()[1])
            async with links.mcu.passing_through() as write:
                await self._arrived(source.down_news, lambda: source.down.count >= some)
                await asyncio.wait((source.far_end,))
                echo.far_end = asyncio.ensure_future(serve_once(listener, echo, self._fail))
                while echo.sent_up < some:
                    size = min(some - echo.sent_up, chance.randint(1, 3000))
                    data = echo.up_stream.part(echo.sent_up, size)
                    if echo.sent_up == 0:
                        await self._arrived(echo.arrived, lambda: echo.far_is_there)
                    echo.sent_up += size
                    write(data)
                    await self._arrived(echo.arrived, lambda: echo.sent_up - echo.up.count < _AHEAD)
                await self._arrived(echo.down_news, lambda: echo.down.count >= some)
                await asyncio.sleep(_GUARD_SECONDS)
                write(b"+++")
                await asyncio.sleep(_AFTER_ESCAPE)
            links.on_through = None
            await links.mcu.ask("AT+CIPMODE=0")
            await links.close_only(echo)
            for talk in (source, echo):
                await links.over(talk, "passed through")

    def _passed(self, source: Talk, echo: Talk, data: bytes) -> None:
        of_source = source.plan.down - source.down.count
        source.receive(data[:of_source])
        echo.receive(data[of_source:])
        self.links.bytes_down += len(data)

    async def _arrived(self, news: asyncio.Event, enough: Callable[[], bool]) -> None:
        async with asyncio.timeout(_ENDS_WITHIN):
            while not enough():
                news.clear()
                await news.wait()

    # rest

    async def _rest(self) -> None:
        """All links are closed: `AT` answers, nothing is left open; a sample."""
        mcu = self.links.mcu
        for talk in self.links.talks.values():
            if not talk.claimed:
                self.links.endings[f"{talk.plan.kind} (client)", "not taken"] += 1
        self.links.talks.clear()
        reply = await mcu.ask("AT")
        if reply.seconds > ANSWERS_AT_REST:
            reply = await mcu.ask("AT")  # this machine may have been busy with something else
        self.slowest_rest = max(self.slowest_rest, reply.seconds)
        if not reply.ok or reply.seconds > ANSWERS_AT_REST:
            raise Wedged(f"AT at rest: {reply} after {reply.seconds:.2f} s")
        status = await mcu.ask("AT+CIPSTATUS")
        if len(status.lines) != 1:
            raise Wrong(f"links that nobody has: {status}")
        if self.rig.gateway.bugs:
            raise Wrong(f"the gateway's log: {self.rig.gateway.bugs[0]}")
        async with asyncio.timeout(_ONLINE_WITHIN):
            await self.links.online.wait()
        await self._sample()

    async def _sample(self) -> None:
        """Count descriptors once what lingers is gone, and memory."""
        gateway = self.rig.gateway
        at_first = self.descriptors[0][1] if self.descriptors else None
        deadline = time.monotonic() + _AT_REST_WITHIN
        count = gateway.descriptors()
        # What the kernel has of another process tells nobody here.
        while at_first is not None and count != at_first and time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)
            count = gateway.descriptors()
        now = time.monotonic() - self._began
        self.descriptors.append((now, count))
        self.samples.append((now, gateway.resident_bytes()))
        if at_first is not None and count != at_first:
            raise Wrong(f"{count} descriptors at rest, {at_first} at the start")
