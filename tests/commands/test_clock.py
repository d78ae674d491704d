"""Time, byte for byte (contract, section 6, the last rows)."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.services.api import Clock
from gateway.services.clock import HostClock, SimulatedClock
from tests.commands.dialog import ERROR, OK, Pair, hold, refused
from tests.harness import Desk, at_desk
from tests.served import Served, serve

SERVERS = '"pool.ntp.org","time.nist.gov"'
UNKNOWN = "+SNTPTIME:Enable SNTP first (AT+CIPSNTPCFG)⏎⏎ERROR⏎"
EPOCH = "+CIPSNTPTIME:Thu Jan  1 00:00:00 1970⏎OK⏎"


def at_time(seconds: float, *pairs: Pair, synchronised: bool = True) -> None:
    """Hold the dialog while the host's clock says `seconds` since 1970."""
    clock: Clock = SimulatedClock(lambda: seconds)
    if not synchronised:
        clock = HostClock(read_kernel=lambda: False, read_time=lambda: seconds)

    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.session.gateway.clock = clock
        await hold(desk, *pairs)

    at_desk(work)


def shows(values: str) -> Pair:
    """The pair that asks for zone and servers."""
    return "AT+CIPSNTPCFG?", f"+CIPSNTPCFG:{values}⏎⏎OK⏎"


def test_time_is_known_from_the_start() -> None:
    at_time(
        1_700_000_000.9,
        shows(f"1,0,{SERVERS}"),
        ("AT+CIPSNTPTIME?", "+CIPSNTPTIME:Tue Nov 14 22:13:20 2023⏎OK⏎"),
        ("AT+SNTPTIME?", "+SNTPTIME:1700000000,2023-11-14 22:13:20⏎OK⏎"),
        ("AT+SYSTIME?", "+SYSTIME:1700000000⏎OK⏎"),
    )


@pytest.mark.parametrize(
    ("seconds", "zone", "asctime", "date"),
    [
        (1_700_000_000, 0, "Tue Nov 14 22:13:20 2023", "2023-11-14 22:13:20"),
        (1_700_000_000, 13, "Wed Nov 15 11:13:20 2023", "2023-11-15 11:13:20"),
        (1_700_000_000, -11, "Tue Nov 14 11:13:20 2023", "2023-11-14 11:13:20"),
        (1_709_164_800, 0, "Thu Feb 29 00:00:00 2024", "2024-02-29 00:00:00"),
        (1_709_251_199, 1, "Fri Mar  1 00:59:59 2024", "2024-03-01 00:59:59"),
        (1_767_225_599, 0, "Wed Dec 31 23:59:59 2025", "2025-12-31 23:59:59"),
        (2_147_483_648, 0, "Tue Jan 19 03:14:08 2038", "2038-01-19 03:14:08"),
        (4_102_444_800, 0, "Fri Jan  1 00:00:00 2100", "2100-01-01 00:00:00"),
    ],
)
def test_both_forms_have_the_zones_offset(seconds: int, zone: int, asctime: str, date: str) -> None:
    at_time(
        seconds,
        (f"AT+CIPSNTPCFG=1,{zone}", OK),
        ("AT+CIPSNTPTIME?", f"+CIPSNTPTIME:{asctime}⏎OK⏎"),
        ("AT+SNTPTIME?", f"+SNTPTIME:{seconds + zone * 3600},{date}⏎OK⏎"),
        ("AT+SYSTIME?", f"+SYSTIME:{seconds}⏎OK⏎"),
    )


def test_off_means_unknown_but_not_for_systime() -> None:
    at_time(
        1_700_000_000,
        ("AT+CIPSNTPCFG=0", OK),
        shows("0"),
        ("AT+CIPSNTPTIME?", EPOCH),
        ("AT+SNTPTIME?", UNKNOWN),
        ("AT+SYSTIME?", "+SYSTIME:1700000000⏎OK⏎"),
        ("AT+CIPSNTPCFG=1,0", OK),
        shows(f"1,0,{SERVERS}"),
        ("AT+SNTPTIME?", "+SNTPTIME:1700000000,2023-11-14 22:13:20⏎OK⏎"),
    )


