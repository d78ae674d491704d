"""The monitor's socket: records only while somebody listens, and nobody is waited for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import stat
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.services import journal
from gateway.services.api_trace import SOCKET_NAME
from gateway.services.trace import MOST_WATCHERS, MonitorSocket, runtime_folder
from gateway.services.trace_watcher import BUFFER, Watcher, record_line
from tests.monitor_room import Listener, listening

Work = Callable[[MonitorSocket], Coroutine[Any, Any, None]]


@contextlib.asynccontextmanager
async def monitor(folder: Path) -> AsyncIterator[MonitorSocket]:
    made = MonitorSocket(folder, version="1.2.3", uart="/dev/serial0")
    try:
        yield made
    finally:
        made.close()


def listens(trace: MonitorSocket) -> bool:
    """Asked anew each time, which a type checker does not expect of an attribute."""
    return trace.listening


def with_monitor(folder: Path, work: Work) -> None:
    async def main() -> None:
        async with asyncio.timeout(10), monitor(folder) as made:
            await work(made)

    asyncio.run(main())


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def test_who_connects_is_greeted_and_told_in_order(tmp_path: Path) -> None:
    async def work(trace: MonitorSocket) -> None:
        with listening(tmp_path) as listener:
            hello = await listener.record("hello")
            assert (hello["version"], hello["uart"]) == ("1.2.3", "/dev/serial0")
            assert hello["wall"] > 1.7e9
            for number in range(100):
                trace.tell("reply", text=f"number {number}")
            told = [(await listener.record("reply"))["text"] for _ in range(100)]
            assert told == [f"number {number}" for number in range(100)]

    with_monitor(tmp_path, work)


def test_it_listens_exactly_while_somebody_is_there(tmp_path: Path) -> None:
    async def work(trace: MonitorSocket) -> None:
        assert not listens(trace)
        handlers = logging.getLogger("gateway").handlers[:]
        with listening(tmp_path) as first:
            await first.record("hello")
            assert listens(trace)
            with listening(tmp_path) as second:
                await second.record("hello")
                first.close()
                await turns()
                assert listens(trace)
        await turns()
        assert not listens(trace)
        assert logging.getLogger("gateway").handlers == handlers

    with_monitor(tmp_path, work)


def test_the_socket_is_for_owner_and_group_and_goes_with_the_service(tmp_path: Path) -> None:
    async def work(trace: MonitorSocket) -> None:
        status = (tmp_path / SOCKET_NAME).stat()
        assert stat.filemode(status.st_mode) == "srw-rw----"

    with_monitor(tmp_path, work)
    assert list(tmp_path.iterdir()) == []


def test_there_is_no_room_for_a_fifth(tmp_path: Path) -> None:
    async def work(trace: MonitorSocket) -> None:
        with contextlib.ExitStack() as stack:
            for _ in range(MOST_WATCHERS):
                await stack.enter_context(listening(tmp_path)).record("hello")
            late = stack.enter_context(listening(tmp_path))
            assert "4 monitors" in (await late.record("refused"))["text"]
            assert await late.ended()

    with_monitor(tmp_path, work)


def test_whoever_sends_something_is_no_monitor(tmp_path: Path) -> None:
    async def work(trace: MonitorSocket) -> None:
        with listening(tmp_path) as listener:
            await listener.record("hello")
            listener.say(b"AT\r\n")
            await turns()
            assert not trace.listening

    with_monitor(tmp_path, work)


def test_one_who_does_not_read_holds_nobody_up_and_is_told_what_is_missing(tmp_path: Path) -> None:
    async def work(trace: MonitorSocket) -> None:
        with listening(tmp_path) as stuck, listening(tmp_path) as quick:
            for each in (stuck, quick):
                await each.record("hello")
            sent = 0
            while sent < 2000:
                trace.tell("reply", text="x" * 1000, number=sent)
                sent += 1
                assert (await quick.record("reply"))["number"] == sent - 1
            kept = [len(watcher._buffer) for watcher in trace._watchers]
            assert max(kept) <= BUFFER
            told, missing = 0, 0
            while told + missing < sent:
                for record in stuck.read_all():
                    told += record["kind"] == "reply"
                    missing += record.get("count", 0)
                await turns()
            assert told > 50
            assert missing > 0
            trace.tell("reply", text="after")
            assert (await stuck.record("reply"))["text"] == "after"

    with_monitor(tmp_path, work)


def test_a_gap_is_one_and_the_buffer_is_bounded() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        watcher = Watcher(ours)
        watcher.put(b"x" * BUFFER)
        watcher.put(b"y")
        assert watcher.dropped == 1
        ours.setblocking(False)
        while not watcher.send():
            theirs.recv(1 << 20)
        watcher.put(b"small enough, but the gap is still open")
        assert watcher.dropped == 2
        watcher.say_dropped(1.5)
        watcher.put(b"z")
        assert watcher.send()
        assert theirs.recv(1 << 20).endswith(record_line("dropped", 1.5, {"count": 2}) + b"z")


def test_what_the_journal_gets_is_told_with_its_fields(tmp_path: Path) -> None:
    async def work(trace: MonitorSocket) -> None:
        with listening(tmp_path) as listener:
            await listener.record("hello")
            logger = logging.getLogger("gateway.links")
            logger.info("link %d closed", 2, extra={"AT_LINK": 2, "AT_SENT": 7, "other": "x"})
            record = await listener.record("link")
            assert record["text"] == "link 2 closed"
            assert (record["AT_LINK"], record["AT_SENT"], record["level"]) == (2, 7, "info")
            assert "other" not in record
            logging.getLogger("gateway.network").warning("lost")
            assert (await listener.record("network"))["level"] == "warning"
            logging.getLogger("gateway").info("reset")
            assert (await listener.record("log"))["text"] == "reset"

    with_monitor(tmp_path, work)


def test_the_result_of_a_command_is_told_by_the_session_alone(tmp_path: Path) -> None:
    async def work(trace: MonitorSocket) -> None:
        with listening(tmp_path) as listener:
            await listener.record("hello")
            logger = logging.getLogger("gateway.session")
            logger.info("AT+CWJAP: FAIL", extra={"AT_RESULT": "FAIL"})
            logger.info("something else")
            assert (await listener.record("log"))["text"] == "something else"

    with_monitor(tmp_path, work)


def test_a_record_of_another_thread_comes_too(tmp_path: Path) -> None:
    async def work(trace: MonitorSocket) -> None:
        with listening(tmp_path) as listener:
            await listener.record("hello")
            # which then refuses what is not for other threads
            asyncio.get_running_loop().set_debug(True)
            await asyncio.to_thread(logging.getLogger("gateway").info, "settings stored")
            assert (await listener.record("log"))["text"] == "settings stored"
        await asyncio.get_running_loop().shutdown_default_executor()

    with_monitor(tmp_path, work)


def test_links_are_told_of_where_the_journal_wants_warnings_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    logger = logging.getLogger("gateway")
    kept, level = logger.handlers[:], logger.level
    asyncio_handlers = logging.getLogger("asyncio").handlers[:]

    async def work(trace: MonitorSocket) -> None:
        with listening(tmp_path) as listener:
            await listener.record("hello")
            logger.info("told while watched")
            assert (await listener.record("log"))["text"] == "told while watched"
        await turns()
        assert not logger.isEnabledFor(logging.INFO)

    try:
        journal.configure("warning")
        with_monitor(tmp_path, work)
    finally:
        for handler in logger.handlers:
            if handler not in kept:
                handler.close()
        logger.handlers[:], logging.getLogger("asyncio").handlers[:] = kept, asyncio_handlers
        logger.setLevel(level)
    assert "told while watched" not in capsys.readouterr().err


def test_what_a_killed_service_left_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(tmp_path / SOCKET_NAME))

    async def work(trace: MonitorSocket) -> None:
        with listening(tmp_path) as listener:
            await listener.record("hello")

    with_monitor(tmp_path, work)


def test_the_socket_of_another_gateway_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def work(trace: MonitorSocket) -> None:
        async with monitor(tmp_path) as second:
            assert "another gateway has it" in caplog.text
            assert not second.listening
        with listening(tmp_path) as listener:
            await listener.record("hello")
        assert not second.listening

    with_monitor(tmp_path, work)


@pytest.mark.parametrize("folder", ["missing", "a" * 200])
def test_without_its_folder_there_is_no_monitor_and_no_more_than_a_debug_line(
    tmp_path: Path, folder: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def work(trace: MonitorSocket) -> None:
        trace.tell("reply", text="nobody hears it")
        assert not trace.listening

    with_monitor(tmp_path / folder, work)
    assert [record.levelname for record in caplog.records if "monitor" in record.name] == ["DEBUG"]


def test_a_file_that_is_no_socket_stays(tmp_path: Path) -> None:
    (tmp_path / SOCKET_NAME).write_text("mine")

    async def work(trace: MonitorSocket) -> None:
        assert not trace.listening

    with_monitor(tmp_path, work)
    assert (tmp_path / SOCKET_NAME).read_text() == "mine"


def test_listeners_hear_the_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with monitor(tmp_path) as trace:
            listener = Listener(tmp_path)
            await listener.record("hello")
            trace.tell("log", text="stopped")
        assert (await listener.record("log"))["text"] == "stopped"
        assert await listener.ended()
        listener.close()

    asyncio.run(main())


def test_systemds_folder_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    assert runtime_folder(Path("/run/configured")) == Path("/run/configured")
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/esp-at-gateway:/run/other")
    assert runtime_folder(Path("/run/configured")) == Path("/run/esp-at-gateway")
