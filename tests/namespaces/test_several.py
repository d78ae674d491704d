"""Two gateways, each with its own line and state, on one real NetworkManager and one cable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.namespaces.gateway import Microcontroller, WorldGateway
from tests.namespaces.world import FAR, OWNER, World

FIXED = ("10.42.7.9", "10.42.7.10")
MACS = ("02:12:34:56:78:9a", "02:12:34:56:78:9b")


Pair = tuple[tuple[WorldGateway, Microcontroller], tuple[WorldGateway, Microcontroller]]


@pytest.fixture
def pair(world: World, tmp_path: Path) -> Iterator[Pair]:
    """Two gateways, and a microcontroller at each, online."""
    with (
        WorldGateway(world, tmp_path / "one") as one,
        Microcontroller.online(one) as client,
        WorldGateway(world, tmp_path / "two") as two,
        Microcontroller.online(two) as other,
    ):
        yield (one, client), (two, other)


def mac(world: World) -> str:
    return world.run("cat", "/sys/class/net/eth0/address")


def take_mac(world: World, client: Microcontroller, wanted: str) -> None:
    # News of what the other one did may come in between.
    client.query(f'AT+CIPETHMAC_CUR="{wanted}"')
    world.until(lambda: mac(world) == wanted and world.address() != "")


def profiles_of_gateways(world: World) -> list[str]:
    return [
        line
        for line in world.nmcli("-g", "NAME,UUID", "connection").splitlines()
        if line.startswith("ESP gateway")
    ]


def activations(world: World) -> int:
    """How often NetworkManager has activated anything: it numbers them."""
    paths = world.nmcli("-g", "ACTIVE-PATH", "connection", "show", "--active").split()
    return max(int(path.rpartition("/")[2]) for path in paths)


def test_both_say_what_is(world: World, pair: Pair) -> None:
    (_, client), (_, other) = pair
    assert client.query("AT+CIPETH?") == other.query("AT+CIPETH?")
    assert client.address() == world.address()
    assert world.profiles() == {OWNER}


def test_the_later_address_holds(world: World, pair: Pair) -> None:
    (_, client), (_, other) = pair
    client.ask(f'AT+CIPETH_CUR="{FIXED[0]}","{FAR}","255.255.255.0"')
    assert client.got_address() == other.got_address() == FIXED[0]
    assert client.address() == other.address() == world.address() == FIXED[0]
    other.ask(f'AT+CIPETH_CUR="{FIXED[1]}","{FAR}","255.255.255.0"')
    assert other.got_address() == FIXED[1]
    assert other.address() == world.address() == FIXED[1]
    world.until(lambda: client.address() == FIXED[1])
    assert world.profiles() == {OWNER}


def test_the_later_mac_holds_and_nobody_fights_for_it(world: World, pair: Pair) -> None:
    (one, client), (two, other) = pair
    take_mac(world, client, MACS[0])
    take_mac(world, other, MACS[1])
    one.wait_for_log("another gateway has set the MAC")
    # The one that has lost it has no profile left, and the other has its own.
    world.until(lambda: len(profiles_of_gateways(world)) == 1)
    begun = activations(world)
    assert other.value("AT+CIPETHMAC?") == mac(world) == MACS[1]
    assert one.log.count("another gateway has set the MAC") == 1
    # What is asked for later holds again.
    take_mac(world, client, MACS[0][:-2] + "77")
    two.wait_for_log("another gateway has set the MAC")
    world.until(lambda: len(profiles_of_gateways(world)) == 1)
    assert activations(world) == begun + 1


def test_a_stop_takes_nothing_from_the_other(world: World, pair: Pair) -> None:
    (one, client), (two, _) = pair
    take_mac(world, client, MACS[0])
    assert two.ends() == 0
    assert mac(world) == MACS[0]
    ours = profiles_of_gateways(world)
    assert len(ours) == 1
    assert "nothing" in two.release_network()
    assert mac(world) == MACS[0]
    assert profiles_of_gateways(world) == ours
    assert one.ends() == 0
    world.until(lambda: world.active() == OWNER)
    assert world.profiles() == {OWNER}


def test_a_start_beside_one_that_runs_deletes_nothing(
    world: World, pair: Pair, tmp_path: Path
) -> None:
    (_, client), (_, _) = pair
    take_mac(world, client, MACS[0])
    ours = profiles_of_gateways(world)
    # One whose record is a copy of the first one's.
    third = tmp_path / "three"
    (third / "state").mkdir(parents=True)
    copied = (tmp_path / "one" / "state" / "network.json").read_bytes()
    assert json.loads(copied)["profiles"]
    (third / "state" / "network.json").write_bytes(copied)
    with WorldGateway(world, third) as gateway, Microcontroller.online(gateway) as newcomer:
        assert newcomer.value("AT+CIPETHMAC?") == MACS[0]
        assert "is a copy" in gateway.log
        assert gateway.ends() == 0
    assert mac(world) == MACS[0]
    assert profiles_of_gateways(world) == ours
