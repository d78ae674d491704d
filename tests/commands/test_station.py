"""The station's modes, DHCP, addresses and names, byte for byte (contract, section 3)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.services.network.simulated import World
from tests import fake_time
from tests.commands.dialog import OK, Pair, answer, dialog, hold, news, refused
from tests.harness import Desk, at_desk

HARDWARE_MAC = "02:a7:0d:5e:00:10"
LEASED = ("192.168.100.18", "192.168.100.1", "255.255.255.0")
NOWHERE = ("0.0.0.0",) * 3


def addresses(name: str, address: tuple[str, ...]) -> Pair:
    """The pair that asks for an address, gateway and mask."""
    rows = zip(("ip", "gateway", "netmask"), address, strict=True)
    text = "".join(f'+{name}:{field}:"{value}"⏎' for field, value in rows)
    return f"AT+{name}?", f"{text}⏎OK⏎"


@pytest.mark.parametrize(
    ("typed", "answered"),
    [
        ("AT+CWMODE?", "+CWMODE:1⏎⏎OK⏎"),
        ("AT+CWMODE=1", OK),
        ("AT+CWMODE=2", OK),
        ("AT+CWMODE=3", OK),
        ("AT+CWMODE=0", OK),
        ("AT+CWMODE=03", OK),
        ("AT+CWQAP", OK),
        ("AT+CWDHCP?", "+CWDHCP:7⏎⏎OK⏎"),
        ("AT+CWDHCP=1,1", OK),
        ("AT+CWDHCP=1,0", OK),
        ("AT+CWDHCP=2,0", OK),
        ("AT+CWDHCP=3,0", OK),
        ("AT+CWAUTOCONN?", "+CWAUTOCONN:1⏎⏎OK⏎"),
        ("AT+CWAUTOCONN=0", OK),
        ("AT+CWAUTOCONN=1", OK),
        ("AT+CIPSTAMAC?", f'+CIPSTAMAC:"{HARDWARE_MAC}"⏎⏎OK⏎'),
        ('AT+CIPSTAMAC="02:00:00:00:00:01"', OK),
        addresses("CIPSTA", NOWHERE),
        ('AT+CIPSTA="10.1.2.3"', OK),
        ('AT+CIPSTA="10.1.2.3","10.1.0.1","255.255.0.0"', OK),
        ("AT+CIPDNS?", "+CIPDNS:192.168.101.1⏎⏎OK⏎"),
        ("AT+CIPDNS_DEF?", OK),
        ("AT+CIPDNS=0", OK),
        ('AT+CIPDNS=1,"9.9.9.9"', OK),
        ('AT+CIPDNS=1,"9.9.9.9","1.1.1.1"', OK),
        ('AT+CIPDNS=1,"0.0.0.0"', "IP1 invalid⏎⏎ERROR⏎"),
        ('AT+CIPDNS=1,"0.0.0.0","1.1.1.1"', "IP1 invalid⏎⏎ERROR⏎"),
        ('AT+CIPDNS=1,"9.9.9.9","0.0.0.0"', "IP2 invalid⏎⏎ERROR⏎"),
        ("AT+CWHOSTNAME?", "+CWHOSTNAME:ESP-5E0010⏎⏎OK⏎"),
        ('AT+CWHOSTNAME="a"', OK),
        ('AT+CWHOSTNAME="' + "a" * 32 + '"', OK),
        ('AT+CWHOSTNAME="my-Pi-4"', OK),
        ('AT+CWHOSTNAME="4"', OK),
    ],
)
def test_reply_while_not_joined(typed: str, answered: str) -> None:
    dialog((typed, answered))


REFUSED = """
    AT+CWMODE AT+CWMODE= AT+CWMODE=4 AT+CWMODE=-1 AT+CWMODE=1,1 AT+CWMODE=1, AT+CWMODE=,1
    AT+CWMODE="1" AT+CWMODE=a AT+CWMODE=1a AT+CWMODE=0x1 AT+CWMODE=1.0 AT+CWMODE=+1
    AT+CWMODE=256 AT+CWMODE=65537 AT+CWMODE=4294967297 AT+CWMODE=18446744073709551617
    AT+CWMODE=? AT+CWMODE?1 AT+CWMODE?? AT+CWMODE1 AT+CWMODE=1? AT+cwmode? at+CWMODE?
    AT+CWMODE_CUR AT+CWMODE_CUR=4 AT+CWMODE_DEF=4 AT+CWMODE_CUR=? AT+CWMODE_TMP? AT+CWMODE_?
    AT+CWMODE_CURR? AT+CWMODE_CU? AT+CWMODE_DEF_CUR? AT+CWMODE_cur? AT+CWQAP? AT+CWQAP=
    AT+CWQAP=1 AT+CWQAP_CUR AT+CWDHCP AT+CWDHCP= AT+CWDHCP=1 AT+CWDHCP=1, AT+CWDHCP=,1
    AT+CWDHCP=4,1 AT+CWDHCP=-1,1 AT+CWDHCP=1,2 AT+CWDHCP=1,-1 AT+CWDHCP=1,1,1
    AT+CWDHCP="1",1 AT+CWDHCP=1,"1" AT+CWDHCP=0,1 AT+CWDHCP=0,0 AT+CWDHCP=4294967297,1
    AT+CWDHCP=1,01 AT+CWDHCP=? AT+CWDHCP?1 AT+CWAUTOCONN AT+CWAUTOCONN= AT+CWAUTOCONN=2
    AT+CWAUTOCONN=-1 AT+CWAUTOCONN="1" AT+CWAUTOCONN=1,1 AT+CWAUTOCONN=? AT+CWAUTOCONN_DEF?
    AT+CWAUTOCONN_DEF=1 AT+CIPSTAMAC AT+CIPSTAMAC= AT+CIPSTAMAC=""
    AT+CIPSTAMAC=02:00:00:00:00:01 AT+CIPSTAMAC="02:00:00:00:00"
    AT+CIPSTAMAC="02:00:00:00:00:01:02" AT+CIPSTAMAC="02-00-00-00-00-01"
    AT+CIPSTAMAC="00:00:00:00:00:00" AT+CIPSTAMAC="01:00:5e:00:00:01"
    AT+CIPSTAMAC="ff:ff:ff:ff:ff:ff" AT+CIPSTAMAC="02:00:00:00:00:0g"
    AT+CIPSTAMAC="02:00:00:00:00:01",1 AT+CIPSTAMAC="02:00:00:00:00:01
    AT+CIPSTAMAC=02:00:00:00:00:01" AT+CIPSTAMAC=? AT+CIPSTA AT+CIPSTA= AT+CIPSTA=""
    AT+CIPSTA=10.1.2.3 AT+CIPSTA="10.1.2" AT+CIPSTA="10.1.2.3.4" AT+CIPSTA="256.1.2.3"
    AT+CIPSTA="-1.1.2.3" AT+CIPSTA="4294967297.1.2.3" AT+CIPSTA="a.b.c.d"
    AT+CIPSTA="0.0.0.0" AT+CIPSTA="0.0.0.0","10.1.2.1","255.255.255.0" AT+CIPSTA="10.1.2.3
    AT+CIPSTA=10.1.2.3" AT+CIPSTA="10.1.2.3", AT+CIPSTA="10.1.2.3","10.1.2.1"
    AT+CIPSTA="10.1.2.3","10.1.2.1", AT+CIPSTA="10.1.2.3",,"255.255.255.0"
    AT+CIPSTA="10.1.2.3"x AT+CIPSTA="10.1.2.3","10.1.2.1","255.0.255.0"
    AT+CIPSTA="10.1.2.3","10.1.2.1","0.0.0.0" AT+CIPSTA="10.1.2.3","10.1.2.1","24"
    AT+CIPSTA="10.1.2.3","gw","255.255.255.0"
    AT+CIPSTA="10.1.2.3","10.1.2.1","255.255.255.0",1 AT+CIPSTA="10.1.2.3""10.1.2.1"
    AT+CIPSTA=? AT+CIPDNS AT+CIPDNS= AT+CIPDNS=1 AT+CIPDNS=2 AT+CIPDNS=2,"9.9.9.9"
    AT+CIPDNS=1,9.9.9.9 AT+CIPDNS=0,"9.9.9.9" AT+CIPDNS=1,"dns.example"
    AT+CIPDNS=1,,"9.9.9.9" AT+CIPDNS="9.9.9.9" AT+CIPDNS=1,"9.9.9.9","1.1.1.1","8.8.8.8"
    AT+CIPDNS=1,"9.9.9.9", AT+CIPDNS=1,"" AT+CIPDNS=? AT+CWHOSTNAME AT+CWHOSTNAME=
    AT+CWHOSTNAME="" AT+CWHOSTNAME=pi AT+CWHOSTNAME="a.b" AT+CWHOSTNAME="-a"
    AT+CWHOSTNAME="a-" AT+CWHOSTNAME="a_b" AT+CWHOSTNAME="a","b" AT+CWHOSTNAME="pi
    AT+CWHOSTNAME=pi" AT+CWHOSTNAME="ä" AT+CWHOSTNAME_CUR? AT+CWHOSTNAME=?
