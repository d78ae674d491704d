"""Time servers at systemd-timesyncd, on a private bus with one that may be wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.services import timesync, timesync_bus
from gateway.services.network.bus_values import user_name
from gateway.services.timesync import (
    FILE_NAME,
    NetworkTime,
    TimeBus,
    TimeBusError,
    TimeServers,
    ask_network_time,
)
from gateway.services.timesync_bus import SET_SERVERS, open_time_bus
from tests import fake_time
from tests.services.fake_time_daemons import News, TimeDateDaemon, TimeSyncDaemon
from tests.services.private_bus import address_in, bus_daemon

pytestmark = pytest.mark.usefixtures("system_bus", "_no_pause")
MINE = ("a.example", "192.0.2.1")
OTHERS = ("b.example",)
ASKS = (logging.INFO, "systemd-timesyncd asks the time servers 'a.example', '192.0.2.1'")
GIVEN_BACK = (logging.INFO, "systemd-timesyncd asks its own time servers again")


@pytest.fixture
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timesync, "FIRST_PAUSE", 0.01)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run an asynchronous test."""
    asyncio.run(test())


@contextlib.asynccontextmanager
async def at_work(folder: Path) -> AsyncIterator[tuple[TimeServers, TimeSyncDaemon, News]]:
    """Time servers at work with a timesyncd that runs."""
    with News() as news:
        daemon = TimeSyncDaemon(news)
        await daemon.appear()
        servers = TimeServers(open_time_bus, folder)
        try:
            yield servers, daemon, news
        finally:
            await servers.close()
            daemon.vanish()


def test_servers_are_sent_changed_and_given_back(tmp_path: Path) -> None:
    async def test() -> None:
        async with at_work(tmp_path) as (servers, daemon, news):
            servers.use(MINE)
            await news.until(lambda: news.lines == [ASKS])
            assert json.loads((tmp_path / FILE_NAME).read_text()) == list(MINE)
            servers.use(MINE)
            servers.use((*OTHERS, *OTHERS, "", "nul\0"))
            await news.until(lambda: len(news.lines) == 2)
            servers.use(())
            await news.until(lambda: news.lines[2:] == [GIVEN_BACK])
            assert daemon.asked == [list(MINE), list(OTHERS), []]
        assert not (tmp_path / FILE_NAME).exists()

    run(test)


def test_nothing_is_opened_before_a_server_is_named(tmp_path: Path) -> None:
    async def test() -> None:
        def never(_: Callable[[], None]) -> Any:
            raise AssertionError("a connection was opened")

        servers = TimeServers(never, tmp_path)
        servers.use(())
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await servers.close()

    run(test)


def test_the_connection_ends_with_the_last_server(tmp_path: Path) -> None:
    async def test() -> None:
        async with at_work(tmp_path) as (servers, _, news):
            servers.use(MINE)
            await news.until(lambda: news.lines == [ASKS])
            (task,) = (each for each in asyncio.all_tasks() if "time servers" in each.get_name())
            servers.use(())
            async with asyncio.timeout(10):
                await task
            servers.use(MINE)
            await news.until(lambda: news.lines.count(ASKS) == 2)

    run(test)


def test_servers_that_are_named_as_the_connection_ends_are_sent(tmp_path: Path) -> None:
    async def test() -> None:
        async with at_work(tmp_path) as (_, daemon, news):

            async def open_bus(lost: Callable[[], None]) -> TimeBus:
                bus = await open_time_bus(lost)
                close = bus.close

                def close_and_name() -> None:
                    close()
                    if daemon.asked == [list(MINE), []]:
                        asyncio.get_running_loop().call_soon(servers.use, OTHERS)

                bus.close = close_and_name  # type: ignore[method-assign]
                return bus

            servers = TimeServers(open_bus, tmp_path)
            servers.use(MINE)
            await news.until(lambda: news.lines == [ASKS])
            servers.use(())
            await news.until(lambda: daemon.asked == [list(MINE), [], list(OTHERS)])
            await servers.close()

    run(test)


