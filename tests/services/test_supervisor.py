"""What systemd is told, and that nobody can put words into its ear."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway import daemon
from gateway.services.api import UartSettings
from gateway.services.descriptor_line import LineMissing, LineUnavailable
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


@pytest.mark.parametrize(("patient", "after", "opens"), [(True, 4.9, True), (True, 5.5, False)])
def test_a_device_that_comes_late_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, patient: bool, after: float, opens: bool
) -> None:
    line = object()

    def open_line(device: str, settings: UartSettings) -> Any:
        if asyncio.get_running_loop().time() < after:
            raise LineMissing(device)
        return line

    monkeypatch.setattr(daemon, "open_line", open_line)
    opening = daemon._opened("/dev/late", UartSettings(), asyncio.Event(), patient=patient)
    if opens:
        assert run_in_fake_time(opening) is line
    else:
        with pytest.raises(LineMissing):
            run_in_fake_time(opening)


@pytest.mark.parametrize(
    ("error", "patient"), [(LineMissing("missing"), False), (LineUnavailable("held"), True)]
)
def test_nothing_else_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, error: LineUnavailable, patient: bool
) -> None:
    calls = []

    def open_line(device: str, settings: UartSettings) -> Any:
        calls.append(device)
        raise error

    monkeypatch.setattr(daemon, "open_line", open_line)
    with pytest.raises(LineUnavailable):
        run_in_fake_time(daemon._opened("/dev/x", UartSettings(), asyncio.Event(), patient=patient))
    assert calls == ["/dev/x"]


def test_a_stop_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_line(device: str, settings: UartSettings) -> Any:
        raise LineMissing(device)

    async def life() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.call_later(1.234, stop.set)
        assert await daemon._opened("/dev/late", UartSettings(), stop, patient=True) is None
        assert loop.time() == pytest.approx(1.234)

    monkeypatch.setattr(daemon, "open_line", open_line)
    run_in_fake_time(life())
