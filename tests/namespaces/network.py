"""The gateway's network in this process, on the NetworkManager of a world."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.services.network.managed import ManagedNetwork, NetworkInterfaces
from gateway.services.network.networkmanager import NetworkManagerBus
from gateway.services.network.ownership import OwnershipRecord
from tests.namespaces.world import LIMIT, World

_LOOK_SECONDS = 0.02


async def until(holds: Callable[[], bool]) -> None:
    """Return once `holds()`; what happens in a world tells nobody here."""
    for _ in range(round(LIMIT / _LOOK_SECONDS)):
        if holds():
            return
        await asyncio.sleep(_LOOK_SECONDS)
    raise AssertionError("it has not come about")


@asynccontextmanager
async def network_in(world: World, state: Path) -> AsyncIterator[ManagedNetwork]:
    """A started network that no session has begun on, with its record in `state`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBUS_SYSTEM_BUS_ADDRESS", world.bus_address)
        manager = NetworkManagerBus()
        network = ManagedNetwork(manager, NetworkInterfaces(), OwnershipRecord(state))
        await network.start()
        try:
            await until(lambda: manager.present)
            yield network
        finally:
            await network.close()


async def settled(network: ManagedNetwork) -> None:
    """Wait until nothing is under way, and the cable has an address."""

    def at_rest() -> bool:
        ethernet = network.ethernet
        return network.settled and ethernet is not None and ethernet.address is not None

    await until(at_rest)
