"""What lives as long as the service does not grow with what happens to it."""

from __future__ import annotations

import asyncio
import gc
import logging
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from gateway.services.api import Interface
from gateway.services.network import ownership
from gateway.services.network.bus_mirror import Mirror
from gateway.services.network.ownership import OwnershipRecord

OFTEN = 200
MOST_A_TIME = 40
"""Bytes that may stay for each time: less than the smallest entry of any table."""


@pytest.fixture(autouse=True)
def _traced() -> Iterator[None]:
    logging.disable()  # what keeps the log for a test would be what grows
    tracemalloc.start()
    yield
    tracemalloc.stop()
    logging.disable(logging.NOTSET)


async def grown(work: Callable[[int], Awaitable[object]]) -> float:
    """How many bytes stay for each of many times, after as many before."""
    before = 0
    for number in range(2 * OFTEN):
        if number == OFTEN:
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
        await work(number)
    gc.collect()
    return (tracemalloc.get_traced_memory()[0] - before) / OFTEN


def test_profiles_that_came_and_went(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "replace_file", lambda *_: None)
    record = OwnershipRecord(tmp_path)

    async def come_and_go(number: int) -> None:
        uuid = f"6c0b8f3e-43d6-4a42-9c5e-{number:012x}"
        await record.add_profile(uuid, Interface.STATION)
        await record.forget_profile(uuid)

    assert asyncio.run(grown(come_and_go)) < MOST_A_TIME


def test_objects_that_nobody_can_read() -> None:
    mirror = Mirror()

    async def come_and_go(number: int) -> None:
        path = f"/org/freedesktop/NetworkManager/AccessPoint/{number}"
        mirror.apply("InterfacesAdded", "/org/freedesktop", (path, "no interfaces"))
        mirror.apply("InterfacesRemoved", "/org/freedesktop", (path, []))

    assert asyncio.run(grown(come_and_go)) < MOST_A_TIME
