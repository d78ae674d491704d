"""Joining and leaving access points, byte for byte and in time (contract, section 3)."""

from __future__ import annotations

import asyncio

import pytest

from gateway.services.api import Credentials, Encryption
from gateway.services.network.simulated import SimulatedAccessPoint, World
from tests import fake_time
from tests.commands.dialog import answer, dialog, hold, news, refused, shown
from tests.commands.join_parts import JOINED, KEY, NO_AP, REAL, SIM, WORLD, failed
from tests.harness import Desk, at_desk


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
