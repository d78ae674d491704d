"""Tables of what is typed and what is answered. `⏎` stands for CR LF, as in the contract."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.at.messages import Style
from gateway.services.network.simulated import World
from tests.harness import Desk, Keyboard, at_desk

OK = "⏎OK⏎"
ERROR = "⏎ERROR⏎"
_FINAL = re.compile(rb"(?:OK|ERROR|FAIL)\r\n")
_TURNS = 40

Pair = tuple[str, str]
Runner = Callable[[Coroutine[Any, Any, None]], None]


def shown(data: bytes) -> str:
    """`data` as the tables write it."""
    return data.decode("latin-1").replace("\r\n", "⏎")


async def answer(keyboard: Keyboard, line: str) -> str:
    """All that is written for a command line, and what is said at once after its reply."""
    keyboard.type(line + "\r\n")
    reply = await keyboard.expect_match(_FINAL)
    return shown(reply) + await news(keyboard)


async def news(keyboard: Keyboard) -> str:
    """What is said unasked, by all that is due now."""
    await keyboard.turns(_TURNS)
    return shown(keyboard.unread())


async def hold(keyboard: Keyboard, *pairs: Pair) -> None:
    """Type the left side of each pair and find its right side written."""
    for typed, answered in pairs:
        found = await answer(keyboard, typed)
        assert found == answered, f"{typed!r} answers {found!r} instead of {answered!r}"


def dialog(
    *pairs: Pair,
    mode: int = 1,
    joined: bool = False,
    world: World | None = None,
    style: Style = Style.README,
    runner: Runner = asyncio.run,
) -> None:
    """Hold the dialog at a desk of its own: echo off, Wi-Fi `mode`, joined or not."""

    async def work(desk: Desk) -> None:
        await desk.quiet()
        if joined:
            await desk.join()
        if mode != 1:
            await desk.ask(f"AT+CWMODE_CUR={mode}")
        await news(desk)
        await hold(desk, *pairs)

    at_desk(work, world, style, runner=runner)


def refused(line: str, *, mode: int = 1, answered: str = ERROR, world: World | None = None) -> None:
    """`line` answers an error, changes nothing at all, and the next command is answered."""

    async def work(desk: Desk) -> None:
        await desk.join()
        if mode != 1:
            await desk.ask(f"AT+CWMODE_CUR={mode}")
        await news(desk)
        before = state(desk)
        await hold(desk, (line, answered))
        assert state(desk) == before
        await hold(desk, ("AT", OK))

    at_desk(work, world)


def state(desk: Desk) -> tuple[object, ...]:
    """Everything that a command of sections 2 to 5 could have changed."""
    network, settings = desk.network, desk.settings
    volatile = desk.session.gateway.volatile
    return (
        settings.in_force,
        settings.stored,
        desk.line.settings,
        network.station,
        network.softap,
        network.ethernet,
        *vars(volatile).values(),
    )
