"""Joining and leaving access points, byte for byte and in time (contract, section 3)."""

from __future__ import annotations

import asyncio

import pytest

from gateway.services.api import Credentials, Encryption
from gateway.services.network.simulated import SimulatedAccessPoint, World
from tests import fake_time
from tests.commands.dialog import ERROR, OK, answer, dialog, hold, news, refused, shown
from tests.harness import Desk, at_desk
from tests.peers import listening

JOINED = "WIFI CONNECTED⏎WIFI GOT IP⏎⏎OK⏎"
NO_AP = "No AP⏎⏎OK⏎"
SIM = 'AT+CWJAP_CUR="esp-at-sim","password"'
KEY = "e7dcb8e7ba0c3ac7ea8ad0f3b8cc6ba1ed4d4dbd3d1fdbb1fe9b5d4ac1cd5ec1"

POINTS = (
    *World().access_points,
    SimulatedAccessPoint(b"hidden", b"password", Encryption.WPA2, hidden=True),
    SimulatedAccessPoint(b"no-dhcp", dhcp=False),
    SimulatedAccessPoint(b"old", b"password", Encryption.WEP),
    SimulatedAccessPoint(b"twin", channel=3, rssi=-80, bssid="06:00:00:00:00:01"),
    SimulatedAccessPoint(b"twin", channel=9, rssi=-40, bssid="06:00:00:00:ab:02"),
)
WORLD = World(access_points=POINTS, pace=0)
REAL = World(access_points=POINTS)


def failed(code: int) -> str:
    """The reply to a join that failed."""
    return f"⏎+CWJAP:{code}⏎⏎FAIL⏎"


@pytest.mark.parametrize(
    ("arguments", "answered", "seconds"),
    [
        ('"esp-at-sim","password"', JOINED, 2.0),
        ('"esp-at-open",""', JOINED, 2.0),
        ('"esp-at-wpa3","password"', JOINED, 2.0),
        ('"hidden","password"', JOINED, 2.0),
        ('"twin","","060000000001"', JOINED, 2.0),
        ('"twin","","06:00:00:00:00:01",1', JOINED, 2.0),
        ('"twin","",,0', JOINED, 2.0),
        ('"twin","","06:00:00:00:00:03"', failed(3), 4.0),
        ('"esp-at-sim","passwort"', failed(2), 4.0),
        ('"esp-at-sim",""', failed(2), 4.0),
        ('"esp-at-sim","Password"', failed(2), 4.0),
        ('"ESP-AT-SIM","password"', failed(3), 4.0),
        ('"esp-at-sim ","password"', failed(3), 4.0),
        ('"nowhere","password"', failed(3), 4.0),
        ('"old","password"', failed(4), 4.0),
        ('"no-dhcp",""', "WIFI CONNECTED⏎WIFI DISCONNECT⏎" + failed(1), 18.0),
    ],
)
@pytest.mark.parametrize("suffix", ["", "_CUR", "_DEF"])
def test_joins_and_refusals(suffix: str, arguments: str, answered: str, seconds: float) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.patience = 60
        began = asyncio.get_running_loop().time()
        assert await answer(desk, f"AT+CWJAP{suffix}={arguments}") == answered
        assert 0 < asyncio.get_running_loop().time() - began <= seconds
        joined = answered == JOINED
        assert (desk.network.station.access_point is not None) == joined
        stored = desk.settings.stored.access_point
        assert (stored is not None) == (joined and suffix != "_CUR")

    at_desk(work, REAL, runner=fake_time.run)


def test_got_ip_and_ok_come_in_one_write() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.line.writes.clear()
        await hold(desk, (SIM, JOINED))
        assert desk.line.writes == [b"WIFI CONNECTED\r\n", b"WIFI GOT IP\r\n\r\nOK\r\n"]

    at_desk(work)


