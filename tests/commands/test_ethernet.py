"""Ethernet, byte for byte (contract, section 5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.services.network.simulated import World
from tests.commands.dialog import OK, Pair, dialog, hold, news, refused
from tests.harness import Desk, at_desk
from tests.served import Served, serve

MAC = "02:a7:0d:5e:00:12"
LEASED = ("192.168.101.20", "192.168.101.1", "255.255.255.0")
NOWHERE = ("0.0.0.0",) * 3
NO_ETHERNET = World(ethernet=False, pace=0)


def address(name: str, found: tuple[str, ...]) -> Pair:
    """The pair that asks for Ethernet's address."""
    rows = zip(("ip", "gateway", "netmask"), found, strict=True)
    text = "".join(f'+{name}:{field}:"{value}"⏎' for field, value in rows)
    return f"AT+{name}?", f"{text}⏎OK⏎"


@pytest.mark.parametrize("mode", [1, 2, 3])
@pytest.mark.parametrize(
    "pair",
    [
        ("AT+CIPETHMAC?", f'+CIPETHMAC:"{MAC}"⏎⏎OK⏎'),
        ("AT+CIPETHMAC_DEF?", f'+CIPETHMAC_DEF:"{MAC}"⏎⏎OK⏎'),
        address("CIPETH", LEASED),
        address("CIPETH_CUR", LEASED),
        address("CIPETH_DEF", NOWHERE),
        ("AT+CEHOSTNAME?", "+CEHOSTNAME:ESP-5E0012⏎⏎OK⏎"),
        ('AT+CEHOSTNAME="cellar"', OK),
    ],
)
def test_reply_in_any_mode(pair: Pair, mode: int) -> None:
    dialog(pair, mode=mode)


REFUSED = """
    AT+CIPETHMAC AT+CIPETHMAC= AT+CIPETHMAC="" AT+CIPETHMAC="00:00:00:00:00:00"
    AT+CIPETHMAC="01:00:00:00:00:01" AT+CIPETHMAC="02:00:00:00:00:01",1 AT+CIPETHMAC=?
    AT+CIPETHMAC="0200000000" AT+CIPETHMAC=020000000001 AT+CIPETHMAC_CUR AT+CIPETHMAC_TMP?
    AT+CIPETH AT+CIPETH= AT+CIPETH="" AT+CIPETH=10.1.2.3 AT+CIPETH="0.0.0.0" AT+CIPETH="10.1.2"
    AT+CIPETH="10.1.2.3","10.1.2.1" AT+CIPETH="10.1.2.3","10.1.2.1","255.255.1.0" AT+CIPETH=?
    AT+CIPETH="10.1.2.3","10.1.2.1","255.255.255.0",1 AT+CIPETH="10.1.2.999" AT+CIPETH?1
    AT+CEHOSTNAME AT+CEHOSTNAME= AT+CEHOSTNAME="" AT+CEHOSTNAME=pi AT+CEHOSTNAME="a.b"
    AT+CEHOSTNAME="-a" AT+CEHOSTNAME="a_b" AT+CEHOSTNAME_DEF? AT+CEHOSTNAME=?
    AT+CEHOSTNAME="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" AT+ceHOSTNAME?
""".split()


@pytest.mark.parametrize("line", REFUSED)
def test_refused(line: str) -> None:
    refused(line)


@pytest.mark.parametrize(
    "line",
    [
        "AT+CIPETHMAC?",
        "AT+CIPETHMAC_DEF?",
        'AT+CIPETHMAC="02:00:00:00:00:01"',
        "AT+CIPETH?",
        "AT+CIPETH_DEF?",
        'AT+CIPETH="10.1.2.3"',
        "AT+CEHOSTNAME?",
        'AT+CEHOSTNAME="cellar"',
    ],
)
def test_refused_without_such_an_interface(line: str) -> None:
    refused(line, world=NO_ETHERNET)


def test_a_stored_mac_does_not_make_an_interface(tmp_path: Path) -> None:
    async def with_interface(served: Served) -> None:
        await served.ask('AT+CIPETHMAC="02:00:00:00:00:01"')

    async def without(served: Served) -> None:
        await served.quiet()
        assert served.settings.stored.ethernet_mac == "02:00:00:00:00:01"
        await served.refused("AT+CIPETHMAC?")
        await served.refused("AT+CIPETHMAC_DEF?")

    serve(with_interface, tmp_path)
    serve(without, tmp_path, NO_ETHERNET)


def test_a_fixed_address_acts_at_once_and_dhcp_ends_it() -> None:
    dialog(
        ('AT+CIPETH_CUR="10.1.2.3"', "⏎OK⏎+ETH_GOT_IP:10.1.2.3⏎"),
        address("CIPETH", ("10.1.2.3", "10.1.2.1", "255.255.255.0")),
        address("CIPETH_DEF", NOWHERE),
        ("AT+CWDHCP?", "+CWDHCP:3⏎⏎OK⏎"),
        ('AT+CIPETH_CUR="10.1.2.3","10.1.0.1","255.255.0.0"', "⏎OK⏎+ETH_GOT_IP:10.1.2.3⏎"),
        ("AT+CWDHCP_CUR=3,1", "⏎OK⏎+ETH_GOT_IP:192.168.101.20⏎"),
        address("CIPETH", LEASED),
        ("AT+CWDHCP_CUR=3,0", OK),
        address("CIPETH", LEASED),
    )


def test_switching_dhcp_leaves_a_stored_address_stored() -> None:
    dialog(
        ('AT+CIPETH_DEF="10.1.2.3"', "⏎OK⏎+ETH_GOT_IP:10.1.2.3⏎"),
        ("AT+CWDHCP=3,1", "⏎OK⏎+ETH_GOT_IP:192.168.101.20⏎"),
        ("AT+CWDHCP=3,0", OK),
        address("CIPETH_DEF", ("10.1.2.3", "10.1.2.1", "255.255.255.0")),
    )


def test_another_mac_and_host_name() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        await hold(
            desk,
            ('AT+CEHOSTNAME="cellar"', OK),
            ("AT+CEHOSTNAME?", "+CEHOSTNAME:cellar⏎⏎OK⏎"),
            # another MAC leases another address
            ('AT+CIPETHMAC_CUR="02:AB:00:00:00:01"', "⏎OK⏎+ETH_GOT_IP:192.168.101.3⏎"),
            ("AT+CIPETHMAC?", '+CIPETHMAC:"02:ab:00:00:00:01"⏎⏎OK⏎'),
            ("AT+CIPETHMAC_DEF?", f'+CIPETHMAC_DEF:"{MAC}"⏎⏎OK⏎'),
        )
        assert desk.session.gateway.wanted().ethernet_host_name == "cellar"
        assert desk.session.gateway.wanted().station_host_name is None

    at_desk(work)


def test_the_cable_is_pulled_and_put_in() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.network.unplug_ethernet()
        assert await news(desk) == "+ETH_DISCONNECTED⏎"
        await hold(desk, address("CIPETH", NOWHERE))
        desk.network.plug_ethernet()
        assert await news(desk) == "+ETH_CONNECTED⏎+ETH_GOT_IP:192.168.101.20⏎"
        await hold(desk, address("CIPETH", LEASED))

    at_desk(work)


def test_nothing_is_said_of_ethernet_where_there_is_none() -> None:
    async def work(desk: Desk) -> None:
        assert await news(desk) == ""
        await desk.quiet()
        desk.network.plug_ethernet()
        assert await news(desk) == ""

    at_desk(work, NO_ETHERNET)