def test_the_end_gives_them_back(tmp_path: Path) -> None:
    async def test() -> None:
        async with at_work(tmp_path) as (servers, daemon, news):
            servers.use(MINE)
            await news.until(lambda: news.lines == [ASKS])
            await servers.close()
            assert daemon.runtime_servers == []
            assert news.lines == [ASKS, GIVEN_BACK]

    run(test)


def test_a_timesyncd_that_restarts_or_comes_late_is_told(tmp_path: Path) -> None:
    async def test() -> None:
        async with at_work(tmp_path) as (servers, daemon, news):
            servers.use(MINE)
            await news.until(lambda: news.lines == [ASKS])
            daemon.vanish()
            await news.until(lambda: len(news.lines) == 2)  # nobody asks them
            await daemon.appear()
            await news.until(lambda: news.lines[2:] == [ASKS])
            assert daemon.runtime_servers == list(MINE)
            daemon.vanish()
            servers.use(())
            await daemon.appear()
        assert daemon.asked == [list(MINE), list(MINE)]

    run(test)


def test_servers_that_somebody_else_has_named_since_stay(tmp_path: Path) -> None:
    async def test() -> None:
        async with at_work(tmp_path) as (servers, daemon, news):
            servers.use(MINE)
            await news.until(lambda: news.lines == [ASKS])
            daemon.runtime_servers = list(OTHERS)
            await servers.close()
            assert daemon.runtime_servers == list(OTHERS)
            assert not (tmp_path / FILE_NAME).exists()

    run(test)


@pytest.mark.parametrize("same", [True, False])
def test_what_a_killed_gateway_left_is_taken_back(tmp_path: Path, same: bool) -> None:
    async def test() -> None:
        (tmp_path / FILE_NAME).write_text(json.dumps(MINE))
        async with at_work(tmp_path) as (servers, daemon, news):
            daemon.runtime_servers = list(MINE if same else OTHERS)
            servers.use(())
            await news.until(lambda: not same or news.lines == [GIVEN_BACK])
            await servers.close()
            assert daemon.runtime_servers == ([] if same else list(OTHERS))
        assert not (tmp_path / FILE_NAME).exists()

    run(test)


def test_what_a_killed_gateway_left_is_sent_again_if_it_is_wanted_again(tmp_path: Path) -> None:
    async def test() -> None:
        (tmp_path / FILE_NAME).write_text(json.dumps(MINE))
        async with at_work(tmp_path) as (servers, daemon, news):
            servers.use(MINE)
            await news.until(lambda: news.lines == [ASKS])
            assert daemon.asked == [list(MINE)]

    run(test)


@pytest.mark.parametrize("text", ["", "{", '"a"', "[1]", "\xff"])
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    async def test() -> None:
        (tmp_path / FILE_NAME).write_bytes(text.encode("latin-1"))
        async with at_work(tmp_path) as (servers, daemon, _):
            servers.use(())
            await servers.close()
            assert daemon.asked == []

    run(test)


def test_a_record_that_cannot_be_written_is_said_and_the_servers_are_sent(tmp_path: Path) -> None:
    async def test() -> None:
        (tmp_path / "file").touch()
        async with at_work(tmp_path / "file") as (servers, _, news):
            servers.use(MINE)
            await news.until(lambda: ASKS in news.lines)
            level, sentence = news.lines[0]
            assert level == logging.WARNING
            assert "after a kill the time servers stay" in sentence

    run(test)