def test_the_access_point_joined_is_shown() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        await hold(
            desk,
            ("AT+CWJAP?", NO_AP),
            ("AT+CWJAP_CUR?", NO_AP),
            ('AT+CWJAP_CUR="twin","","06:0000:00AB:02"', JOINED),
            ("AT+CWJAP?", '+CWJAP:"twin","06:00:00:00:ab:02",9,-40⏎⏎OK⏎'),
            ("AT+CWJAP_CUR?", '+CWJAP_CUR:"twin","06:00:00:00:ab:02",9,-40⏎⏎OK⏎'),
            (
                'AT+CWJAP_CUR="twin","","0:6:0:0:0:0:0:0:0:0:0:1:"',
                "WIFI DISCONNECT⏎" + JOINED,
            ),
            ("AT+CWJAP?", '+CWJAP:"twin","06:00:00:00:00:01",3,-80⏎⏎OK⏎'),
            ("AT+CWQAP", "⏎OK⏎WIFI DISCONNECT⏎"),
            ("AT+CWJAP?", NO_AP),
        )

    at_desk(work, WORLD)


@pytest.mark.parametrize(
    ("typed", "ssid", "password"),
    [
        (r'"a\"b","pass\"word"', b'a"b', b'pass"word'),
        (r'"a\,b","pass\,word"', b"a,b", b"pass,word"),
        (r'"a\\b","pass\\word"', rb"a\b", rb"pass\word"),
        # the libraries send passwords unescaped
        (r'"a,b","pass,word"', b"a,b", b"pass,word"),
        (r'"a\b","pass\word"', rb"a\b", rb"pass\word"),
        (r'"\\\"\,","\\\"\,\\\"\,12"', b'\\",', b'\\",\\",12'),
        (r'"\\","password\\"', b"\\", b"password\\"),
        (r'"=?;","=?;=?;=?"', b"=?;", b"=?;=?;=?"),
        ('" a b "," pass word "', b" a b ", b" pass word "),
        ('"caf\xc3\xa9","p\xc3\xa4ssword"', "café".encode(), "pässword".encode()),
        ('"\x01\x7f\xff","pass\x80\xffword"', b"\x01\x7f\xff", b"pass\x80\xffword"),
        (f'"{"s" * 32}","{"p" * 63}"', b"s" * 32, b"p" * 63),
        (r'"' + r"\"" * 32 + '","password"', b'"' * 32, b"password"),
    ],
)
def test_escapes_in_name_and_password(typed: str, ssid: bytes, password: bytes) -> None:
    world = World(access_points=(SimulatedAccessPoint(ssid, password, Encryption.WPA2),), pace=0)

    async def work(desk: Desk) -> None:
        await desk.quiet()
        await hold(desk, (f"AT+CWJAP={typed}", JOINED))
        assert desk.settings.stored.access_point == Credentials(ssid, password)
        joined = desk.network.station.access_point
        assert joined is not None
        assert joined.ssid == ssid

    at_desk(work, world)


def test_a_key_of_64_hex_digits() -> None:
    import hashlib

    key = hashlib.pbkdf2_hmac("sha1", b"password", b"esp-at-sim", 4096, 32).hex()
    dialog((f'AT+CWJAP_CUR="esp-at-sim","{key}"', JOINED))
    dialog((f'AT+CWJAP_CUR="esp-at-sim","{KEY}"', failed(2)))


