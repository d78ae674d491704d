"""When news may be written: never inside a reply, and never between a prompt and its answer."""

from __future__ import annotations

import asyncio

import pytest

from gateway.commands import all_commands
from tests import harness
from tests.harness import Desk, at_desk
from tests.session_parts import Extra, at_fake_desk, linked, stuff, written

NEWS = written("WIFI DISCONNECT⏎")


@pytest.fixture(autouse=True)
def extra(monkeypatch: pytest.MonkeyPatch) -> Extra:
    """Commands that wait and fail."""
    made = Extra()
    monkeypatch.setattr(harness, "all_commands", lambda: all_commands() | made.commands)
    return made


def news(desk: Desk) -> None:
    desk.session.announcer.station_lost()


def test_while_nothing_runs_news_come_at_once() -> None:
    async def work(desk: Desk) -> None:
        desk.type("AT+")
        news(desk)
        assert desk.unread() == b"AT+" + NEWS

    at_fake_desk(work)


def test_while_a_command_has_not_begun_its_reply_news_come_at_once(extra: Extra) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.type("AT+WAIT\r\n")
        news(desk)
        assert desk.unread() == NEWS
        extra.go.set()
        assert await desk.expect(b"OK\r\n") == written("⏎OK⏎")

    at_fake_desk(work)


def test_data_comes_at_once_while_a_command_runs(extra: Extra) -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk) as peer:
            desk.type("AT+WAIT\r\n")
            await peer.send(b"hello")
            assert await desk.expect(b"hello") == written("⏎+IPD,5:hello")
            extra.go.set()
            assert await desk.expect(b"OK\r\n") == written("⏎OK⏎")

    at_desk(work)


def test_between_prompt_and_send_ok_news_wait() -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk) as peer:
            desk.type("AT+CIPSEND=4\r\nab")
            await peer.send(b"hello")
            news(desk)
            await desk.turns(20)
            assert desk.unread() == written("⏎OK⏎> ")
            desk.type("cd")
            assert await desk.expect(b"hello") == written(
                "⏎Recv 4 bytes⏎⏎SEND OK⏎WIFI DISCONNECT⏎⏎+IPD,5:hello"
            )

    at_desk(work)


def test_between_recv_and_send_ok_news_wait_and_echo_does_not() -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk) as peer:
            await desk.ask("ATE1")
            await stuff(desk)
            desk.type(b"AT+CIPSEND=2048\r\n" + bytes(2048))
            await desk.expect(b"Recv 2048 bytes\r\n")
            news(desk)
            await peer.send(b"hello")
            await asyncio.sleep(0.1)
            desk.type("AT\r\n")
            assert desk.unread() == written("AT⏎⏎busy s...⏎")
            dropping = peer.read_on()
            assert await desk.expect(b"hello") == written("⏎SEND OK⏎WIFI DISCONNECT⏎⏎+IPD,5:hello")
            dropping.cancel()

    at_fake_desk(work)


def test_news_follow_send_fail() -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk):
            desk.patience = 20
            desk.type("AT+CIPSEND=4\r\nab")
            news(desk)
            assert await desk.expect(NEWS) == written("⏎OK⏎> ⏎SEND FAIL⏎") + NEWS

    at_fake_desk(work)


def test_news_follow_an_error_behind_a_prompt(extra: Extra) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.type("AT+BUGSEND=1\r\n")
        news(desk)
        desk.type("x")
        assert desk.unread() == written("⏎OK⏎> ⏎ERROR⏎") + NEWS

    at_fake_desk(work)


def test_news_wait_while_a_certificate_is_read() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.type("AT+CIPSSLCERT\r\n-----BEGIN")
        news(desk)
        assert desk.unread() == written("⏎OK⏎>")
        desk.type("-----END CERTIFICATE-----\r\nAT\r\n")
        assert (
            await desk.expect(NEWS)
            == written("⏎Read 35 bytes⏎Loading certificate failed⏎⏎ERROR⏎") + NEWS
        )
        assert await desk.expect(b"OK\r\n") == written("⏎OK⏎")

    at_fake_desk(work)


def test_news_follow_a_reset_that_came_between_recv_and_send_ok() -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk):
            await stuff(desk)
            desk.type(b"AT+CIPSEND=2048\r\n" + bytes(2048))
            await desk.expect(b"Recv 2048 bytes\r\n")
            news(desk)
            desk.type("AT+RST\r\n")
            assert await desk.expect(NEWS) == written("⏎OK⏎") + NEWS

    at_fake_desk(work)


def test_in_pass_through_there_are_no_news() -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk) as peer:
            await desk.ask("AT+CIPMODE=1")
            await desk.ask("AT+CIPSEND", b">")
            news(desk)
            desk.session.opened()
            await peer.send(b"bare")
            assert await desk.expect(b"bare") == b"bare"
            desk.type("+++")
            await asyncio.sleep(1.5)
            desk.type("AT\r\n")
            assert await desk.expect(b"OK\r\n") == written("⏎OK⏎")

    at_fake_desk(work)


def test_a_prompt_ends_when_somebody_else_opens_the_line() -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk):
            await desk.ask("AT+CIPSEND=100", b"> ")
            desk.type("half a pay")
            news(desk)
            desk.unread()
            desk.session.opened()
            assert desk.unread().startswith(NEWS + written("⏎ready⏎"))
            desk.type("AT\r\n")
            assert await desk.expect(b"OK\r\n") == written("⏎OK⏎")

    at_fake_desk(work)


@pytest.mark.parametrize(
    "line",
    ["AT", "AT+GMR", "AT+CWLAP", "AT+CIFSR", "AT+CIPSTA?", "AT+CIPSTATUS", "AT+CWDHCP?", "AT+NO"],
)
def test_a_reply_is_one_write(line: str) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        before = len(desk.line.writes)
        desk.type(line + "\r\n")
        await asyncio.sleep(1)
        assert len(desk.line.writes) == before + 1
        assert desk.line.writes[-1].endswith((b"OK\r\n", b"ERROR\r\n"))

    at_fake_desk(work)


def test_echo_is_not_written_into_a_message() -> None:
    async def work(desk: Desk) -> None:
        for byte in b"AT+CWLAP\r\nAT+GMR\r\nAT+CIPSEND=3\r\n":
            desk.type(bytes([byte]))
            await desk.turns(10)
        await asyncio.sleep(1)
        messages = [write for write in desk.line.writes if len(write) > 1]
        assert [write.split(b":")[0].strip() for write in messages] == [
            b"ready",
            b"+CWLAP",
            b"AT version",
            b"link is not valid\r\n\r\nERROR",
        ]

    at_fake_desk(work)
