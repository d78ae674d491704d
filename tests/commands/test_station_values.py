"""What the station's modes, DHCP, addresses and names bring about (contract, section 3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.services.network.simulated import World
from tests import fake_time
from tests.commands.dialog import OK, answer, dialog, hold, news, refused
from tests.commands.station_parts import HARDWARE_MAC, LEASED, NOWHERE, addresses
from tests.harness import Desk, at_desk


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


@pytest.mark.parametrize("joined", [False, True])
def test_switching_dhcp_leaves_a_stored_address_stored(joined: bool) -> None:
    fixed = ("192.168.100.77", "192.168.100.1", "255.255.255.0")
    heard = "⏎OK⏎WIFI GOT IP⏎" if joined else OK
    dialog(
        ('AT+CIPSTA_DEF="192.168.100.77"', heard),
        ("AT+CWDHCP=1,1", heard),
        ("AT+CWDHCP=1,0", OK),
        addresses("CIPSTA_DEF", fixed),
        ('AT+CIPSTA_CUR="192.168.100.88"', heard),
        # what _CUR has set is not for the disk
        ("AT+CWDHCP=1,0", OK),
        addresses("CIPSTA_DEF", fixed),
        joined=joined,
    )


def test_without_a_stored_address_the_leased_one_is_stored() -> None:
    dialog(("AT+CWDHCP=1,0", OK), addresses("CIPSTA_DEF", LEASED), joined=True)


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
        # the name that it has by itself was not asked for, and is pressed on nobody
        await hold(desk, ("AT+CWHOSTNAME?", "+CWHOSTNAME:ESP-5E0010⏎⏎OK⏎"))
        assert desk.session.gateway.wanted().station_host_name is None
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
