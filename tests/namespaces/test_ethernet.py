"""Ethernet by AT commands, on a real NetworkManager and a real DHCP server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.namespaces.gateway import Microcontroller, WorldGateway
from tests.namespaces.world import FAR, NAME, OWNER, World
from tests.system.line_client import OK

FIXED = "10.42.7.9"
OTHER_MAC = "02:12:34:56:78:9a"
OURS = "ESP gateway: Ethernet"


@contextlib.contextmanager
def online(world: World, folder: Path) -> Iterator[Microcontroller]:
    """A microcontroller at a gateway in `world`, online."""
    with WorldGateway(world, folder) as gateway, Microcontroller.online(gateway) as client:
        yield client


@pytest.fixture
def client(world: World, tmp_path: Path) -> Iterator[Microcontroller]:
    """A microcontroller that is online."""
    with online(world, tmp_path / "gateway") as made:
        yield made


def test_the_owners_connection_is_reported_and_left_alone(
    world: World, client: Microcontroller
) -> None:
    address, mac = world.address(), world.run("cat", "/sys/class/net/eth0/address")
    assert client.query("AT+CIPETH?") == (
        f'+CIPETH:ip:"{address}"\r\n+CIPETH:gateway:"{FAR}"\r\n+CIPETH:netmask:"255.255.255.0"\r\n'
    )
    assert client.value("AT+CIPETHMAC?") == mac
    assert client.query("AT+CIPDNS?") == f"+CIPDNS:{FAR}\r\n"
    assert f'+CIFSR:ETHIP,"{address}"\r\n+CIFSR:ETHMAC,"{mac}"' in client.query("AT+CIFSR")
    assert world.active() == OWNER
    assert world.profiles() == {OWNER}
    assert world.log("dnsmasq").count("DHCPACK") == 1


def test_a_fixed_address_and_dhcp_again(world: World, client: Microcontroller) -> None:
    leased = world.address()
    client.ask(f'AT+CIPETH_CUR="{FIXED}","{FAR}","255.255.255.0"')
    assert client.address() == FIXED
    assert client.got_address() == FIXED
    assert world.address() == FIXED
    assert f"default via {FAR}" in world.run("ip", "route")
    client.ask("AT+CWDHCP_CUR=3,1")
    assert client.got_address() == leased
    assert world.address() == leased
    assert client.query("AT+CIPDNS?") == f"+CIPDNS:{FAR}\r\n"
    assert world.active() == OWNER
    assert world.nmcli("-g", "ipv4.method", "connection", "show", OWNER) == "auto"


def test_dhcp_off_keeps_the_leased_address(world: World, client: Microcontroller) -> None:
    leased = world.address()
    client.ask("AT+CWDHCP_CUR=3,0")
    assert client.address() == leased
    assert client.query("AT+CIPDNS?") == f"+CIPDNS:{FAR}\r\n"
    # The next one that is told is the next one that is set: of this one there was no news.
    client.ask(f'AT+CIPETH_CUR="{FIXED}"')
    assert client.got_address() == FIXED


def test_another_mac_and_back_by_a_reset(world: World, client: Microcontroller) -> None:
    own = world.run("cat", "/sys/class/net/eth0/address")
    client.ask(f'AT+CIPETHMAC_CUR="{OTHER_MAC}"')
    assert client.value("AT+CIPETHMAC?") == OTHER_MAC
    leased = client.got_address()
    assert world.run("cat", "/sys/class/net/eth0/address") == OTHER_MAC
    assert (world.active(), world.address()) == (OURS, leased)
    assert f"{leased} {OTHER_MAC}" in world.log("dnsmasq")
    client.ask("AT+RST")
    client.expect(b"\r\nready\r\n")
    client.connected()
    assert world.run("cat", "/sys/class/net/eth0/address") == own
    assert world.active() == OWNER
    assert world.profiles() == {OWNER}


def test_the_host_name_is_told_to_the_dhcp_server(world: World, client: Microcontroller) -> None:
    client.ask('AT+CEHOSTNAME="cellar"')
    world.until(lambda: "client provides name: cellar" in world.log("dnsmasq"))
    assert world.run("hostname") != "cellar"


def test_the_cable_is_pulled_and_put_in(world: World, client: Microcontroller) -> None:
    leased = world.address()
    world.unplug()
    client.expect(b"+ETH_DISCONNECTED\r\n")
    assert client.address() == "0.0.0.0"
    world.plug()
    assert client.connected() == leased


def test_a_mac_outlives_a_cable_that_is_out_for_long(world: World, client: Microcontroller) -> None:
    """After some seconds NetworkManager gives up, and the owner's connection comes first."""
    client.ask(f'AT+CIPETHMAC_CUR="{OTHER_MAC}"')
    leased = client.got_address()
    world.unplug()
    client.expect(b"+ETH_DISCONNECTED\r\n")
    world.until(lambda: world.active() == "")
    world.plug()
    assert client.connected() == leased
    assert world.run("cat", "/sys/class/net/eth0/address") == OTHER_MAC


