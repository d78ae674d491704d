"""`esp-at-gateway release-network`: gives the network back when no gateway runs, and the time
servers with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Final

from gateway.services.network.networkmanager import NetworkManagerBus
from gateway.services.network.ownership import OwnershipRecord
from gateway.services.network.release import release
from gateway.services.timesync import TimeServers
from gateway.services.timesync_bus import open_time_bus

logger = logging.getLogger("gateway.network")

PRESENT_SECONDS: Final = 20.0
"""How long a slow machine may take to say whether NetworkManager is there."""


async def release_network(state_dir: Path) -> None:
    """Give back what the record in `state_dir` says is held, and log what was done.

    Takes some 10 s at most, and longer on a machine that is slow to answer. Raises nothing: a
    stop must not fail for it. What could not be given back is said in the log and stays
    recorded.
    """
    await TimeServers(open_time_bus, state_dir).close()
    record = OwnershipRecord(state_dir)
    if record.empty:
        logger.info("nothing of NetworkManager's is held")
        return
    manager = NetworkManagerBus()
    appearance = _Appearance(manager)
    manager.listen(appearance, lambda _uuid: False)
    await manager.start()
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PRESENT_SECONDS):
                await appearance.known.wait()
        for sentence in await release(manager, record):
            logger.info("%s", sentence)
    finally:
        await manager.close()
        await record.settled()


class _Appearance:
    """Sees whether NetworkManager is there."""

    def __init__(self, manager: NetworkManagerBus) -> None:
        self._manager = manager
        self.known = asyncio.Event()

    def manager_changed(self) -> None:
        if self._manager.present or self._manager.missing:
            self.known.set()

    def device_state_changed(self, device: str, new: int, old: int, reason: int) -> None:
        pass
