"""Commands that store: a disk that refuses, and resets while a write is under way."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest

from gateway.services.api_settings import Settings
from gateway.services.settings import StoredSettings
from tests.commands.dialog import ERROR, OK, answer, hold, news, shown, state
from tests.harness import Desk, at_desk
from tests.served import READY, Served, serve
from tests.services.stored import Gate, failing

DISK_FULL = ("fsync", errno.ENOSPC)
READ_ONLY = ("open", errno.EROFS)


@pytest.mark.parametrize(("call", "code"), [DISK_FULL, READ_ONLY], ids=["full", "read-only"])
@pytest.mark.parametrize(
    "line",
    [
        "AT+CWMODE=1",
        "AT+CWMODE_DEF=2",
        "AT+CWDHCP=1,0",
        "AT+CWDHCP_DEF=2,0",
        "AT+CWAUTOCONN=0",
        'AT+CIPSTAMAC="02:00:00:00:00:01"',
        'AT+CIPSTA="10.1.2.3"',
        'AT+CIPSTA_DEF="10.1.2.3"',
        'AT+CIPDNS=1,"9.9.9.9"',
        'AT+CWSAP="mine","password",5,3',
        'AT+CIPAP="10.0.0.1"',
        'AT+CIPAPMAC="02:00:00:00:00:01"',
        'AT+CIPETH="10.1.2.3"',
        'AT+CIPETHMAC="02:00:00:00:00:01"',
        "AT+UART=9600,8,1,0,0",
        "AT+UART_DEF=9600,8,1,0,0",
        "AT+RESTORE",
    ],
)
def test_a_disk_that_refuses(
    line: str, call: str, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        # something is stored, and no line above asks for what is in force already
        await hold(desk, ("AT+CWMODE=3", OK))
        before = state(desk)
        desk.session.gateway.volatile.hardware_macs.clear()
        caplog.clear()
        with failing(call, code), caplog.at_level(logging.INFO):
            assert await answer(desk, line) == ERROR
        (record,) = caplog.records
        assert os.strerror(code) in record.getMessage()
        desk.session.gateway.volatile.hardware_macs.clear()
        assert state(desk) == before
        assert StoredSettings(desk.settings_folder).stored == Settings(mode=3)
        await hold(desk, ("AT", OK), ("AT+CWMODE?", "+CWMODE:3⏎⏎OK⏎"))
        # what is only in force needs no disk
        with failing(call, code):
            await hold(desk, ('AT+CIPDNS_CUR=1,"8.8.8.8"', OK))
        assert (await answer(desk, "AT+CWAUTOCONN=0")) == OK

    at_desk(work)


def test_a_join_that_cannot_be_stored_is_a_join_and_an_error() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        with failing(*DISK_FULL):
            await hold(
                desk,
                (
                    'AT+CWJAP="esp-at-sim","password"',
                    "WIFI CONNECTED⏎WIFI GOT IP⏎⏎ERROR⏎",
                ),
            )
        assert desk.network.station.address is not None
        assert desk.settings.stored == desk.settings.in_force == Settings()
        await hold(desk, ("AT", OK))

    at_desk(work)


def test_others_are_busy_while_a_setting_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        gate = Gate(monkeypatch)
        served.type("AT+CWMODE=3\r\n")
        await gate.begun.wait()
        served.type("AT+CWMODE?\r\n")
        assert shown(await served.expect(b"...\r\n")) == "⏎busy p...⏎"
        gate.open.set()
        assert shown(await served.expect(b"OK\r\n")) == OK
        await hold(served, ("AT+CWMODE?", "+CWMODE:3⏎⏎OK⏎"))

    serve(work, tmp_path)


@pytest.mark.parametrize(
    ("line", "mode"), [("AT+CWMODE=3", 3), ("AT+CWMODE_DEF=3", 3), ("AT+RESTORE", 1)]
)
def test_a_reset_while_a_store_is_under_way_loses_nothing(
    line: str, mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        await hold(served, ("AT+CWMODE=2", OK))
        gate = Gate(monkeypatch)
        served.type(line + "\r\n")
        await gate.begun.wait()
        served.type("AT+RST\r\n")
        # the running command ends without a reply, and `ready` waits for the disk
        assert shown(await served.expect(b"OK\r\n")) == OK
        assert await news(served) == ""
        gate.open.set()
        assert shown(await served.expect(READY)) == "⏎ready⏎"
        await served.quiet()
        await hold(
            served,
            ("AT+CWMODE?", f"+CWMODE:{mode}⏎⏎OK⏎"),
            ("AT+CWMODE_DEF?", f"+CWMODE_DEF:{mode}⏎⏎OK⏎"),
        )

    serve(work, tmp_path)
    assert StoredSettings(tmp_path / "state").stored.mode == mode


def test_a_reset_right_behind_a_store_loses_nothing(tmp_path: Path) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        served.type("AT+CWMODE=3\r\nAT+RST\r\n")
        # a slow disk leaves the first command without its reply
        said = shown(await served.expect(READY))
        assert said in ("⏎OK⏎⏎OK⏎⏎ready⏎", "⏎OK⏎⏎ready⏎")
        await served.quiet()
        await hold(served, ("AT+CWMODE?", "+CWMODE:3⏎⏎OK⏎"))

    serve(work, tmp_path)


def test_a_store_that_fails_after_a_reset_is_told_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        gate = Gate(monkeypatch)
        gate.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        served.type("AT+CWMODE=3\r\n")
        await gate.begun.wait()
        served.type("AT+RST\r\n")
        await served.expect(b"\r\nOK\r\n")
        gate.open.set()
        assert shown(await served.expect(READY)) == "⏎ready⏎"
        await served.quiet()
        await hold(served, ("AT+CWMODE?", "+CWMODE:1⏎⏎OK⏎"))
        told = [each for each in caplog.records if "could not be stored" in each.getMessage()]
        assert [each.levelno for each in told] == [logging.ERROR]

    serve(work, tmp_path)


def test_the_programs_end_while_a_store_is_under_way_loses_nothing(tmp_path: Path) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        served.type("AT+CWMODE=3\r\n")

    serve(work, tmp_path)
    assert StoredSettings(tmp_path / "state").stored.mode == 3
