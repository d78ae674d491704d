"""The owner's connection is back after every end of the gateway."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.namespaces.gateway import Microcontroller, WorldGateway
from tests.namespaces.world import OWNER, World

FIXED = "10.42.7.9"
OTHER_MAC = "02:12:34:56:78:9a"

ASKED = (f'AT+CIPETH="{FIXED}"', f'AT+CIPETHMAC="{OTHER_MAC}"')


@pytest.mark.parametrize("command", ASKED)
def test_after_a_stop(world: World, tmp_path: Path, command: str) -> None:
    leased, mac = world.address(), _mac(world)
    with WorldGateway(world, tmp_path / "gateway") as gateway:
        with Microcontroller.online(gateway) as client:
            client.ask(command)
            client.got_address()
        assert gateway.ends() == 0
    _is_the_owners(world, leased, mac)


@pytest.mark.parametrize("command", ASKED)
def test_after_a_kill_and_a_release(world: World, tmp_path: Path, command: str) -> None:
    leased, mac = world.address(), _mac(world)
    with WorldGateway(world, tmp_path / "gateway") as gateway:
        with Microcontroller.online(gateway) as client:
            client.ask(command)
            client.got_address()
        gateway.ends(signal.SIGKILL)
    assert (_mac(world), world.address()) != (mac, leased)
    gateway.release_network()
    _is_the_owners(world, leased, mac)
    assert "nothing of NetworkManager's is held" in gateway.release_network()


def test_a_start_after_a_kill_takes_up_what_was_left(world: World, tmp_path: Path) -> None:
    """There is never a second profile."""
    for _ in range(2):
        with WorldGateway(world, tmp_path / "gateway") as gateway:
            with Microcontroller.online(gateway) as client:
                client.ask(f'AT+CIPETHMAC="{OTHER_MAC}"')
                world.until(lambda: _mac(world) == OTHER_MAC)
                assert len(world.profiles()) == 2
            gateway.ends(signal.SIGKILL)


def test_a_stop_while_network_manager_is_away(world: World, tmp_path: Path) -> None:
    """It ends all the same, and `release-network` makes up for it."""
    leased, mac = world.address(), _mac(world)
    with WorldGateway(world, tmp_path / "gateway") as gateway:
        with Microcontroller.online(gateway) as client:
            client.ask(f'AT+CIPETH="{FIXED}"')
            client.got_address()
        world.stop_network_manager()
        gateway.wait_for_log("NetworkManager is not running")
        assert gateway.ends() == 0
    world.start_network_manager()
    gateway.release_network()
    _is_the_owners(world, leased, mac)


def test_a_profile_that_network_manager_made_itself_comes_back(tmp_path: Path) -> None:
    """It exists in no file of the owner's, and would not be made a second time."""
    with World(tmp_path, owner=False, makes_profiles=True) as world:
        (made,), leased, mac = world.profiles(), world.address(), _mac(world)
        with WorldGateway(world, tmp_path / "gateway") as gateway:
            with Microcontroller.online(gateway) as client:
                client.ask(f'AT+CIPETHMAC="{OTHER_MAC}"')
                client.got_address()
                assert made in world.profiles()
            assert gateway.ends() == 0
        world.until(lambda: (_mac(world), world.address()) == (mac, leased))
        assert world.active() == made


def _mac(world: World) -> str:
    return world.run("cat", "/sys/class/net/eth0/address")


def _is_the_owners(world: World, leased: str, mac: str) -> None:
    """Wait until everything is as it was at first."""
    world.until(lambda: (_mac(world), world.address()) == (mac, leased))
    assert world.active() == OWNER
    assert world.profiles() == {OWNER}
    assert world.autoconnects()
