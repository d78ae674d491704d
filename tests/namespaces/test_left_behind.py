"""A start finds what a kill has left, and leaves alone what is protected."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.namespaces.gateway import Microcontroller, WorldGateway
from tests.namespaces.world import OWNER, World

OTHER_MAC = "02:12:34:56:78:9a"


def _mac(world: World) -> str:
    return world.run("cat", "/sys/class/net/eth0/address")


def _name_servers(world: World) -> str:
    return world.nmcli("-g", "IP4.DNS", "device", "show", "eth0")


@pytest.mark.parametrize(
    "command",
    [
        'AT+CIPETH_CUR="10.42.7.9"',
        f'AT+CIPETHMAC_CUR="{OTHER_MAC}"',
        'AT+CIPDNS_CUR=1,"9.9.9.9"',
    ],
)
def test_what_counted_until_the_reset_is_gone_after_a_kill(tmp_path: Path, command: str) -> None:
    """Also where nobody but the gateway has a profile for the cable."""

    def now(world: World) -> tuple[str, str, str]:
        return world.address(), _mac(world), _name_servers(world)

    with World(tmp_path, owner=False) as world:
        with WorldGateway(world, tmp_path / "gateway") as gateway:
            with Microcontroller.online(gateway) as client:
                before = now(world)
                client.ask(command)
                world.until(lambda: now(world)[0] != "" and now(world) != before)
            gateway.ends(signal.SIGKILL)
        with WorldGateway(world, tmp_path / "gateway") as gateway, Microcontroller.online(gateway):
            world.until(lambda: now(world) == before)
            assert len(world.profiles()) == 1


def test_a_protected_cable_keeps_its_mac_though_networkmanager_starts_last(
    world: World, tmp_path: Path
) -> None:
    own = _mac(world)
    with WorldGateway(world, tmp_path / "gateway") as gateway:
        with Microcontroller.online(gateway) as client:
            client.ask(f'AT+CIPETHMAC_DEF="{OTHER_MAC}"')
            client.got_address()
        assert gateway.ends() == 0
    world.until(lambda: world.active() == OWNER and _mac(world) == own)
    world.stop_network_manager()
    gateway = WorldGateway(world, tmp_path / "gateway")
    with (tmp_path / "gateway" / "gateway.toml").open("a", encoding="utf-8") as configuration:
        configuration.write("protect_owner = true\n")
    with gateway, Microcontroller(gateway) as client:
        client.quiet()
        world.start_network_manager()
        gateway.wait_for_log("protect_owner")
        client.connected()
        assert (world.active(), _mac(world)) == (OWNER, own)
        assert world.profiles() == {OWNER}
