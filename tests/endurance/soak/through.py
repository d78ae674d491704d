"""Pass-through: bytes without framing, with a link that is lost and opened again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

from tests.endurance.soak.servers import serve_once
from tests.endurance.soak.stage import Stage
from tests.endurance.soak.talk import Plan, Talk

_ARRIVES_WITHIN = 60.0
_GUARD_SECONDS = 0.15
_AFTER_ESCAPE = 3.0
_AHEAD = 1 << 15


async def pass_through(stage: Stage, chance: random.Random) -> None:
    """A server that closes, and is there again a second later: nothing of either is lost.

    Who sends while there is no link loses it, as with an ESP: so the second one speaks first.
    """
    links, began = stage.links, time.monotonic()
    await links.mcu.ask("AT+CIPMODE=1")
    down, up, greeting = (int(stage.scale.ordinary * chance.random()) + 1 for _ in range(3))
    source = stage.talk(Plan("source", tls=chance.random() < 0.3, down=down))
    greeter = stage.talk(Plan("greeter", source.plan.tls, up=up, down=greeting))
    with stage.listener(source) as listener:
        source.far_end = asyncio.ensure_future(serve_once(listener, source, stage.fail, keep=True))
        links.on_through = lambda data: _passed(stage, source, greeter, data)
        await links.open_only(source, stage.rig.host, listener.getsockname()[1])
        async with links.mcu.passing_through() as write:
            await _arrived(source.down_news, lambda: source.down.count >= down)
            await asyncio.wait((source.far_end,))
            greeter.far_end = asyncio.ensure_future(serve_once(listener, greeter, stage.fail))
            await _arrived(greeter.down_news, lambda: greeter.down.count >= greeting)
            while greeter.sent_up < up:
                size = min(up - greeter.sent_up, chance.randint(1, 3000))
                write(greeter.up_stream.part(greeter.sent_up, size))
                greeter.sent_up += size
                await _arrived(greeter.arrived, lambda: greeter.sent_up - greeter.up.count < _AHEAD)
            await _arrived(greeter.arrived, lambda: greeter.up.count >= up)
            stage.links.bytes_up += up
            await asyncio.sleep(_GUARD_SECONDS)
            write(b"+++")
            await asyncio.sleep(_AFTER_ESCAPE)
        links.on_through = None
        await links.mcu.ask("AT+CIPMODE=0")
        await links.close_only(greeter)
        for talk in (source, greeter):
            await links.over(talk, "passed through", began)


def _passed(stage: Stage, source: Talk, greeter: Talk, data: bytes) -> None:
    of_source = source.plan.down - source.down.count
    if of_source:
        source.receive(data[:of_source])
    if data[of_source:]:
        greeter.receive(data[of_source:])
    stage.links.bytes_down += len(data)


async def _arrived(news: asyncio.Event, enough: Callable[[], bool]) -> None:
    async with asyncio.timeout(_ARRIVES_WITHIN):
        while not enough():
            news.clear()
            await news.wait()