ACCESS = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
INVALID = "org.freedesktop.DBus.Error.InvalidArgs"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            (ACCESS, "Interactive authentication required."),
            f"systemd-timesyncd refuses {SET_SERVERS} to user {user_name()}; install the polkit "
            "rule of the package, or run as root",
        ),
        (
            (INVALID, "Invalid NTP server name or address, refusing: a b"),
            "systemd-timesyncd did not take the time servers 'a.example', '192.0.2.1': "
            "Invalid NTP server name or address, refusing: a b",
        ),
    ],
)
def test_a_refusal_is_said_once_and_what_is_wanted_next_is_sent(
    tmp_path: Path, answer: tuple[str, str], said: str
) -> None:
    async def test() -> None:
        async with at_work(tmp_path) as (servers, daemon, news):
            daemon.answer = answer
            servers.use(MINE)
            await news.until(lambda: bool(news.lines))
            servers.use(MINE)
            daemon.answer = None
            servers.use(OTHERS)
            await news.until(lambda: len(news.lines) == 2)
            assert news.lines[0] == (logging.WARNING, said)
            assert daemon.asked == [list(MINE), list(OTHERS)]

    run(test)


def test_after_a_refusal_nothing_is_given_back_and_nothing_is_recorded(tmp_path: Path) -> None:
    async def test() -> None:
        async with at_work(tmp_path) as (servers, daemon, news):
            daemon.answer = (ACCESS, "no")
            servers.use(MINE)
            await news.until(lambda: bool(news.lines))
            daemon.runtime_servers = list(MINE)  # by somebody else
            await servers.close()
            assert daemon.runtime_servers == list(MINE)
        assert not (tmp_path / FILE_NAME).exists()

    run(test)


def test_a_late_answer_may_have_done_it_and_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timesync_bus, "CALL_SECONDS", 0.2)

    async def test() -> None:
        async with at_work(tmp_path) as (servers, daemon, news):
            daemon.answer = "never"
            servers.use(MINE)
            await news.until(lambda: bool(news.lines))
            assert "within 0.2 s" in news.lines[0][1]
            assert json.loads((tmp_path / FILE_NAME).read_text()) == list(MINE)
            daemon.answer, daemon.runtime_servers = None, list(MINE)
            await servers.close()
            assert daemon.runtime_servers == []

    run(test)


