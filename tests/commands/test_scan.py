"""AT+CWLAP and its options, byte for byte (contract, section 3)."""

from __future__ import annotations

import asyncio

import pytest

from gateway.services.api import Encryption
from gateway.services.network.simulated import SimulatedAccessPoint, World
from tests import fake_time
from tests.commands.dialog import ERROR, OK, Pair, dialog, hold, refused, shown
from tests.harness import Desk, at_desk


def access_point(
    ssid: bytes, encryption: Encryption, rssi: int, last: int, channel: int = 1, **more: bool
) -> SimulatedAccessPoint:
    """An access point whose BSSID ends in `last`."""
    password = b"" if encryption is Encryption.OPEN else b"password"
    bssid = f"06:00:00:00:00:{last:02x}"
    return SimulatedAccessPoint(ssid, password, encryption, channel, rssi, bssid, **more)


POINTS = (
    access_point(b"open", Encryption.OPEN, -61, 0),
    access_point(b"wep", Encryption.WEP, -90, 1),
    access_point(b"wpa", Encryption.WPA, -50, 2, channel=13),
    access_point(b"wpa2", Encryption.WPA2, -48, 3),
    access_point(b"mixed", Encryption.WPA_WPA2, -70, 4),
    access_point(b"office", Encryption.ENTERPRISE, -71, 5, channel=6),
    access_point(b"wpa3", Encryption.WPA3, -72, 6, channel=6),
    access_point(b"wpa2", Encryption.WPA2_WPA3, -100, 7, channel=13),
    access_point(b"secret", Encryption.WPA2, -30, 8, hidden=True),
    access_point(b"", Encryption.WPA2, -20, 9),
    access_point(b"\0\0\0", Encryption.WPA2, -20, 10),
    access_point(b'a"b,c\\d)\xe4', Encryption.OPEN, -99, 11),
    access_point(b"far", Encryption.OPEN, -101, 12),
)
WORLD = World(access_points=POINTS, pace=0)
LISTED = (0, 1, 2, 3, 4, 5, 6, 7, 11)
"""By the factory's options: not the one under -100 dBm, not the hidden, not the nameless."""


def row(last: int) -> str:
    """The whole line of the access point whose BSSID ends in `last`."""
    point = POINTS[last].seen()
    known = f'{int(point.encryption)},"{point.ssid.decode("latin-1")}",{point.rssi}'
    return f'+CWLAP:({known},"06:00:00:00:00:{last:02x}",{point.channel},0,0,0,0,0,0)⏎'


def listed(*points: int) -> str:
    """The reply that lists these."""
    return "".join(map(row, points)) + OK


def test_a_line_for_each_access_point_in_one_write() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.line.writes.clear()
        await hold(desk, ("AT+CWLAP", listed(*LISTED)))
        assert [shown(data) for data in desk.line.writes] == [listed(*LISTED)]

    at_desk(work, WORLD)


def test_numbers_of_the_encryptions() -> None:
    assert [int(point.encryption) for point in POINTS[:8]] == list(range(8))
    assert row(5).startswith('+CWLAP:(5,"office",')
    assert row(11) == '+CWLAP:(0,"a"b,c\\d)ä",-99,"06:00:00:00:00:0b",1,0,0,0,0,0,0)⏎'


def test_what_the_factorys_simulation_shows() -> None:
    async def work(desk: Desk) -> str:
        await desk.quiet()
        return shown(await desk.ask("AT+CWLAP"))

    reply = at_desk(work).split("⏎")
    assert [line.split(",")[1] for line in reply[:3]] == [
        '"esp-at-sim"',
        '"esp-at-open"',
        '"esp-at-wpa3"',
    ]
    assert [line[: line.index(",")] for line in reply[:3]] == [
        "+CWLAP:(3",
        "+CWLAP:(0",
        "+CWLAP:(6",
    ]


