"""What systemd is told, and that nobody can put words into its ear."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.services.supervisor import Supervisor, _interval, one_line
from tests.fake_time import FakeTimeLoop


def run_in_fake_time(coroutine: Any) -> Any:
    with asyncio.Runner(loop_factory=FakeTimeLoop) as runner:
        return runner.run(coroutine)


def test_a_status_is_sent_when_it_changes() -> None:
    said: list[str] = []
    statuses = iter(["a", "a", "b", "b"])

    async def life() -> None:
        supervisor = Supervisor(said.append)
        supervisor.ready(lambda: next(statuses))
        await asyncio.sleep(15.5)
        supervisor.stopping()
        await asyncio.sleep(60)

    run_in_fake_time(life())
    assert said == [
        "READY=1",
        "WATCHDOG=1\nSTATUS=a",
        "WATCHDOG=1",
        "WATCHDOG=1\nSTATUS=b",
        "WATCHDOG=1",
        "STOPPING=1\nSTATUS=stopping",
    ]


def test_a_listener_that_is_gone_is_no_reason_to_end() -> None:
    def gone(_: str) -> None:
        raise ConnectionRefusedError

    Supervisor(gone).stopping()


def test_without_a_supervisor_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    supervisor = Supervisor()
    assert not supervisor.present
    supervisor.ready(lambda: pytest.fail("nobody wants to know"))
    supervisor.reloading()
    supervisor.stopping()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("joined a\nMAINPID=1 b", "joined a?MAINPID=1 b"),
        ("joined \x1b[31m\r\u2028", "joined ?[31m??"),
        ("joined Zürich · 2 links", "joined Zürich · 2 links"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_an_access_point_may_call_itself_anything(text: str, line: str) -> None:
    assert one_line(text) == line


@pytest.mark.parametrize(
    ("allowed", "seconds"), [("", 5), ("0", 5), ("x", 5), ("20000000", 5), ("3000000", 1)]
)
def test_the_loop_reports_three_times_in_what_the_watchdog_allows(
    allowed: str, seconds: float
) -> None:
    assert _interval({"WATCHDOG_USEC": allowed}) == seconds
