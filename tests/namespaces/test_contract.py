"""The Ethernet half of the contract of every Network, on a real NetworkManager."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.services.api import Credentials
from tests.namespaces.network import network_in, settled
from tests.namespaces.world import OWNER, World
from tests.services.network_contract import EthernetContract, Harness

TEST_SECONDS = 60.0
"""A test that waits for what does not happen fails after that."""

_NOWHERE = Credentials(b"nowhere", b"password")


class TestEthernet(EthernetContract):
    """Each test ends with the owner's connection as it was."""

    @pytest.fixture(autouse=True)
    def _in_a_world(self, world: World, tmp_path: Path) -> Iterator[None]:
        self.world, self.folder = world, tmp_path
        before = world.address()
        yield
        assert world.active() == OWNER
        assert world.profiles() == {OWNER}
        world.until_address(before)

    def harness(self) -> AbstractAsyncContextManager[Harness]:
        return self._harness()

    @asynccontextmanager
    async def _harness(self) -> AsyncIterator[Harness]:
        async with network_in(self.world, self.folder) as network:
            yield Harness(
                network,
                good=_NOWHERE,
                other=_NOWHERE,
                unknown=_NOWHERE,
                settle=lambda: settled(network),
                lose_access_point=lambda: None,
                restore_access_point=lambda: None,
                unplug_ethernet=self.world.unplug,
                plug_ethernet=self.world.plug,
            )

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run(asyncio.wait_for(work, TEST_SECONDS))
