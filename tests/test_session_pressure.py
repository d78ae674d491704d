"""A line that takes nothing: the output stays bounded, reading pauses, nothing is lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fake_time import FakeTimeLoop
from tests.harness import Desk, at_desk
from tests.session_parts import at_fake_desk, linked, reading, stuff, written

SWITCHED_OFF = 32768  # bytes unsent at which no more is read


@pytest.fixture(autouse=True)
def overdue(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The timers that were due when they were set: fake time never gets past many of them."""
    found: list[float] = []
    set_timer = FakeTimeLoop.call_at

    def call_at(loop: FakeTimeLoop, when: float, *rest: Any, **options: Any) -> Any:
        if when <= loop.time():
            found.append(when)
            assert len(found) < 100, "a timer is due again and again"
        return set_timer(loop, when, *rest, **options)

    monkeypatch.setattr(FakeTimeLoop, "call_at", call_at)
    return found


def type_until_paused(desk: Desk, text: str) -> int:
    """How often `text` was taken before the gateway read no more."""
    for count in range(1000):
        if not reading(desk):
            return count
        desk.type(text)
    raise AssertionError("the gateway reads on although nothing leaves")


def test_reading_pauses_while_the_line_takes_nothing_and_nothing_is_lost() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.line.slow = True
        count = type_until_paused(desk, "AT+GMR\r\n")
        assert SWITCHED_OFF < desk.line.buffered < SWITCHED_OFF + 1000
        desk.type("AT+GMR\r\n" * 50 + "AT+CIP")  # was under way in the driver
        assert desk.line.buffered < SWITCHED_OFF + 1000
        desk.line.drain()
        assert reading(desk)
        desk.type("MUX?\r\n")
        output = desk.unread()
        assert output.count(b"SDK version") == count + 50
        assert output.endswith(written("⏎OK⏎+CIPMUX:0⏎⏎OK⏎").removeprefix(b"\r\n"))

    at_fake_desk(work)


def test_echo_alone_cannot_fill_the_memory() -> None:
    async def work(desk: Desk) -> None:
        desk.line.slow = True
        type_until_paused(desk, "A" * 4095)
        assert desk.line.buffered < SWITCHED_OFF + 2 * 4095

    at_fake_desk(work)


def test_one_read_full_of_lines_is_answered_bit_by_bit() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.line.slow = True
        desk.type("AT+GMR\r\n" * 4000)
        drains = 0
        while not reading(desk):
            assert desk.line.buffered < SWITCHED_OFF + 1000
            desk.line.drain()
            drains += 1
        assert desk.unread().count(b"SDK version") == 4000
        assert drains > 10

    at_fake_desk(work)


def prompt_on_a_line_that_takes_nothing(desk: Desk) -> None:
    """The prompt for 2048 bytes is what makes the line too full to read on."""
    desk.line.slow = True
    desk.line.write(bytes(SWITCHED_OFF - 4))
    desk.type("AT+CIPSEND=2048\r\n")
    assert not reading(desk)


def test_a_payload_that_cannot_be_read_is_not_given_up() -> None:
    payload = b"x" * 2048

    async def work(desk: Desk) -> None:
        async with linked(desk) as peer:
            prompt_on_a_line_that_takes_nothing(desk)
            await asyncio.sleep(30)
            desk.unread()
            desk.line.slow = False
            desk.line.drain()
            desk.type(payload)
            assert desk.unread() == written("⏎Recv 2048 bytes⏎⏎SEND OK⏎")
            assert await peer.read(2048) == payload

    at_fake_desk(work)


def test_a_payload_that_does_not_come_is_given_up_once_it_could_be_read() -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk):
            prompt_on_a_line_that_takes_nothing(desk)
            await asyncio.sleep(30)
            desk.unread()
            desk.line.slow = False
            desk.patience = 20
            desk.line.drain()
            drained = asyncio.get_running_loop().time()
            assert await desk.expect(b"FAIL\r\n") == written("⏎SEND FAIL⏎")
            assert asyncio.get_running_loop().time() == pytest.approx(drained + 10)

    at_fake_desk(work)


def test_data_waits_in_the_link_while_the_line_takes_nothing() -> None:
    data = bytes(range(256)) * 1000

    async def work(desk: Desk) -> None:
        async with linked(desk) as peer:
            desk.line.slow = True
            sending = asyncio.ensure_future(peer.send(data))
            received = bytearray()
            while len(received) < len(data):
                if output := desk.unread():
                    assert desk.line.buffered < 20000
                    received += payload_of(output)
                    desk.line.drain()
                else:
                    desk.line.news.clear()
                    await desk.line.news.wait()
            assert received == data
            await sending

    at_desk(work)


def payload_of(output: bytes) -> bytes:
    """The data of all +IPD messages in `output`, which must hold nothing else."""
    data = bytearray()
    while output:
        assert output.startswith(b"\r\n+IPD,"), output[:30]
        head, _, rest = output.partition(b":")
        length = int(head.removeprefix(b"\r\n+IPD,"))
        assert 0 < length <= 1460
        data += rest[:length]
        output = rest[length:]
    return bytes(data)


def test_a_reply_still_comes_while_data_waits() -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk) as peer:
            desk.line.slow = True
            await peer.send(bytes(100_000))
            await desk.expect(b"+IPD")
            await desk.turns(20)
            desk.unread()
            desk.type("AT\r\n")
            assert desk.unread() == written("⏎OK⏎")

    at_desk(work)


@pytest.mark.parametrize("when", ["at once", "later"])
def test_pass_through_holds_the_line_back_while_the_peer_takes_nothing(when: str) -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk) as peer:
            await desk.ask("AT+CIPMODE=1")
            await stuff(desk)
            desk.type("AT+CIPSEND\r\n")
            await desk.expect(b">")
            if when == "later":
                await asyncio.sleep(0.1)
            for _ in range(12):
                desk.type(b"z" * 2048)
            desk.type(b"end")
            await asyncio.sleep(1)
            assert not reading(desk)
            dropping = peer.read_on()
            await asyncio.sleep(1)
            assert reading(desk)
            desk.type("+++")
            await asyncio.sleep(2)
            desk.type("AT\r\n")
            assert await desk.expect(b"OK\r\n") == written("⏎OK⏎")
            dropping.cancel()

    at_fake_desk(work)


def test_a_line_that_takes_nothing_costs_no_work(overdue: list[float]) -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk):
            prompt_on_a_line_that_takes_nothing(desk)
            overdue.clear()
            await asyncio.sleep(50)
            assert overdue == []

    at_fake_desk(work)


def test_pass_through_begins_without_waiting() -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk) as peer:
            await desk.ask("AT+CIPMODE=1")
            await asyncio.sleep(1)
            loop = asyncio.get_running_loop()
            before = loop.time()
            desk.type("AT+CIPSEND\r\ndata")
            await desk.expect(b">")
            desk.type(" and more")
            assert reading(desk)
            assert await peer.read(13) == b"data and more"
            assert loop.time() - before == pytest.approx(0.020)

    at_fake_desk(work)
