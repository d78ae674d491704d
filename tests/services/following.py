"""The adapter for NetworkManager at work on a private bus, and who hears what it tells."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from gateway.services.network.networkmanager import NetworkManagerBus
from tests.services.fake_network_manager import NM, ROOT, FakeNetworkManager

POINT: Final = f"{ROOT}/AccessPoint/7"
POINT_INTERFACE: Final = f"{NM}.AccessPoint"
HANGS_AFTER: Final = 10.0  # seconds


async def soon(event: asyncio.Event) -> None:
    """Wait for `event`, which comes unless something is broken."""
    async with asyncio.timeout(HANGS_AFTER):
        await event.wait()


class Ear:
    """Hears what the manager tells, and wakes who waits for it."""

    def __init__(self, manager: NetworkManagerBus) -> None:
        self.manager = manager
        self.states: list[tuple[str, int, int, int, object]] = []
        self.changes = 0
        self._heard = asyncio.Event()

    def manager_changed(self) -> None:
        """Count it."""
        self.changes += 1
        self._heard.set()

    def device_state_changed(self, device: str, new: int, old: int, reason: int) -> None:
        """Note it, and what the mirror shows at that moment."""
        shown = self.manager.objects[device][f"{NM}.Device"]["State"]
        self.states.append((device, new, old, reason, shown))
        self._heard.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what is heard makes `condition` true."""
        async with asyncio.timeout(HANGS_AFTER):
            while not condition():
                await self._heard.wait()
                self._heard.clear()


@contextlib.asynccontextmanager
async def started() -> AsyncIterator[tuple[NetworkManagerBus, Ear]]:
    """The adapter at work, NetworkManager present or not."""
    manager = NetworkManagerBus()
    ear = Ear(manager)
    manager.listen(ear, lambda uuid: uuid == "ours")
    await manager.start()
    try:
        yield manager, ear
    finally:
        await manager.close()


@contextlib.asynccontextmanager
async def together(fake: FakeNetworkManager) -> AsyncIterator[tuple[NetworkManagerBus, Ear]]:
    """The adapter with `fake`, which it has found."""
    await fake.appear()
    try:
        async with started() as (manager, ear):
            await ear.until(lambda: manager.present)
            yield manager, ear
    finally:
        fake.vanish()


def point(strength: int = 50) -> dict[str, dict[str, tuple[str, Any]]]:
    """An access point."""
    return {POINT_INTERFACE: {"Ssid": ("ay", b"\xff\x00caf"), "Strength": ("y", strength)}}
