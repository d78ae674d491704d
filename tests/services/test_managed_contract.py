"""The contract of every Network, on NetworkManager in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from tests.services.managed_world import CAFE, GOOD, HOME, NOWHERE, OPEN, on, run, world
from tests.services.network_contract import Harness, NetworkContract


class TestManagedNetwork(NetworkContract):
    def harness(self) -> AbstractAsyncContextManager[Harness]:
        return self._harness()

    @asynccontextmanager
    async def _harness(self) -> AsyncIterator[Harness]:
        daemon = world(HOME, CAFE, ap0=True)
        async with on(daemon, begun=False) as scene:
            yield Harness(
                scene.network,
                good=GOOD,
                other=OPEN,
                unknown=NOWHERE,
                settle=scene.settle,
                lose_access_point=lambda: daemon.lose(HOME.ssid),
                restore_access_point=lambda: daemon.air.add(HOME),
                unplug_ethernet=lambda: daemon.plug(False),
                plug_ethernet=daemon.plug,
            )

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        run(work)