REFUSED = """
    AT+CWJAP AT+CWJAP= AT+CWJAP="esp-at-sim" AT+CWJAP="esp-at-sim", AT+CWJAP="","password"
    AT+CWJAP=,"password" AT+CWJAP=esp-at-sim,password AT+CWJAP="esp-at-sim",password
    AT+CWJAP=esp-at-sim,"password" AT+CWJAP="esp-at-sim,"password" AT+CWJAP="esp-at-sim","password
    AT+CWJAP="esp-at-sim";"password" AT+CWJAP="esp-at-sim""password" AT+CWJAP="esp-at-sim","passwor"
    AT+CWJAP="esp-at-sim","p" AT+CWJAP="esp-at-sim","password"x AT+CWJAP=x"esp-at-sim","password"
    AT+CWJAP="esp-at-sim","password", AT+CWJAP="esp-at-sim","password",""
    AT+CWJAP="esp-at-sim","password","06:00:00:00:00" AT+CWJAP="esp-at-sim","password",060000000001
    AT+CWJAP="esp-at-sim","password","06:00:00:00:00:0g"
    AT+CWJAP="esp-at-sim","password","06-00-00-00-00-01"
    AT+CWJAP="esp-at-sim","password","060000000001",2
    AT+CWJAP="esp-at-sim","password","060000000001",
    AT+CWJAP="esp-at-sim","password","060000000001",0,0 AT+CWJAP="esp-at-sim","password",,-1
    AT+CWJAP="esp-at-sim","password",,4294967296 AT+CWJAP="a"b","password" AT+CWJAP=?
    AT+CWJAP="esp-at-sim","pass"word" AT+CWJAP?1 AT+CWJAP_CUR AT+CWJAP_TMP="a","password"
    at+cwjap="esp-at-sim","password" AT+CWJAPX="esp-at-sim","password" AT+CWJA?
""".split()


@pytest.mark.parametrize(
    "line",
    [
        *REFUSED,
        f'AT+CWJAP="{"s" * 33}","password"',
        f'AT+CWJAP="esp-at-sim","{"p" * 64}"',
        f'AT+CWJAP="esp-at-sim","{KEY}0"',
        'AT+CWJAP= "esp-at-sim","password"',
        'AT+CWJAP="esp-at-sim", "password"',
        'AT+CWJAP="esp-at-sim" ,"password"',
        'AT+CWJAP="esp-at-sim","password" ',
    ],
)
def test_refused_at_once_and_the_access_point_is_kept(line: str) -> None:
    refused(line)


def test_a_failed_join_leaves_the_station_unjoined_for_good() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        await hold(
            desk,
            ('AT+CWJAP="esp-at-sim","password"', JOINED),
            ('AT+CWJAP="esp-at-open",""', "WIFI DISCONNECT⏎" + JOINED),
            ('AT+CWJAP="nowhere",""', "WIFI DISCONNECT⏎" + failed(3)),
            ("AT+CWJAP?", NO_AP),
        )
        await asyncio.sleep(120)
        assert await news(desk) == ""
        assert desk.settings.stored.access_point == Credentials(b"esp-at-open")

    at_desk(work, REAL, runner=fake_time.run)


def test_the_store_follows_the_join() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.type('AT+CWJAP_DEF="esp-at-sim","password"\r\n')
        await desk.expect(b"WIFI CONNECTED\r\n")
        before = desk.settings.stored.access_point
        assert shown(await desk.expect(b"OK\r\n")) == "WIFI GOT IP⏎⏎OK⏎"
        assert before is None
        assert desk.settings.stored.access_point == Credentials(b"esp-at-sim", b"password")

    at_desk(work, REAL, runner=fake_time.run)


@pytest.mark.parametrize("mode", [1, 3])
def test_links_over_the_old_access_point_close_first(mode: int) -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        await hold(desk, (f"AT+CWMODE_CUR={mode}", OK))
        with listening() as server:
            peer = await server.link(desk)
            desk.line.writes.clear()
            await hold(
                desk,
                ('AT+CWJAP_CUR="esp-at-open",""', f"CLOSED⏎WIFI DISCONNECT⏎{JOINED}"),
            )
            assert desk.line.writes[-1] == b"WIFI GOT IP\r\n\r\nOK\r\n"
            assert await peer.ended() == b""

    at_desk(work)


