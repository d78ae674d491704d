"""NetworkManager, or the bus, comes late, goes, comes back, or refuses."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.namespaces.gateway import Microcontroller, WorldGateway
from tests.namespaces.world import World
from tests.system.line_client import OK

FIXED = "10.42.7.9"
ABSENT = "NetworkManager is not running"
MAC = "02:12:34:56:78:9a"
USER = "nobody"


def test_network_manager_comes_late(world: World, tmp_path: Path) -> None:
    """The line answers from the start; what is asked meanwhile is done later."""
    leased = world.address()
    world.stop_network_manager()
    with WorldGateway(world, tmp_path / "gateway") as gateway, Microcontroller(gateway) as client:
        client.quiet()
        gateway.wait_for_log(ABSENT)
        assert client.address() == "0.0.0.0"
        client.ask("AT+CWJAP?", b"No AP\r\n" + OK)
        client.ask(f'AT+CIPETH="{FIXED}"')
        world.start_network_manager()
        assert client.connected() == FIXED
        client.ask("AT+CWDHCP=3,1")
        assert client.got_address() == leased
        assert gateway.log.count(ABSENT) == 1


def test_network_manager_is_restarted(world: World, tmp_path: Path) -> None:
    """A fixed address and a MAC of before are in force again without a word."""
    with WorldGateway(world, tmp_path / "gateway") as gateway:
        with Microcontroller.online(gateway) as client:
            client.ask(f'AT+CIPETH="{FIXED}"')
            assert client.got_address() == FIXED
            client.ask(f'AT+CIPETHMAC="{MAC}"')
            world.until(lambda: world.mac() == MAC)
            # The address is back with the new MAC, which is no news.
            world.until_address(FIXED)
            world.until(lambda: client.address() == FIXED)
            world.stop_network_manager()
            client.expect(b"+ETH_DISCONNECTED\r\n")
            assert client.address() == "0.0.0.0"
            world.start_network_manager()
            assert client.connected() == FIXED
            assert world.mac() == MAC
        assert gateway.log.count(ABSENT) == 1
        assert "Traceback" not in gateway.log


def test_the_bus_is_killed(world: World, tmp_path: Path) -> None:
    """Its death says nothing of itself, and is noticed all the same."""
    with WorldGateway(world, tmp_path / "gateway") as gateway:
        with Microcontroller.online(gateway) as client:
            leased = world.address()
            world.kill_bus()
            client.expect(b"+ETH_DISCONNECTED\r\n")
            client.ask("AT")
            world.start_bus()
            world.start_network_manager()
            assert client.connected() == leased
            client.ask(f'AT+CIPETH="{FIXED}"')
            assert client.got_address() == FIXED
        assert "Traceback" not in gateway.log


def test_somebody_who_may_not_is_told_what_to_do(tmp_path: Path) -> None:
    """Nothing changes, queries show what is, and the log says it in a sentence."""
    with (
        World(tmp_path, polkit=True) as world,
        tempfile.TemporaryDirectory() as folder,
        WorldGateway(world, Path(folder), user=USER) as gateway,
        Microcontroller.online(gateway) as client,
    ):
        leased = world.address()
        gateway.wait_for_log("org.freedesktop.NetworkManager.network-control")
        client.ask(f'AT+CIPETH="{FIXED}"')
        gateway.wait_for_log("NetworkManager refuses")
        world.until(lambda: client.address() == leased)
        assert world.address() == leased
        assert f"to {USER}" in gateway.log or f"user {USER}" in gateway.log
        assert "Traceback" not in gateway.log
