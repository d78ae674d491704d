"""Leaving an access point: by command, for another one, by its loss (contract, section 3)."""

from __future__ import annotations

import asyncio

import pytest

from tests import fake_time
from tests.commands.dialog import ERROR, OK, answer, hold, news, shown
from tests.commands.join_parts import JOINED, NO_AP, REAL, SIM, failed
from tests.harness import Desk, at_desk
from tests.peers import listening


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