""".split()


@pytest.mark.parametrize(
    "line",
    [
        *REFUSED,
        "AT+CWMODE= 1",
        "AT+CWMODE=1 ",
        "AT+CWMODE =1",
        "AT +CWMODE?",
        "AT+CWMODE? ",
        'AT+CWHOSTNAME="a b"',
        'AT+CWHOSTNAME="' + "a" * 33 + '"',
        'AT+CIPSTA=" 10.1.2.3"',
        'AT+CIPSTA= "10.1.2.3"',
        'AT+CIPSTA="10.1.2.3", "10.1.2.1","255.255.255.0"',
    ],
)
def test_refused(line: str) -> None:
    refused(line)


@pytest.mark.parametrize(
    "line",
    [
        "AT+CWJAP?",
        "AT+CWJAP_CUR?",
        "AT+CWJAP_DEF?",
        'AT+CWJAP="esp-at-sim","password"',
        'AT+CWJAP_CUR="esp-at-sim","password"',
        "AT+CWLAP",
        'AT+CWLAP="esp-at-sim"',
        "AT+CIPSTA?",
        "AT+CIPSTA_DEF?",
        'AT+CIPSTA="10.1.2.3"',
        'AT+CIPSTA_DEF="10.1.2.3"',
        'AT+CWHOSTNAME="pi"',
        "AT+CWDHCP=1,1",
        "AT+CWDHCP=1,0",
    ],
)
def test_refused_without_a_station(line: str) -> None:
    refused(line, mode=2)


@pytest.mark.parametrize(
    ("typed", "answered"),
    [
        ("AT+CWHOSTNAME?", "+CWHOSTNAME:ESP-5E0010⏎⏎OK⏎"),
        ("AT+CIPSTAMAC?", f'+CIPSTAMAC:"{HARDWARE_MAC}"⏎⏎OK⏎'),
        ("AT+CWDHCP=0,0", OK),
        ("AT+CWDHCP=2,0", OK),
        ("AT+CWDHCP=3,1", OK),
        ("AT+CWQAP", OK),
        ("AT+CWAUTOCONN=1", OK),
        ("AT+CIPDNS=0", OK),
    ],
)
def test_allowed_without_a_station(typed: str, answered: str) -> None:
    dialog((typed, answered), mode=2)


def test_dhcp_of_each_interface_has_its_bit() -> None:
    dialog(
        ("AT+CWDHCP_CUR=0,0", OK),
        ("AT+CWDHCP?", "+CWDHCP:6⏎⏎OK⏎"),
        ("AT+CWDHCP_CUR=1,0", OK),
        ("AT+CWDHCP?", "+CWDHCP:4⏎⏎OK⏎"),
        ("AT+CWDHCP_CUR=3,0", OK),
        ("AT+CWDHCP?", "+CWDHCP:0⏎⏎OK⏎"),
        ("AT+CWDHCP_CUR=2,1", OK),
        ("AT+CWDHCP?", "+CWDHCP:3⏎⏎OK⏎"),
        ("AT+CWDHCP_CUR=2,0", OK),
        ("AT+CWDHCP_CUR=3,1", OK),
        ("AT+CWDHCP?", "+CWDHCP:4⏎⏎OK⏎"),
        mode=3,
    )


def test_dhcp_without_an_ethernet_interface() -> None:
    refused("AT+CWDHCP=3,1", world=World(ethernet=False, pace=0))


def test_an_address_set_while_joined_acts_at_once() -> None:
    dialog(
        addresses("CIPSTA", LEASED),
        ('AT+CIPSTA_CUR="10.1.2.3"', "⏎OK⏎WIFI GOT IP⏎"),
        addresses("CIPSTA", ("10.1.2.3", "10.1.2.1", "255.255.255.0")),
        ("AT+CWDHCP?", "+CWDHCP:5⏎⏎OK⏎"),
        ('AT+CIPSTA_CUR="10.1.2.3","10.1.0.1","255.255.0.0"', "⏎OK⏎WIFI GOT IP⏎"),
        addresses("CIPSTA_CUR", ("10.1.2.3", "10.1.0.1", "255.255.0.0")),
        addresses("CIPSTA_DEF", NOWHERE),
        # what changes nothing touches nothing
        ('AT+CIPSTA_CUR="10.1.2.3","10.1.0.1","255.255.0.0"', OK),
        ("AT+CWDHCP_CUR=1,1", "⏎OK⏎WIFI GOT IP⏎"),
        addresses("CIPSTA", LEASED),
        joined=True,
    )


def test_without_dhcp_and_address_the_leased_one_stays() -> None:
    dialog(
        ("AT+CWDHCP_CUR=1,0", OK),
        addresses("CIPSTA", LEASED),
        ("AT+CWQAP", "⏎OK⏎WIFI DISCONNECT⏎"),
        addresses("CIPSTA", NOWHERE),
        ('AT+CWJAP_CUR="esp-at-open",""', "WIFI CONNECTED⏎WIFI GOT IP⏎⏎OK⏎"),
        addresses("CIPSTA", LEASED),
        joined=True,
    )


def test_dhcp_forgets_the_address_from_use_and_not_from_store() -> None:
    dialog(
        ('AT+CIPSTA="10.1.2.3"', "⏎OK⏎WIFI GOT IP⏎"),
        ("AT+CWDHCP=1,1", "⏎OK⏎WIFI GOT IP⏎"),
        addresses("CIPSTA", LEASED),
        addresses("CIPSTA_DEF", ("10.1.2.3", "10.1.2.1", "255.255.255.0")),
        # 1,0 fixes the leased address, not the forgotten one
        ("AT+CWDHCP_CUR=1,0", OK),
        addresses("CIPSTA", LEASED),
        joined=True,
    )


def test_a_fixed_address_is_the_one_that_a_join_gives() -> None:
    dialog(
        ('AT+CIPSTA_CUR="10.1.2.3"', OK),
        addresses("CIPSTA_CUR", NOWHERE),
        ('AT+CWJAP_CUR="esp-at-sim","password"', "WIFI CONNECTED⏎WIFI GOT IP⏎⏎OK⏎"),
        addresses("CIPSTA_CUR", ("10.1.2.3", "10.1.2.1", "255.255.255.0")),
    )


def test_name_servers_in_use_and_ones_own() -> None:
    dialog(
        ("AT+CIPDNS?", "+CIPDNS:192.168.100.1⏎⏎OK⏎"),
        ('AT+CIPDNS_CUR=1,"9.9.9.9","1.1.1.1"', OK),
        ("AT+CIPDNS?", "+CIPDNS:9.9.9.9⏎+CIPDNS:1.1.1.1⏎⏎OK⏎"),
        ("AT+CIPDNS_CUR?", "+CIPDNS_CUR:9.9.9.9⏎+CIPDNS_CUR:1.1.1.1⏎⏎OK⏎"),
        ("AT+CIPDNS_DEF?", OK),
        ('AT+CIPDNS_DEF=1,"8.8.8.8"', OK),
        ("AT+CIPDNS_DEF?", "+CIPDNS_DEF:8.8.8.8⏎⏎OK⏎"),
        ("AT+CIPDNS?", "+CIPDNS:8.8.8.8⏎⏎OK⏎"),
        ("AT+CIPDNS_CUR=0", OK),
        ("AT+CIPDNS?", "+CIPDNS:192.168.100.1⏎⏎OK⏎"),
        ("AT+CIPDNS_DEF?", "+CIPDNS_DEF:8.8.8.8⏎⏎OK⏎"),
        joined=True,
    )


def test_another_mac_is_shown_at_once_in_lower_case() -> None:
    dialog(
        ('AT+CIPSTAMAC_CUR="0A:BC:DE:F0:12:34"', OK),
        ("AT+CIPSTAMAC?", '+CIPSTAMAC:"0a:bc:de:f0:12:34"⏎⏎OK⏎'),
        ("AT+CIPSTAMAC_DEF?", f'+CIPSTAMAC_DEF:"{HARDWARE_MAC}"⏎⏎OK⏎'),
        ("AT+CWHOSTNAME?", "+CWHOSTNAME:ESP-F01234⏎⏎OK⏎"),
    )


def test_another_mac_while_joined_joins_anew() -> None:
    dialog(
        (
            'AT+CIPSTAMAC_CUR="02:00:00:00:00:01"',
            "⏎OK⏎WIFI DISCONNECT⏎WIFI CONNECTED⏎WIFI GOT IP⏎",
        ),
        joined=True,
    )


def test_a_host_name_is_told_to_dhcp_and_nothing_is_stored() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        before = desk.settings.in_force, desk.settings.stored
        await hold(
            desk,
            ('AT+CWHOSTNAME="garden"', OK),
            ("AT+CWHOSTNAME?", "+CWHOSTNAME:garden⏎⏎OK⏎"),
        )
        assert desk.session.gateway.wanted().station_host_name == "garden"
        assert (desk.settings.in_force, desk.settings.stored) == before

    at_desk(work)


class TestModes:
    """AT+CWMODE while joined."""

    @pytest.mark.parametrize("mode", [0, 1, 3])
    def test_a_mode_with_station_keeps_it_joined(self, mode: int) -> None:
        dialog(
            (f"AT+CWMODE_CUR={mode}", OK),
            ("AT+CWMODE_CUR?", f"+CWMODE_CUR:{mode or 1}⏎⏎OK⏎"),
            addresses("CIPSTA", LEASED),
            joined=True,
        )

    def test_a_mode_without_leaves_the_access_point(self) -> None:
        dialog(
            ("AT+CWMODE_CUR=2", "⏎OK⏎WIFI DISCONNECT⏎"),
            ("AT+CWMODE_CUR?", "+CWMODE_CUR:2⏎⏎OK⏎"),
            ("AT+CWMODE_CUR=1", OK),
            ("AT+CWJAP?", "No AP⏎⏎OK⏎"),
            joined=True,
        )

    def test_zero_is_stored_as_one(self) -> None:
        dialog(
            ("AT+CWMODE_DEF=3", OK),
            ("AT+CWMODE_DEF=0", OK),
            ("AT+CWMODE_DEF?", "+CWMODE_DEF:1⏎⏎OK⏎"),
        )


def test_ethernets_name_servers_are_in_use_while_not_joined() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        await hold(desk, ("AT+CIPDNS?", "+CIPDNS:192.168.101.1⏎⏎OK⏎"))
        desk.network.unplug_ethernet()
        assert await news(desk) == "+ETH_DISCONNECTED⏎"
        assert await answer(desk, "AT+CIPDNS?") == OK

    at_desk(work, replace(World(), pace=0))


@pytest.mark.parametrize(
    "line",
    [
        "AT+CWMODE=3",
        "AT+CWMODE=2",
        "AT+CWMODE_CUR=0",
        "AT+CWQAP",
        "AT+CWDHCP=1,0",
        "AT+CWDHCP=2,1",
        "AT+CWDHCP=3,0",
        "AT+CWAUTOCONN=0",
        'AT+CIPSTAMAC="02:00:00:00:00:01"',
        'AT+CIPSTA="10.1.2.3"',
        'AT+CIPDNS=1,"9.9.9.9"',
        'AT+CWHOSTNAME="pi"',
        'AT+CIPAPMAC="02:00:00:00:00:01"',
        'AT+CIPETH="10.1.2.3"',
        'AT+CIPETHMAC="02:00:00:00:00:01"',
        "AT+CIPSTA?",
        "AT+CIPDNS?",
        "AT+CWJAP?",
    ],
)
def test_a_reply_waits_for_no_network(line: str) -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert OK in await answer(desk, line)
        assert loop.time() == began

    at_desk(work, World(), runner=fake_time.run)


def test_a_join_waits_for_what_is_under_way() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.type('AT+CIPSTAMAC_CUR="02:00:00:00:00:01"\r\nAT+CWMODE_CUR=3\r\n')
        desk.type('AT+CIPSTA_CUR="10.1.2.3"\r\nAT+CWJAP_CUR="esp-at-sim","password"\r\n')
        await desk.expect(b"WIFI GOT IP\r\n\r\nOK\r\n")
        await hold(
            desk,
            addresses("CIPSTA", ("10.1.2.3", "10.1.2.1", "255.255.255.0")),
            ("AT+CIPSTAMAC?", '+CIPSTAMAC:"02:00:00:00:00:01"⏎⏎OK⏎'),
        )

    at_desk(work, World(), runner=fake_time.run)


def test_a_set_that_changes_nothing_touches_nothing() -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        await hold(
            desk,
            ("AT+CWMODE=1", OK),
            ("AT+CWDHCP=1,1", OK),
            ("AT+CWDHCP=3,1", OK),
            ("AT+CWAUTOCONN=1", OK),
            ("AT+CIPDNS=0", OK),
            (f'AT+CIPSTAMAC_CUR="{HARDWARE_MAC}"', OK),
            ("AT+CWJAP?", await answer(desk, "AT+CWJAP?")),
        )
        assert not desk.settings_folder.exists()

    at_desk(work)
