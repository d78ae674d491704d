"""The end of the service while NetworkManager, or its bus, stands still."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.namespaces.gateway import Microcontroller, WorldGateway
from tests.namespaces.test_faults_stuck import FIXED, assert_ends_soon, stuck
from tests.namespaces.world import World, reason_not_to_run


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world whose owner has a profile for Ethernet."""
    if (reason := reason_not_to_run()) is not None:
        pytest.skip(reason)
    with World(tmp_path) as made:
        yield made


@pytest.mark.parametrize("name", ["NetworkManager", "dbus-daemon"])
def test_sigterm_while_it_stands_still(name: str, world: World, tmp_path: Path) -> None:
    """What could not be given back is written down, and the log names the command for it."""
    with (
        WorldGateway(world, tmp_path / "gateway") as gateway,
        Microcontroller.online(gateway) as client,
    ):
        client.ask(f'AT+CIPETH="{FIXED}"')
        assert client.got_address() == FIXED
        client.ask('AT+CIPSNTPCFG=1,0,"192.0.2.1"')
        with stuck(world, name):
            assert_ends_soon(gateway)
        assert "NetworkManager answers nothing" in gateway.log
        assert "release-network --state-dir" in gateway.log
        gateway.release_network()
        world.until(lambda: world.address() != FIXED)
