"""The station's replies, right and wrong, byte for byte (contract, section 3)."""

from __future__ import annotations

import asyncio

import pytest

from gateway.services.network.simulated import World
from tests import fake_time
from tests.commands.dialog import OK, answer, dialog, refused
from tests.commands.station_parts import HARDWARE_MAC, NOWHERE, addresses
from tests.harness import Desk, at_desk


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
