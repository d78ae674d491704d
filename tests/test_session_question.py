"""The lone `?` that a library sends while a slow reply is on its way (contract, section 1)."""

from __future__ import annotations

import asyncio

import pytest

from gateway.commands import all_commands
from gateway.services.network.simulated import World
from tests import harness
from tests.harness import Desk, FakeLine
from tests.session_parts import Extra, at_fake_desk, linked, written

ERROR = written("⏎ERROR⏎")


@pytest.fixture(autouse=True)
def extra(monkeypatch: pytest.MonkeyPatch) -> Extra:
    """Commands that take the time they are told to."""
    made = Extra()
    monkeypatch.setattr(harness, "all_commands", lambda: all_commands() | made.commands)
    return made


async def ask_later(desk: Desk, seconds: float, line: str = "?") -> bytes:
    """The answer to a line, so long after everything that was written."""
    desk.unread()
    await asyncio.sleep(seconds)
    desk.type(line + "\r\n")
    return desk.unread()


@pytest.mark.parametrize(
    ("milliseconds", "later", "answer"),
    [
        (901, 0.0, b""),
        (901, 0.099, b""),
        (901, 0.101, ERROR),
        (5000, 0.099, b""),
        (899, 0.0, ERROR),
        (60, 0.0, ERROR),
    ],
)
def test_it_is_dropped_within_100_ms_of_a_reply_that_took_900(
    milliseconds: int, later: float, answer: bytes
) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        await asyncio.sleep(1)
        await desk.ask(f"AT+SLEEP={milliseconds}")
        assert await ask_later(desk, later) == answer

    at_fake_desk(work)


@pytest.mark.parametrize("line", ["??", " ?", "? ", "", "AT?", "\x00?"])
def test_nothing_but_a_lone_question_mark_is_dropped(line: str) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        await desk.ask("AT+SLEEP=901")
        assert await ask_later(desk, 0.0, line) == ERROR

    at_fake_desk(work)


def test_it_counts_when_its_line_end_comes() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.type("AT+SLEEP=1000\r\n")
        await asyncio.sleep(0.5)
        desk.type("?\r")
        await desk.expect(b"OK\r\n")
        await asyncio.sleep(0.05)
        desk.type("\n")
        assert desk.unread() == b""
        desk.type("?\r")
        await asyncio.sleep(0.06)
        desk.type("\n")
        assert desk.unread() == ERROR

    at_fake_desk(work)


def test_while_a_command_runs_it_is_busy() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.type("AT+SLEEP=1000\r\n")
        assert await ask_later(desk, 0.5) == written("⏎busy p...⏎")

    at_fake_desk(work)


def test_it_is_echoed_like_any_line() -> None:
    async def work(desk: Desk) -> None:
        await desk.ask("AT+SLEEP=901")
        assert await ask_later(desk, 0.0) == b"?\r\n"

    at_fake_desk(work)


def test_behind_a_join_that_failed() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        await desk.ask('AT+CWJAP_CUR="esp-at-sim","wrong password"', b"FAIL\r\n")
        assert await ask_later(desk, 0.099) == b""
        assert await ask_later(desk, 0.002) == ERROR

    at_fake_desk(work, World(pace=1, ethernet=False))


@pytest.mark.parametrize(("seconds", "answer"), [(0.95, b""), (0.5, ERROR)])
def test_behind_send_ok(seconds: float, answer: bytes) -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk):
            await asyncio.sleep(1)
            await desk.ask("AT+CIPSEND=4", b"> ")
            await asyncio.sleep(seconds)
            desk.type("abcd")
            await desk.expect(b"SEND OK\r\n")
            assert await ask_later(desk, 0.05) == answer

    at_fake_desk(work)


def test_behind_send_fail() -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk):
            desk.patience = 20
            await desk.ask("AT+CIPSEND=4", b"> ")
            assert await desk.expect(b"FAIL\r\n") == written("⏎SEND FAIL⏎")
            assert await ask_later(desk, 0.099) == b""
            assert await ask_later(desk, 0.002) == ERROR

    at_fake_desk(work)


def test_behind_ready() -> None:
    async def work(desk: Desk) -> None:
        desk.type("ATE0\r\n")
        assert await ask_later(desk, 0.099) == b""
        assert await ask_later(desk, 0.002) == ERROR
        desk.session.opened()
        assert await ask_later(desk, 0.099) == b""
        assert await ask_later(desk, 0.002) == ERROR

    at_fake_desk(work)


def test_the_100_ms_begin_when_the_last_byte_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def seconds(line: FakeLine, count: int) -> float:
        return count * 0.05

    async def work(desk: Desk) -> None:
        await desk.quiet()
        monkeypatch.setattr(FakeLine, "seconds", seconds)
        desk.line.slow = True
        await desk.ask("AT+SLEEP=901")
        assert desk.line.buffered == 6
        assert await ask_later(desk, 0.399) == b""
        assert await ask_later(desk, 0.002) == ERROR

    at_fake_desk(work)
