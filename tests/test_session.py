"""The session: one command at a time, what is answered meanwhile, and that bugs do not kill it."""

from __future__ import annotations

import asyncio
import logging
import re

import pytest

from gateway.commands import all_commands
from gateway.services.network.simulated import World
from tests import harness
from tests.harness import Desk, at_desk
from tests.session_parts import Extra, at_fake_desk, linked, reading, stuff, written


@pytest.fixture
def extra(monkeypatch: pytest.MonkeyPatch) -> Extra:
    """Commands that wait and fail, in every session of the test."""
    made = Extra()
    monkeypatch.setattr(harness, "all_commands", lambda: all_commands() | made.commands)
    return made


def test_echo_is_on_at_first_and_nothing_else_is_said() -> None:
    async def work(desk: Desk) -> None:
        desk.type("A")
        assert desk.unread() == b"A"
        desk.type("T\r\n")
        assert desk.unread() == written("T⏎⏎OK⏎")
        desk.type("ATE0\r\nAT\r\nATE1\r\nAT\r\n")
        assert desk.unread() == written("ATE0⏎⏎OK⏎⏎OK⏎⏎OK⏎AT⏎⏎OK⏎")

    at_fake_desk(work)


def test_payload_of_2048_with_the_next_commands_behind_it_in_one_read() -> None:
    payload = b"AT+RST\r\n" * 256

    async def work(desk: Desk) -> None:
        async with linked(desk) as peer:
            desk.type(b"AT+CIPSEND=2048\r\n" + payload + b"AT+CIPMUX?\r\nATE1\r\nA")
            assert desk.unread() == written("⏎OK⏎> ⏎Recv 2048 bytes⏎⏎SEND OK⏎+CIPMUX:0⏎⏎OK⏎⏎OK⏎A")
            assert await peer.read(2048) == payload

    at_desk(work)


def test_payload_is_not_echoed_and_the_line_behind_it_is() -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk) as peer:
            await desk.ask("ATE1")
            desk.type("AT+CIPSEND=4\r\nabcdAT\r\n")
            assert desk.unread() == written("AT+CIPSEND=4⏎⏎OK⏎> ⏎Recv 4 bytes⏎⏎SEND OK⏎AT⏎⏎OK⏎")
            assert await peer.read(4) == b"abcd"

    at_desk(work)


# one command at a time


@pytest.mark.parametrize("line", ["AT", "?", "", "rubbish", "AT+CWJAP?", "A" * 300, "AT+rst"])
def test_a_line_while_a_command_runs_is_busy_once(extra: Extra, line: str) -> None:
    async def work(desk: Desk) -> None:
        desk.type("AT+WAIT\r\n")
        assert desk.unread() == written("AT+WAIT⏎")
        for _ in range(3):
            desk.type(line + "\r\n")
            assert await desk.expect(b"...\r\n") == written(f"{line}⏎⏎busy p...⏎")
        extra.go.set()
        assert await desk.expect(b"OK\r\n") == written("⏎OK⏎")
        desk.type("AT\r\n")
        assert desk.unread() == written("AT⏎⏎OK⏎")

    at_fake_desk(work)


@pytest.mark.parametrize(("milliseconds", "answer"), [(49, "⏎OK⏎⏎OK⏎"), (51, "⏎busy p...⏎⏎OK⏎")])
def test_only_a_command_that_is_slow_for_a_human_makes_the_next_one_busy(
    extra: Extra, milliseconds: int, answer: str
) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.type(f"AT+SLEEP={milliseconds}\r\nAT\r\n")
        desk.type("")
        assert await desk.expect(written(answer)) == written(answer)
        assert reading(desk)

    at_fake_desk(work)


def test_what_comes_while_a_command_settles_is_held_back_and_not_lost(extra: Extra) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.type("AT+SLEEP=40\r\n")
        desk.type("AT+CIPMUX?\r\nAT+CIP")
        assert not reading(desk)
        assert await desk.expect(b"OK\r\n") == written("⏎OK⏎")
        assert await desk.expect(b"OK\r\n") == written("+CIPMUX:0⏎⏎OK⏎")
        assert reading(desk)
        desk.type("MODE?\r\n")
        assert desk.unread() == written("+CIPMODE:0⏎⏎OK⏎")

    at_fake_desk(work)


def test_half_a_line_is_not_busy_and_belongs_to_the_moment_of_its_lf(extra: Extra) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.type("AT+WAIT\r\nAT+CIPMUX?\r")
        assert desk.unread() == b""
        extra.go.set()
        await desk.expect(b"OK\r\n")
        desk.type("\n")
        assert desk.unread() == written("+CIPMUX:0⏎⏎OK⏎")

    at_desk(work)


def test_joining_is_busy_for_as_long_as_it_takes() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.type('AT+CWJAP_CUR="esp-at-sim","password"\r\n')
        assert await desk.expect(b"CONNECTED\r\n") == written("WIFI CONNECTED⏎")
        desk.type("AT\r\nAT+CIFSR\r\n")
        assert desk.unread() == written("⏎busy p...⏎⏎busy p...⏎")
        assert await desk.expect(b"OK\r\n") == written("WIFI GOT IP⏎⏎OK⏎")
        assert 0.5 < asyncio.get_running_loop().time() < 18

    at_fake_desk(work, World(pace=1, ethernet=False))


