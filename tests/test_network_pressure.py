"""A network that flaps while the line takes nothing: little is kept, and it is true in the end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway.at import messages
from gateway.services.api import Interface
from gateway.services.network.simulated import World
from tests import fake_time
from tests.fuzz.conversation import Room
from tests.harness import Desk
from tests.session_parts import at_fake_desk, linked

AP = b"esp-at-sim"
FLAPS = 400
BUDGET = 16384
"""Bytes that may wait on a line without a speed."""
MOST_NEWS = 512
"""Bytes that the news of both interfaces may be beyond that."""

LOST, CONNECTED = messages.STATION_LOST, messages.STATION_CONNECTED
ADDRESS, JOINED = messages.STATION_GOT_ADDRESS, messages.JOINED
OK, ERROR = messages.OK, messages.ERROR
FLAP = LOST + CONNECTED + ADDRESS


def at_network_desk(work: Callable[[Desk], Coroutine[Any, Any, None]]) -> None:
    at_fake_desk(work, World(pace=0))


def fill(desk: Desk) -> None:
    """The line has no room."""
    desk.line.slow = True
    desk.line.write(bytes(BUDGET))
    desk.unread()


async def go(desk: Desk) -> None:
    """The cable is pulled, and the access point goes."""
    desk.network.unplug_ethernet()
    desk.network.lose_access_point(AP)
    await desk.turns(20)


async def come(desk: Desk) -> None:
    """Both are back, with their addresses."""
    desk.network.plug_ethernet()
    desk.network.restore_access_point(AP)
    await desk.turns(20)


async def flap(desk: Desk, times: int) -> None:
    for _ in range(times):
        await go(desk)
        await come(desk)


def wifi(said: bytes | bytearray) -> bytes:
    """What of it is of the station."""
    return b"".join(re.findall(rb"WIFI [A-Z ]+\r\n", said))


def picture(said: bytes) -> dict[Interface, str]:
    """What a microcontroller believes that has read this: the last that it was told of each."""
    believed: dict[Interface, str] = {}
    for line in said.decode().splitlines():
        if line.startswith("WIFI "):
            believed[Interface.STATION] = line.removeprefix("WIFI ")
        elif line.startswith("+ETH_"):
            believed[Interface.ETHERNET] = line.removeprefix("+ETH_").partition(":")[0]
    return believed


AWAY = {Interface.STATION: "DISCONNECT", Interface.ETHERNET: "DISCONNECTED"}
HERE = {Interface.STATION: "GOT IP", Interface.ETHERNET: "GOT_IP"}


@pytest.mark.parametrize("here_first", [True, False])
@pytest.mark.parametrize("here_last", [True, False])
def test_flaps_that_nobody_reads_of_are_not_kept(here_first: bool, here_last: bool) -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        if not here_first:
            await go(desk)
        desk.line.slow = True
        await flap(desk, FLAPS)
        if not here_last:
            await go(desk)
        assert desk.line.buffered < BUDGET + MOST_NEWS
        held_back = len(desk.line.output)
        desk.line.slow = False
        desk.line.drain()
        assert wifi(desk.line.output[held_back:]) == (FLAP if here_last else LOST)
        assert len(desk.line.output) - held_back < MOST_NEWS
        assert picture(desk.unread()) == (HERE if here_last else AWAY)
        await flap(desk, 1)
        assert desk.unread().count(LOST) == here_last

    at_network_desk(work)


def test_what_waits_is_told_before_what_happens_when_there_is_a_little_room() -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        fill(desk)
        await flap(desk, 2)
        await go(desk)
        assert desk.unread() == b""
        desk.line._buffered = 1  # not drained: the rest has not left
        await come(desk)
        assert wifi(desk.unread()) == FLAP

    at_network_desk(work)


def test_every_flap_is_told_to_one_who_reads() -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        await flap(desk, FLAPS)
        said = desk.unread()
        assert said.count(b"\r\n") == 6 * FLAPS
        assert wifi(said) == FLAPS * FLAP

    at_network_desk(work)


def test_flaps_behind_a_prompt_are_not_kept() -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        await desk.ask("AT+CIPSSLCERT", b">")
        await flap(desk, FLAPS)
        await go(desk)
        assert desk.unread() == b""
        desk.patience = 30
        assert await desk.expect(b"ERROR\r\n") == ERROR  # no text came
        said = desk.unread()
        assert len(said) < MOST_NEWS
        assert picture(said) == AWAY

    at_network_desk(work)


def test_a_few_flaps_behind_a_prompt_are_all_told() -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        await desk.ask("AT+CIPSSLCERT", b">")
        await flap(desk, 2)
        desk.patience = 30
        await desk.expect(b"ERROR\r\n")
        assert wifi(desk.unread()) == 2 * FLAP

    at_network_desk(work)


def test_what_waits_for_room_is_told_before_a_reply() -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        fill(desk)
        assert await desk.ask('AT+CWJAP_CUR="esp-at-open",""') == LOST + CONNECTED + JOINED
        assert await desk.ask("AT+CWQAP") == OK
        await desk.turns(20)
        assert desk.unread() == b""
        desk.line.drain()
        assert desk.unread() == LOST

    at_network_desk(work)


def test_what_waits_for_room_is_told_before_a_prompt() -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        fill(desk)
        desk.network.lose_access_point(AP)
        await desk.turns(20)
        assert desk.unread() == b""
        assert await desk.ask("AT+CIPSSLCERT", b">") == LOST + OK + b">"

    at_network_desk(work)


def test_what_waits_for_room_is_told_before_pass_through_and_nothing_in_it() -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk):
            await desk.ask("AT+CIPMODE=1")
            fill(desk)
            desk.network.lose_access_point(AP)
            await desk.turns(20)
            assert await desk.ask("AT+CIPSEND", b">") == LOST + OK + b"\r\n>"
            await flap(desk, FLAPS)
            desk.line.drain()
            desk.type("+++")
            await asyncio.sleep(2)
            assert desk.unread() == b""
            await go(desk)
            assert wifi(desk.unread()) == LOST

    at_network_desk(work)


@pytest.mark.parametrize("behind_a_prompt", [True, False])
def test_after_a_reset_on_a_full_line_the_present_is_told_once(behind_a_prompt: bool) -> None:
    async def main() -> None:
        room = Room(watched=False)
        await room.open()
        await room.type(b'ATE0\r\nAT+CWJAP_DEF="esp-at-sim","password"\r\n')
        await room.act("q")
        room.line.write(bytes(BUDGET))
        if behind_a_prompt:
            await room.type(b"AT+CIPSSLCERT\r\n")
        for sign in "ulpr" * FLAPS:
            await room.act(sign)
        if behind_a_prompt:
            await asyncio.sleep(30)
        await room.type(b"AT+RST\r\n")
        room.take_all()
        await room.settle()
        assert room.resets == 1
        assert room.line.output.endswith(
            b"\r\nready\r\n+ETH_CONNECTED\r\n+ETH_GOT_IP:192.168.101.20\r\n" + CONNECTED + ADDRESS
        )
        await room.close()

    fake_time.run(main())