@pytest.mark.parametrize(
    ("options", "answered"),
    [
        ("0,2047", listed(*LISTED)),
        ("1,2047", listed(3, 2, 0, 4, 5, 6, 1, 11, 7)),
        ("0,2047,-70", listed(0, 2, 3, 4)),
        ("0,2047,-71", listed(0, 2, 3, 4, 5)),
        ("0,2047,0", OK),
        ("0,2047,,1", listed(0, 11)),
        ("0,2047,-100,8", listed(3)),
        ("0,2047,-100,65", listed(0, 6, 11)),
        ("0,2047,-100,128", listed(7)),
        ("0,2047,-100,0", OK),
        (
            "1,31,-50",
            '+CWLAP:(3,"wpa2",-48,"06:00:00:00:00:03",1)⏎'
            '+CWLAP:(2,"wpa",-50,"06:00:00:00:00:02",13)⏎⏎OK⏎',
        ),
        ("1,2,-48", '+CWLAP:("wpa2")⏎⏎OK⏎'),
        ("0,10,-48", '+CWLAP:("wpa2","06:00:00:00:00:03")⏎⏎OK⏎'),
        ("0,5,-48", "+CWLAP:(3,-48)⏎⏎OK⏎"),
        ("0,1040,-48", "+CWLAP:(1,0)⏎⏎OK⏎"),
    ],
)
def test_options(options: str, answered: str) -> None:
    dialog((f"AT+CWLAPOPT={options}", OK), ("AT+CWLAP", answered), world=WORLD)


@pytest.mark.parametrize(
    ("arguments", "answered"),
    [
        ('"open"', listed(0)),
        ('"wpa2"', listed(3, 7)),
        ('"nowhere"', OK),
        ('"wpa2","06:00:00:00:00:03"', listed(3)),
        ('"wpa2","06:00:00:00:00:00"', OK),
        ('"wpa2","060000000003",1', listed(3)),
        ('"wpa2","06:00:00:00:00:03",2', OK),
        ('"wpa2",,1', listed(3)),
        (r'"a\"b\,c\\d)' + "\xe4" + '"', listed(11)),
        ('"OPEN"', OK),
        ('"ope"', OK),
        ('"open","06:00:00:00:00:00",1', listed(0)),
    ],
)
def test_filters(arguments: str, answered: str) -> None:
    dialog((f"AT+CWLAP={arguments}", answered), world=WORLD)


def test_options_hold_for_filters_too() -> None:
    dialog(
        ("AT+CWLAPOPT=0,2,-60", OK),
        ('AT+CWLAP="open"', OK),
        ('AT+CWLAP="wpa"', '+CWLAP:("wpa")⏎⏎OK⏎'),
        world=WORLD,
    )


REFUSED = """
    AT+CWLAP? AT+CWLAP=? AT+CWLAP=open AT+CWLAP="open","06" AT+CWLAP="open",,0 AT+CWLAP="open",,-1
    AT+CWLAP="open",,"1" AT+CWLAP="open",,4294967297 AT+CWLAP="open",,1,1 AT+CWLAP="open",
    AT+CWLAP="open AT+CWLAP_CUR AT+cwlap AT+CWLAPX
    AT+CWLAP="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    AT+CWLAPOPT AT+CWLAPOPT= AT+CWLAPOPT? AT+CWLAPOPT=1 AT+CWLAPOPT=1, AT+CWLAPOPT=,31
    AT+CWLAPOPT=2,31 AT+CWLAPOPT=-1,31 AT+CWLAPOPT=1,2048 AT+CWLAPOPT=1,-1
    AT+CWLAPOPT=1,4294967327 AT+CWLAPOPT=1,31,x AT+CWLAPOPT=1,31,"-50" AT+CWLAPOPT=1,31,-50,-1
    AT+CWLAPOPT=1,31,-50,255,1 AT+CWLAPOPT=1,31, AT+CWLAPOPT=1,31,4294967246 AT+CWLAPOPT=?
""".split()


@pytest.mark.parametrize("line", REFUSED)
def test_refused(line: str) -> None:
    refused(line, world=World(pace=0))


def test_a_scan_ends_within_nine_seconds_and_others_are_busy_meanwhile() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        loop = asyncio.get_running_loop()
        began = loop.time()
        desk.type("AT+CWLAP\r\nAT\r\n")
        assert shown(await desk.expect(b"...\r\n")) == "⏎busy p...⏎"
        assert shown(await desk.expect(b"\r\nOK\r\n")).count("+CWLAP:(") == 3
        assert 0 < loop.time() - began <= 9

    at_desk(work, World(), runner=fake_time.run)


def test_scanning_while_joined_keeps_the_access_point() -> None:
    pairs: tuple[Pair, ...] = (
        ('AT+CWLAP="esp-at-nowhere"', OK),
        ("AT+CIPSTATUS", "STATUS:2⏎⏎OK⏎"),
        ("AT+CWMODE_CUR=2", "⏎OK⏎WIFI DISCONNECT⏎"),
        ("AT+CWLAP", ERROR),
    )
    dialog(*pairs, joined=True)
