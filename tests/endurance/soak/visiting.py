"""Servers of the gateway's own, and clients for them from outside."""

from __future__ import annotations

import asyncio
import functools
import random
import time

from tests.endurance.soak.plans import outside_plan
from tests.endurance.soak.servers import be
from tests.endurance.soak.stage import Stage
from tests.endurance.soak.streams import Wrong
from tests.endurance.soak.talk import Talk

_CONNECTS_WITHIN = 25.0
_LATE = 30.0
"""Seconds behind a round's end for which its servers wait for visitors. One that stalls, and was
reset before its first word was heard, would never notice."""


async def serve(stage: Stage, most: int, until: float, chance: random.Random) -> None:
    """Servers of ours, and clients for them."""
    mcu, began = stage.links.mcu, time.monotonic()
    ports = chance.sample(range(20000, 30000), chance.choice((1, 1, 2)))
    await mcu.ask(f"AT+CIPSERVERMAXCONN={most}")
    for port in ports:
        reply = await mcu.ask_then(functools.partial(_server, stage, 1, port))
        if reply is not None and not reply.ok:
            raise Wrong(f"AT+CIPSERVER=1,{port}: {reply}")
    visits = [
        _keep_visiting(stage, ports, until, random.Random(f"{chance.random()}"))
        for _ in range(chance.randint(1, most + 2))
    ]
    done = [asyncio.ensure_future(each) for each in visits]
    early = chance.random() < 0.2
    await asyncio.wait(done, timeout=max(0, until - time.monotonic()) + (0 if early else _LATE))
    for port in ports:
        await mcu.ask_then(functools.partial(_server, stage, 0, port))
    for talk in stage.links.talks.values():
        # Who stalls would not notice that nobody takes it, nor who only listens where the
        # network has lost the reset.
        deaf = talk.plan.kind == "stall" or stage.disturbed(began)
        if deaf and not talk.claimed and talk.far_end is not None:
            talk.excuse()
            talk.far_end.cancel()
    await asyncio.wait(done)
    for each in done:
        each.result()


def _server(stage: Stage, mode: int, port: int) -> str | None:
    # behind a reset there are none, and can be none
    return f"AT+CIPSERVER={mode},{port}" if stage.links.multiplexed else None


async def _keep_visiting(
    stage: Stage, ports: list[int], until: float, chance: random.Random
) -> None:
    """One client after the other of a server of ours."""
    while time.monotonic() < until:
        talk = stage.talk(outside_plan(chance, stage.scale))
        stage.links.talks[talk.number] = talk
        talk.far_end = asyncio.ensure_future(_visit(stage, talk, chance.choice(ports)))
        await asyncio.wait((talk.far_end,))
        if not talk.far_end.cancelled():
            talk.far_end.result()
        await asyncio.sleep(chance.random() * 0.3)


async def _visit(stage: Stage, talk: Talk, port: int) -> None:
    connection = stage.rig.make_socket()
    connection.setblocking(False)
    with connection:
        try:
            async with asyncio.timeout(_CONNECTS_WITHIN):
                address = (stage.own, port)
                await asyncio.get_running_loop().sock_connect(connection, address)
        except OSError:
            return  # the server, or the network, is gone
        await be(connection, talk, stage.fail, server_side=False)