@pytest.mark.parametrize(
    ("line", "answered"),
    [
        (
            'AT+CWJAP_CUR="esp-at-open",""',
            f"1,CLOSED⏎4,CLOSED⏎WIFI DISCONNECT⏎{JOINED}",
        ),
        ('AT+CWJAP_CUR="nowhere",""', f"1,CLOSED⏎4,CLOSED⏎WIFI DISCONNECT⏎{failed(3)}"),
        ("AT+CWQAP", "1,CLOSED⏎4,CLOSED⏎⏎OK⏎WIFI DISCONNECT⏎"),
        ("AT+CWMODE_CUR=2", "1,CLOSED⏎4,CLOSED⏎⏎OK⏎WIFI DISCONNECT⏎"),
        ("AT+CWMODE_CUR=3", OK),
        ("AT+CWMODE_CUR=0", OK),
        ('AT+CWJAP_CUR="esp-at-open","short"', ERROR),
    ],
)
def test_links_with_ids(line: str, answered: str) -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        await hold(desk, ("AT+CIPMUX=1", OK))
        with listening() as server:
            await server.link(desk, 1)
            await server.link(desk, 4)
            await hold(desk, (line, answered))

    at_desk(work)


@pytest.mark.parametrize("line", ["AT+CWQAP", 'AT+CWJAP_CUR="esp-at-open",""', "AT+CWMODE_CUR=2"])
def test_links_over_ethernet_stay(line: str) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        with listening() as server:
            peer = await server.link(desk)
            await hold(desk, (SIM, JOINED))
            assert "CLOSED" not in await answer(desk, line)
            await peer.send(b"still here")
            assert shown(await desk.expect(b"here")) == "⏎+IPD,10:still here"

    at_desk(work)


def test_leaving_holds_until_the_next_join() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        await hold(desk, ("AT+CWQAP", OK), (SIM, JOINED), ("AT+CWQAP", "⏎OK⏎WIFI DISCONNECT⏎"))
        desk.network.lose_access_point(b"esp-at-sim")
        await asyncio.sleep(100)
        desk.network.restore_access_point(b"esp-at-sim")
        await asyncio.sleep(100)
        assert await news(desk) == ""
        await hold(desk, (SIM, JOINED))

    at_desk(work, REAL, runner=fake_time.run)


@pytest.mark.parametrize("autoconnect", [0, 1])
def test_an_access_point_lost_is_joined_again(autoconnect: int) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        await hold(desk, (f"AT+CWAUTOCONN={autoconnect}", OK), (SIM, JOINED))
        for seconds in (0.1, 5, 500):
            desk.network.lose_access_point(b"esp-at-sim")
            assert await news(desk) == "WIFI DISCONNECT⏎"
            await asyncio.sleep(seconds)
            await hold(desk, ("AT+CWJAP?", NO_AP))
            desk.network.restore_access_point(b"esp-at-sim")
            await asyncio.sleep(35)
            assert await news(desk) == "WIFI CONNECTED⏎WIFI GOT IP⏎"

    at_desk(work, REAL, runner=fake_time.run)


def test_another_join_ends_the_search_for_a_lost_access_point() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        await hold(desk, (SIM, JOINED))
        desk.network.lose_access_point(b"esp-at-sim")
        assert await news(desk) == "WIFI DISCONNECT⏎"
        await asyncio.sleep(3)
        await hold(desk, ('AT+CWJAP_CUR="esp-at-open",""', JOINED))
        desk.network.restore_access_point(b"esp-at-sim")
        await asyncio.sleep(100)
        assert await news(desk) == ""
        joined = desk.network.station.access_point
        assert joined is not None
        assert joined.ssid == b"esp-at-open"

    at_desk(work, REAL, runner=fake_time.run)


def test_links_stay_when_the_access_point_is_lost() -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        with listening() as server:
            peer = await server.link(desk)
            desk.network.lose_access_point(b"esp-at-sim")
            assert await news(desk) == "WIFI DISCONNECT⏎"
            desk.network.restore_access_point(b"esp-at-sim")
            assert await news(desk) == "WIFI CONNECTED⏎WIFI GOT IP⏎"
            await peer.send(b"as before")
            assert shown(await desk.expect(b"before")) == "⏎+IPD,9:as before"

    at_desk(work)
