"""The gateway's own access point, byte for byte (contract, section 4)."""

from __future__ import annotations

import pytest

from gateway.services.api import Address, Encryption, SoftApSettings
from tests.commands.dialog import ERROR, OK, Pair, dialog, hold, news, refused
from tests.harness import Desk, at_desk
from tests.peers import listening

MAC = "02:a7:0d:5e:00:11"
FACTORY = '"ESP_5E0011","",1,0,4,0'
FACTORY_ADDRESS = ("192.168.4.1", "192.168.4.1", "255.255.255.0")


def shows(name: str, values: str) -> Pair:
    """The pair that asks for a value on one line."""
    return f"AT+{name}?", f"+{name}:{values}⏎⏎OK⏎"


def address(name: str, ip: str, gateway: str, netmask: str) -> Pair:
    """The pair that asks for the SoftAP's address."""
    return (
        f"AT+{name}?",
        f'+{name}:ip:"{ip}"⏎+{name}:gateway:"{gateway}"⏎+{name}:netmask:"{netmask}"⏎⏎OK⏎',
    )


def on_air(desk: Desk) -> bool:
    """Whether clients can join the SoftAP now."""
    return desk.network.softap.on_air


@pytest.mark.parametrize("mode", [2, 3])
@pytest.mark.parametrize(
    "pair",
    [
        shows("CWSAP", FACTORY),
        shows("CWSAP_CUR", FACTORY),
        shows("CWSAP_DEF", FACTORY),
        shows("CIPAPMAC", f'"{MAC}"'),
        address("CIPAP", *FACTORY_ADDRESS),
        address("CIPAP_CUR", *FACTORY_ADDRESS),
        address("CIPAP_DEF", *FACTORY_ADDRESS),
    ],
)
def test_factory_values(pair: Pair, mode: int) -> None:
    dialog(pair, mode=mode)


@pytest.mark.parametrize(
    "line",
    [
        "AT+CWSAP?",
        "AT+CWSAP_DEF?",
        'AT+CWSAP="mine","password",5,3',
        'AT+CWSAP_CUR="mine","password",5,3',
        "AT+CIPAP?",
        "AT+CIPAP_DEF?",
        'AT+CIPAP="10.0.0.1"',
        'AT+CIPAP_CUR="10.0.0.1"',
    ],
)
def test_refused_without_a_softap(line: str) -> None:
    refused(line, mode=1)


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_the_mac_in_any_mode(mode: int) -> None:
    dialog(
        shows("CIPAPMAC", f'"{MAC}"'),
        ('AT+CIPAPMAC_CUR="02:AA:bb:CC:00:01"', OK),
        shows("CIPAPMAC", '"02:aa:bb:cc:00:01"'),
        shows("CIPAPMAC_DEF", f'"{MAC}"'),
        mode=mode,
    )


@pytest.mark.parametrize(
    ("arguments", "shown", "softap"),
    [
        (
            '"mine","password",5,3',
            '"mine","password",5,3,4,0',
            SoftApSettings(b"mine", b"password", 5, Encryption.WPA2),
        ),
        (
            '"mine","password",1,4,1,1',
            '"mine","password",1,4,1,1',
            SoftApSettings(b"mine", b"password", 1, Encryption.WPA_WPA2, 1, True),
        ),
        (
            '"mine","",13,0,8,0',
            '"mine","",13,0,8,0',
            SoftApSettings(b"mine", b"", 13, Encryption.OPEN, 8),
        ),
        (
            # open whatever ecn says, and shown as set
            '"mine","",13,3',
            '"mine","",13,3,4,0',
            SoftApSettings(b"mine", b"", 13, Encryption.WPA2),
        ),
        (
            '"mine","password",5,2,,1',
            '"mine","password",5,2,4,1',
            SoftApSettings(b"mine", b"password", 5, Encryption.WPA, 4, True),
        ),
        (
            '"mine","' + "p" * 63 + '",5,3',
            '"mine","' + "p" * 63 + '",5,3,4,0',
            SoftApSettings(b"mine", b"p" * 63, 5, Encryption.WPA2),
        ),
        (
            '"' + "s" * 32 + '","password",5,3',
            '"' + "s" * 32 + '","password",5,3,4,0',
            SoftApSettings(b"s" * 32, b"password", 5, Encryption.WPA2),
        ),
        (
            r'"a\"b\,c\\d\e","pass,w\"o\rd",5,3',
            r'"a"b,c\d\e","pass,w"o\rd",5,3,4,0',
            SoftApSettings(rb'a"b,c\d\e', rb'pass,w"o\rd', 5, Encryption.WPA2),
        ),
    ],
)
def test_what_is_set_is_shown(arguments: str, shown: str, softap: SoftApSettings) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        await hold(
            desk,
            ("AT+CWMODE_CUR=2", OK),
            (f"AT+CWSAP_CUR={arguments}", OK),
            shows("CWSAP", shown),
            shows("CWSAP_DEF", FACTORY),
        )
        assert desk.settings.in_force.softap == softap
        assert desk.session.gateway.wanted().softap == softap

    at_desk(work)