NOT_ASKED = "the time servers 'a.example', '192.0.2.1' are not asked: "
OFF = "network time is off on this machine; `sudo timedatectl set-ntp true` turns it on"
ANOTHER = "another program than systemd-timesyncd keeps this machine's clock"


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is there while systemd-timesyncd runs, if the test makes it."""
    folder = tmp_path / "runs"
    monkeypatch.setattr(timesync, "RUNS", folder)
    return folder


def test_one_that_has_no_name_on_the_bus_yet_is_told_from_another_program(
    tmp_path: Path, runs: Path
) -> None:
    runs.mkdir()

    async def test() -> None:
        timedated = TimeDateDaemon(switched_on=True)
        await timedated.appear()
        try:
            with News() as news:
                servers = TimeServers(open_time_bus, tmp_path)
                servers.use(MINE)
                await news.until(lambda: bool(news.lines))
                await servers.close()
        finally:
            timedated.vanish()
        level, sentence = news.lines[0]
        assert level == logging.INFO
        assert "systemd-timesyncd runs, and D-Bus does not know it" in sentence

    run(test)


@pytest.mark.parametrize(
    ("timedated", "level", "said"),
    [
        (TimeDateDaemon(switched_on=False), logging.WARNING, OFF),
        (TimeDateDaemon(switched_on=True), logging.INFO, ANOTHER),
        (TimeDateDaemon(synchronised=True), logging.INFO, ANOTHER),
        (None, logging.WARNING, "systemd-timesyncd is not running (systemd-timedated is not there"),
    ],
)
def test_without_timesyncd_it_is_said_why_nobody_asks(
    tmp_path: Path, timedated: TimeDateDaemon | None, level: int, said: str
) -> None:
    async def test() -> None:
        if timedated is not None:
            await timedated.appear()
        try:
            with News() as news:
                servers = TimeServers(open_time_bus, tmp_path)
                servers.use(MINE)
                await news.until(lambda: bool(news.lines))
                servers.use(MINE)
                daemon = TimeSyncDaemon(news)
                await daemon.appear()
                await news.until(lambda: len(news.lines) == 2)
                await servers.close()
                daemon.vanish()
        finally:
            if timedated is not None:
                timedated.vanish()
        assert news.lines[0][0] == level
        assert news.lines[0][1].startswith(NOT_ASKED + said)
        assert news.lines[1:] == [ASKS, GIVEN_BACK]

    run(test)


def test_what_timedated_says_is_told() -> None:
    async def test() -> None:
        timedated = TimeDateDaemon(switched_on=True, synchronised=False)
        await timedated.appear()
        assert await ask_network_time(open_time_bus) == NetworkTime(True, False)
        timedated.switched_on, timedated.synchronised = False, True
        assert await ask_network_time(open_time_bus) == NetworkTime(False, True)
        timedated.vanish()
        with pytest.raises(TimeBusError, match="systemd-timedated is not there") as caught:
            await ask_network_time(open_time_bus)
        assert not caught.value.late

    run(test)


def test_in_a_hurry_a_timesyncd_that_runs_is_answer_enough(tmp_path: Path) -> None:
    async def test() -> None:
        async with at_work(tmp_path):  # there is no timedated
            assert await ask_network_time(open_time_bus, hurry=True) == NetworkTime(True, False)
            with pytest.raises(TimeBusError):
                await ask_network_time(open_time_bus)

    run(test)


def test_a_timedated_that_hangs_is_not_waited_for() -> None:
    class Bus:
        closed = False

        async def owner(self) -> str:
            return ""

        async def network_time(self) -> NetworkTime:
            await asyncio.Event().wait()
            raise AssertionError

        def close(self) -> None:
            self.closed = True

    bus = Bus()

    async def opened(_: Callable[[], None]) -> Any:
        return bus

    async def test() -> None:
        with pytest.raises(TimeBusError, match="does not answer within 2 s") as caught:
            await ask_network_time(opened, hurry=True)
        assert caught.value.late
        assert asyncio.get_running_loop().time() == pytest.approx(2)

    fake_time.run(test())
    assert bus.closed


def test_the_bus_dies_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address_in(tmp_path))

    async def test() -> None:
        with News() as news:
            daemon = TimeSyncDaemon(news)
            servers = TimeServers(open_time_bus, tmp_path)
            with bus_daemon(tmp_path) as bus:
                await daemon.appear()
                servers.use(MINE)
                await news.until(lambda: news.lines == [ASKS])
                bus.kill()
                await news.until(lambda: len(news.lines) >= 2)
                daemon.vanish()
            with bus_daemon(tmp_path):
                await daemon.appear()
                await news.until(lambda: news.lines.count(ASKS) == 2)
                await servers.close()
                daemon.vanish()
        wait = {line for line in news.lines if line not in (ASKS, GIVEN_BACK)}
        assert all(text.startswith("the time servers wait: ") for _, text in wait)

    run(test)


def test_without_the_binding_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sdbus", None)

    async def test() -> None:
        with News() as news:
            servers = TimeServers(open_time_bus, tmp_path)
            servers.use(MINE)
            await news.until(lambda: bool(news.lines))
            await servers.close()
        ((level, line),) = news.lines
        assert level == logging.WARNING
        assert "install the Debian package python3-sdbus" in line

    run(test)


def test_the_bus_is_tried_again_after_longer_and_longer_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timesync, "FIRST_PAUSE", 1.0)
    opened: list[float] = []

    async def refuse(_: Callable[[], None]) -> Any:
        opened.append(asyncio.get_running_loop().time())
        raise TimeBusError("no bus")

    async def test() -> None:
        with News() as news:
            servers = TimeServers(refuse, tmp_path)
            servers.use(MINE)
            await asyncio.sleep(100)
            begun = asyncio.get_running_loop().time()
            await servers.close()
            assert asyncio.get_running_loop().time() - begun <= timesync.CLOSE_SECONDS
        assert news.lines == [(logging.WARNING, "the time servers wait: no bus")]

    fake_time.run(test())
    assert opened == pytest.approx([0, 1, 3, 7, 15, 31, 61, 91])
