"""Waiting with a limit: nothing is lost, whoever is first."""

from __future__ import annotations

import asyncio

import pytest

from gateway.services.waiting import within
from tests import fake_time


async def value(result: str, after: float) -> str:
    await asyncio.sleep(after)
    return result


async def failure(after: float) -> str:
    await asyncio.sleep(after)
    raise OSError("refused")


def test_a_result_in_time_and_one_too_late() -> None:
    async def work() -> None:
        assert await within(2, value("in time", 1)) == "in time"
        with pytest.raises(TimeoutError):
            await within(1, value("late", 2))
        with pytest.raises(OSError, match="refused"):
            await within(2, failure(1))
        assert asyncio.get_running_loop().time() == pytest.approx(3, abs=0.001)

    fake_time.run(work())


@pytest.mark.parametrize("turns", range(1, 9))
def test_cancelling_in_the_moment_of_the_result_loses_nothing(turns: int) -> None:
    """Whatever the turn of the loop, the result is either got or given to `lost`."""
    made: list[str] = []
    lost: list[str] = []

    async def make() -> str:
        for _ in range(3):
            await asyncio.sleep(0)
        made.append("socket")
        return "socket"

    async def work() -> list[str]:
        waiting = asyncio.ensure_future(within(1, make(), lost.append))
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        try:
            return [await waiting]
        except asyncio.CancelledError:
            return []

    got = asyncio.run(work())
    assert sorted([*got, *lost]) == made


@pytest.mark.parametrize("turns", range(1, 9))
def test_cancelling_in_the_moment_of_a_failure_leaves_no_complaint(turns: int) -> None:
    async def fail() -> str:
        for _ in range(3):
            await asyncio.sleep(0)
        raise OSError("refused")

    async def work() -> None:
        waiting = asyncio.ensure_future(within(1, fail()))
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises((OSError, asyncio.CancelledError)):
            await waiting

    asyncio.run(work())