def test_a_name_is_looked_up_and_a_link_opened_through_the_cable(client: Microcontroller) -> None:
    client.ask(f'AT+CIPDOMAIN="{NAME}"', f"+CIPDOMAIN:{FAR}\r\n".encode() + OK)
    client.ask(f'AT+CIPSTART="TCP","{NAME}",53', b"CONNECT\r\n" + OK)
    # A question of RFC 1035 over TCP, for the address of that name.
    labels = b"".join(bytes([len(part)]) + part.encode() for part in NAME.split("."))
    question = b"\x12\x34\x01\x00\x00\x01\0\0\0\0\0\0" + labels + b"\0\0\x01\0\x01"
    client.send_payload(len(question).to_bytes(2) + question)
    answer = next(client.pushed())
    assert answer.endswith(bytes(map(int, FAR.split("."))))


def test_a_cable_that_nobody_has_a_profile_for_works(tmp_path: Path) -> None:
    """As on a module with Ethernet; and it is as before once the gateway has stopped."""
    with World(tmp_path, owner=False) as world:
        with WorldGateway(world, tmp_path / "gateway") as gateway:
            with Microcontroller(gateway) as client:
                leased = client.connected()
            assert (world.active(), world.address()) == (OURS, leased)
            assert gateway.ends() == 0
        assert world.profiles() == set()


def test_a_stored_address_is_there_from_the_start(world: World, tmp_path: Path) -> None:
    """The leased one is not even mentioned."""
    for _ in range(2):
        with (
            WorldGateway(world, tmp_path / "gateway") as gateway,
            Microcontroller(gateway) as client,
        ):
            address = client.connected()
            client.quiet()
            client.ask(f'AT+CIPETH_DEF="{FIXED}","{FAR}","255.255.255.0"')
    assert address == FIXED


def test_a_fixed_address_does_not_wait_for_dhcp(world: World, client: Microcontroller) -> None:
    """The owner's connection still asks for one, in vain, when the cable has just been put in."""
    world.stop_dhcp_server()
    world.unplug()
    client.expect(b"+ETH_DISCONNECTED\r\n")
    world.until(lambda: world.active() == "")
    world.plug()
    client.expect(b"+ETH_CONNECTED\r\n")
    world.until(lambda: world.active() == OWNER)
    client.ask(f'AT+CIPETH_CUR="{FIXED}"')
    assert client.got_address() == FIXED
    assert (world.active(), world.address()) == (OWNER, FIXED)


def test_a_fixed_address_while_the_owner_has_disconnected(
    world: World, client: Microcontroller
) -> None:
    """It takes a profile of ours; with nothing asked any more it is as the owner left it."""
    world.nmcli("device", "disconnect", "eth0")
    world.until(lambda: client.address() == "0.0.0.0")
    assert world.active() == ""
    client.ask(f'AT+CIPETH_CUR="{FIXED}","{FAR}","255.255.255.0"')
    assert client.got_address() == FIXED
    assert (world.active(), world.address()) == (OURS, FIXED)
    client.ask("AT+CWDHCP_CUR=3,1")
    world.until(lambda: world.profiles() == {OWNER})
    assert world.active() == ""


def test_the_owner_takes_another_connection(world: World, client: Microcontroller) -> None:
    """What was asked is brought to that one as well, and its profile stays as it is."""
    client.ask(f'AT+CIPETH_CUR="{FIXED}","{FAR}","255.255.255.0"')
    assert client.got_address() == FIXED
    world.nmcli("connection", "add", "type", "ethernet", "ifname", "eth0", "con-name", "other")
    world.nmcli("connection", "up", "other")
    assert world.active() == "other"
    world.until_address(FIXED)
    world.until(lambda: client.address() == FIXED)
    client.ask("AT+CWDHCP_CUR=3,1")
    leased = client.got_address()
    assert leased != FIXED
    assert (world.active(), world.address()) == ("other", leased)
