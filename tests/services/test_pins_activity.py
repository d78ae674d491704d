"""The activity LED."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest

from gateway.services.activity import DARK_SECONDS, FLASH_SECONDS, Activity, WatchedLine
from tests import fake_time
from tests.harness import FakeLine
from tests.services.lines import Recorder


class Lamp:
    """Remembers when it was switched."""

    def __init__(self) -> None:
        self.switched: list[tuple[float, bool]] = []

    def light(self, lit: bool) -> None:
        self.switched.append((asyncio.get_running_loop().time(), lit))


def with_lamp(work: Callable[[Lamp, Activity], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        lamp = Lamp()
        await work(lamp, Activity(lamp))

    fake_time.run(main())


def test_it_flashes_once_for_a_burst() -> None:
    async def work(lamp: Lamp, activity: Activity) -> None:
        activity.notice()
        await asyncio.sleep(1)
        assert lamp.switched == [(0.0, True), (pytest.approx(FLASH_SECONDS), False)]
        activity.notice()
        assert lamp.switched[-1] == (1.0, True)
        activity.close()

    with_lamp(work)


def test_it_flickers_with_steady_traffic_however_dense() -> None:
    async def work(lamp: Lamp, activity: Activity) -> None:
        for _ in range(1000):
            for _ in range(50):
                activity.notice()
            await asyncio.sleep(0.001)
        assert 12 <= len(lamp.switched) <= 14
        lit = [moment for moment, is_lit in lamp.switched if is_lit]
        for before, after in pairwise(lit):
            assert after - before == pytest.approx(FLASH_SECONDS + DARK_SECONDS)
        activity.close()

    with_lamp(work)


def test_what_comes_during_a_flash_gets_one_more() -> None:
    async def work(lamp: Lamp, activity: Activity) -> None:
        activity.notice()
        await asyncio.sleep(FLASH_SECONDS / 2)
        activity.notice()
        await asyncio.sleep(1)
        assert [is_lit for _, is_lit in lamp.switched] == [True, False, True, False]

    with_lamp(work)


def test_it_ends_dark() -> None:
    async def work(lamp: Lamp, activity: Activity) -> None:
        activity.notice()
        activity.close()
        await asyncio.sleep(1)
        assert lamp.switched == [(0.0, True), (0.0, False)]

    with_lamp(work)


def test_a_watched_line_shows_both_directions_and_passes_all_on() -> None:
    async def work(lamp: Lamp, activity: Activity) -> None:
        inner, receiver = FakeLine(), Recorder()
        line = WatchedLine(inner, activity)
        line.start(receiver)
        inner.receive(b"AT\r\n")
        assert receiver.received == b"AT\r\n"
        assert len(lamp.switched) == 1
        await asyncio.sleep(1)
        inner.slow = True
        line.write(b"OK\r\n")
        assert inner.output == b"OK\r\n"
        assert len(lamp.switched) == 3
        assert line.buffered == 4
        inner.drain()
        assert receiver.events[-1] == "drained"
        assert line.settings is inner.settings
        line.pause_reading()
        assert inner.paused
        await line.close()
        assert lamp.switched[-1] == (1.0, False)

    with_lamp(work)