def test_unknown_while_nobody_sets_the_clock() -> None:
    at_time(
        1_700_000_000,
        ("AT+CIPSNTPCFG=1,5", OK),
        ("AT+CIPSNTPTIME?", EPOCH),
        ("AT+SNTPTIME?", UNKNOWN),
        ("AT+SYSTIME?", ERROR),
        synchronised=False,
    )


@pytest.mark.parametrize(
    ("arguments", "shown", "asked"),
    [
        ('1,2,"a.example"', '1,2,"a.example"', ("a.example",)),
        ('1,-11,"a","b"', '1,-11,"a","b"', ("a", "b")),
        ('1,13,"a","b","c"', '1,13,"a","b","c"', ("a", "b", "c")),
        ('1,0,"192.0.2.1"', '1,0,"192.0.2.1"', ("192.0.2.1",)),
        (r'1,0,"a\,b\\c"', r'1,0,"a,b\c"', (r"a,b\c",)),
    ],
)
def test_servers(arguments: str, shown: str, asked: tuple[str, ...]) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        clock = SimulatedClock()
        desk.session.gateway.clock = clock
        await hold(desk, (f"AT+CIPSNTPCFG={arguments}", OK), shows(shown))
        assert clock.servers == asked

    at_desk(work)


def test_the_hosts_own_servers_are_asked_until_others_are_named_and_while_it_is_off() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        clock = SimulatedClock()
        desk.session.gateway.clock = clock
        asked = []
        for arguments in ("1,1", '1,2,"mine.example"', "1,3", "0", "1,4"):
            await hold(desk, (f"AT+CIPSNTPCFG={arguments}", OK))
            asked.append(clock.servers)
        await hold(desk, shows('1,4,"mine.example"'))
        mine = ("mine.example",)
        assert asked == [(), mine, mine, (), mine]

    at_desk(work)


def test_zone_and_servers_are_forgotten_at_a_reset(tmp_path: Path) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        await hold(served, ('AT+CIPSNTPCFG=1,5,"mine.example"', OK))
        asked = [served.clock.servers]
        await served.reset()
        await hold(served, shows(f"1,0,{SERVERS}"), ("AT+CIPSNTPCFG=0", OK))
        asked.append(served.clock.servers)
        assert asked == [("mine.example",), ()]
        await served.reset()
        await hold(served, shows(f"1,0,{SERVERS}"))

    serve(work, tmp_path)


REFUSED = """
    AT+CIPSNTPCFG AT+CIPSNTPCFG= AT+CIPSNTPCFG=1 AT+CIPSNTPCFG=1, AT+CIPSNTPCFG=2
    AT+CIPSNTPCFG=-1 AT+CIPSNTPCFG=1,-12 AT+CIPSNTPCFG=1,14 AT+CIPSNTPCFG=1,4294967296
    AT+CIPSNTPCFG=1,"0" AT+CIPSNTPCFG="1",0 AT+CIPSNTPCFG=1,0.5 AT+CIPSNTPCFG=1,--1
    AT+CIPSNTPCFG=1,0,a AT+CIPSNTPCFG=1,0,"a","b","c","d" AT+CIPSNTPCFG=1,0,"a",
    AT+CIPSNTPCFG=0,0 AT+CIPSNTPCFG=1,0,"a AT+CIPSNTPCFG=1,,"a" AT+CIPSNTPCFG=?
    AT+CIPSNTPCFG?1 AT+CIPSNTPCFG_CUR? AT+CIPSNTPTIME AT+CIPSNTPTIME= AT+CIPSNTPTIME=1
    AT+CIPSNTPTIME?1 AT+SNTPTIME AT+SNTPTIME= AT+SNTPTIME?? AT+SYSTIME AT+SYSTIME=
    AT+SYSTIME=1 AT+SYSTIME?1 AT+systime? AT+SYSTIMESTAMP?
""".split()


@pytest.mark.parametrize("line", REFUSED)
def test_refused(line: str) -> None:
    refused(line)