def test_between_recv_and_send_ok_it_is_busy_sending() -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk) as peer:
            await stuff(desk)
            desk.type(b"AT+CIPSEND=2048\r\n" + bytes(2048) + b"AT\r\n?\r\n")
            busy = written("⏎OK⏎> ⏎Recv 2048 bytes⏎⏎busy s...⏎⏎busy s...⏎")
            assert await desk.expect(busy) == busy
            dropping = peer.read_on()
            assert await desk.expect(b"SEND OK\r\n") == written("⏎SEND OK⏎")
            desk.type("AT\r\n")
            assert desk.unread() == written("⏎OK⏎")
            dropping.cancel()

    at_desk(work)


# a reset


def test_a_reset_is_obeyed_while_a_command_runs(extra: Extra) -> None:
    async def work(desk: Desk) -> None:
        desk.type("AT+WAIT\r\nAT\r\nAT+RST\r\nAT\r\n")
        answer = written("AT+WAIT⏎AT⏎⏎busy p...⏎AT+RST⏎⏎OK⏎")
        assert await desk.expect(answer) == answer
        assert desk.session.over.done()
        await desk.turns(3)
        assert extra.cancelled == 1
        extra.go.set()
        desk.type("AT\r\n")
        await desk.turns(5)
        assert desk.unread() == b""

    at_fake_desk(work)


def test_a_reset_is_obeyed_while_a_peer_takes_nothing() -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk):
            await stuff(desk)
            desk.type(b"AT+CIPSEND=2048\r\n" + bytes(2048) + b"AT+RST\r\n")
            answer = written("⏎OK⏎> ⏎Recv 2048 bytes⏎⏎OK⏎")
            assert await desk.expect(answer) == answer
            assert desk.session.over.done()
            await desk.turns(5)
            assert desk.unread() == b""

    at_desk(work)


def test_a_reset_inside_payload_is_payload() -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk) as peer:
            desk.type("AT+CIPSEND=8\r\nAT+RST\r\n")
            assert desk.unread().endswith(b"SEND OK\r\n")
            assert not desk.session.over.done()
            assert await peer.read(8) == b"AT+RST\r\n"

    at_desk(work)


@pytest.mark.parametrize("line", ["AT+WAIT", "AT+CIPSEND=5", "AT+CIPSSLCERT"])
def test_a_session_can_end_in_the_middle_of_anything(extra: Extra, line: str) -> None:
    async def work(desk: Desk) -> None:
        async with linked(desk):
            desk.type(line + "\r\n")
            desk.unread()
            await desk.session.close()
            desk.type("AT\r\n")
            assert desk.unread() == b""
            assert extra.cancelled == (line == "AT+WAIT")

    at_desk(work)


def test_a_line_that_is_lost_ends_the_session() -> None:
    async def work(desk: Desk) -> None:
        desk.session.lost(OSError("unplugged"))
        desk.session.lost(OSError("again"))
        assert str(desk.session.over.exception()) == "the serial line is lost: unplugged"

    at_fake_desk(work)


# bugs, and what the host cannot do


@pytest.mark.parametrize("line", ["AT+BUG", "AT+BUG=1", "AT+BUG=3", "AT+BUGSEND=4"])
def test_a_bug_is_an_error_and_a_traceback_and_no_more(
    extra: Extra, caplog: pytest.LogCaptureFixture, line: str
) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.type(line + "\r\n")
        if "SEND" in line:
            assert desk.unread() == written("⏎OK⏎> ")
            desk.type("abcd")
        assert await desk.expect(b"ERROR\r\n") == written("⏎ERROR⏎")
        desk.type("AT\r\n")
        assert desk.unread() == written("⏎OK⏎")

    at_desk(work)
    bugs = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(bugs) == 1
    assert line.partition("=")[0] in bugs[0].getMessage()
    assert bugs[0].exc_info is not None
    assert bugs[0].exc_info[0] is LookupError


@pytest.mark.parametrize("turns", [0, 2])
def test_what_the_host_cannot_do_is_an_error_with_its_cause(
    extra: Extra, caplog: pytest.LogCaptureFixture, turns: int
) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        assert await desk.refused(f"AT+SERVICE={turns}") == written("⏎ERROR⏎")

    with caplog.at_level(logging.INFO, "gateway.session"):
        at_desk(work)
    assert "AT+SERVICE=: ERROR (the host is out of order)" in caplog.messages
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    "line",
    [
        'AT+CWJAP_CUR="esp-at-sim","s3cretpassword"',
        'AT+CWJAP_CUR="esp-at-sim","s3cretpassword"x',
        'AT+CWJAPX="esp-at-sim","s3cretpassword"',
        'at+cwjap="esp-at-sim","s3cretpassword"',
        's3cretpassword"',
        'AT+CWSAP_CUR="x","s3cretpassword",99,3',
    ],
)
def test_no_password_is_logged(caplog: pytest.LogCaptureFixture, line: str) -> None:
    async def work(desk: Desk) -> None:
        desk.type(line + "\r\n")
        await desk.expect_match(re.compile(rb"(ERROR|FAIL)\r\n"))

    with caplog.at_level(logging.DEBUG):
        at_desk(work, World(pace=0))
    assert caplog.records
    assert "s3cret" not in caplog.text