REFUSED = """
    AT+CWSAP AT+CWSAP= AT+CWSAP="mine" AT+CWSAP="mine","password" AT+CWSAP="mine","password",5
    AT+CWSAP="","password",5,3 AT+CWSAP="mine","passwor",5,3 AT+CWSAP="mine","p",5,3
    AT+CWSAP="mine","password",0,3 AT+CWSAP="mine","password",14,3 AT+CWSAP="mine","password",-1,3
    AT+CWSAP="mine","password",4294967301,3 AT+CWSAP="mine","password","5",3
    AT+CWSAP="mine","password",5,1 AT+CWSAP="mine","password",5,5 AT+CWSAP="mine","password",5,-1
    AT+CWSAP="mine","password",5,4294967299 AT+CWSAP="mine","password",5,3,0
    AT+CWSAP="mine","password",5,3,9 AT+CWSAP="mine","password",5,3,4,2
    AT+CWSAP="mine","password",5,3,4,-1 AT+CWSAP="mine","password",5,3,4,0,1
    AT+CWSAP="mine","password",5,3, AT+CWSAP="mine","password",5,3,4, AT+CWSAP="mine","password",,3
    AT+CWSAP=mine,"password",5,3 AT+CWSAP="mine",password,5,3 AT+CWSAP="mine","password,5,3
    AT+CWSAP="mine,"password",5,3 AT+CWSAP=? AT+CWSAP?1 AT+cwsap? AT+CWSAP_TMP?
    AT+CIPAP AT+CIPAP= AT+CIPAP="" AT+CIPAP=10.0.0.1 AT+CIPAP="0.0.0.0" AT+CIPAP="10.0.0"
    AT+CIPAP="10.0.0.1","10.0.0.1" AT+CIPAP="10.0.0.1","10.0.0.1","255.0.255.0"
    AT+CIPAP="10.0.0.1","10.0.0.1","255.255.255.0",1 AT+CIPAP="10.0.0.256" AT+CIPAP=?
    AT+CIPAPMAC AT+CIPAPMAC= AT+CIPAPMAC="" AT+CIPAPMAC="00:00:00:00:00:00"
    AT+CIPAPMAC="03:00:00:00:00:01" AT+CIPAPMAC="02:00:00:00:00" AT+CIPAPMAC=?
""".split()


@pytest.mark.parametrize(
    "line",
    [
        *REFUSED,
        'AT+CWSAP="' + "s" * 33 + '","password",5,3',
        'AT+CWSAP="mine","' + "p" * 64 + '",5,3',
        'AT+CWSAP="mine","password",5, 3',
        'AT+CWSAP="mine" ,"password",5,3',
    ],
)
def test_refused(line: str) -> None:
    refused(line, mode=3)


def test_the_factory_softap_is_not_put_on_the_air() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        await hold(desk, ("AT+CWMODE_CUR=2", OK))
        assert not on_air(desk)
        await hold(desk, ('AT+CWSAP_CUR="mine","password",5,3', OK))
        assert on_air(desk)
        assert desk.network.softap.address == Address(*FACTORY_ADDRESS)

    at_desk(work)


def test_values_in_force_survive_mode_changes() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        mine = '"mine","password",5,3,4,0'
        await hold(
            desk,
            ("AT+CWMODE_CUR=2", OK),
            (f"AT+CWSAP_CUR={mine}", OK),
            ('AT+CIPAP_CUR="10.0.0.9"', OK),
            ("AT+CWMODE_CUR=1", OK),
        )
        assert not on_air(desk)
        await hold(
            desk,
            ("AT+CWSAP?", ERROR),
            ("AT+CWMODE_CUR=3", OK),
            shows("CWSAP", mine),
            address("CIPAP", "10.0.0.9", "10.0.0.1", "255.255.255.0"),
        )
        assert on_air(desk)
        assert desk.network.softap.address == Address("10.0.0.9", "10.0.0.1", "255.255.255.0")

    at_desk(work)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ('"10.0.0.9"', ("10.0.0.9", "10.0.0.1", "255.255.255.0")),
        ('"10.0.0.9","10.0.0.9","255.255.0.0"', ("10.0.0.9", "10.0.0.9", "255.255.0.0")),
    ],
)
def test_another_address(arguments: str, found: tuple[str, str, str]) -> None:
    dialog(
        (f"AT+CIPAP_CUR={arguments}", OK),
        address("CIPAP", *found),
        address("CIPAP_CUR", *found),
        address("CIPAP_DEF", *FACTORY_ADDRESS),
        mode=2,
    )


def test_dhcp_can_be_switched_off() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        assert desk.session.gateway.wanted().softap_dhcp
        await hold(
            desk,
            ("AT+CWMODE_CUR=2", OK),
            ("AT+CWDHCP_CUR=0,0", OK),
            ("AT+CWDHCP?", "+CWDHCP:6⏎⏎OK⏎"),
        )
        assert not desk.session.gateway.wanted().softap_dhcp
        assert await news(desk) == ""

    at_desk(work)


@pytest.mark.parametrize(
    ("line", "answered"),
    [
        ("AT+CWMODE_CUR=1", "CLOSED⏎⏎OK⏎"),
        ("AT+CWMODE_CUR=0", "CLOSED⏎⏎OK⏎"),
        ("AT+CWMODE_CUR=2", OK),
        ("AT+CWMODE_CUR=3", OK),
    ],
)
def test_its_links_close_with_it(line: str, answered: str) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        await hold(desk, ("AT+CWMODE_CUR=2", OK), ('AT+CWSAP_CUR="mine","password",5,3', OK))
        with listening() as server:
            await server.link(desk)
            await hold(desk, (line, answered))

    at_desk(work)
