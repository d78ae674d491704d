"""The clocks: what the kernel says, how often it is asked."""

from __future__ import annotations

import logging
import struct
import time
from pathlib import Path

import pytest

from gateway.services import clock
from gateway.services.api import Clock
from gateway.services.clock import HostClock, SimulatedClock, kernel_synchronised


def test_the_kernel_is_asked_at_most_once_a_second() -> None:
    answers = [False, True, False]
    seconds = [100.0]
    host = HostClock(lambda: answers.pop(0), monotonic=lambda: seconds[0])
    seen = []
    for second in (100.0, 100.9, 101.0, 101.9, 102.5):
        seconds[0] = second
        seen.append(host.synchronised)
    assert seen == [False, False, True, True, False]
    assert answers == []


def test_the_time_is_the_hosts() -> None:
    host: Clock = HostClock(lambda: True, read_time=lambda: 1234.5)
    assert host.unix_time() == 1234.5
    simulated: Clock = SimulatedClock()
    assert simulated.synchronised
    assert abs(simulated.unix_time() - time.time()) < 5


def test_the_servers_are_remembered(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "gateway"):
        host = HostClock(lambda: True)
        host.use_servers(("pool.ntp.org", "time.nist.gov"))
        assert host.servers == ("pool.ntp.org", "time.nist.gov")
    assert [record.levelno for record in caplog.records] == [logging.DEBUG]
    assert "pool.ntp.org, time.nist.gov" in caplog.text


@pytest.mark.parametrize(
    ("state", "status", "synchronised"),
    [(0, 0, True), (0, 0x2000, True), (5, 0x40, False), (5, 0, False), (0, 0x40, False)],
)
def test_the_kernels_answer(
    monkeypatch: pytest.MonkeyPatch, state: int, status: int, synchronised: bool
) -> None:
    import ctypes

    class Kernel:
        def __init__(self, name: None) -> None:
            pass

        def adjtimex(self, timex: ctypes.Array[ctypes.c_char]) -> int:
            offset = struct.calcsize("@I4l")
            struct.pack_into("@i", timex, offset, status)
            return state

    monkeypatch.setattr(ctypes, "CDLL", Kernel)
    assert kernel_synchronised() is synchronised


@pytest.mark.parametrize("marked", [True, False])
def test_a_service_that_may_not_ask_goes_by_timesyncds_mark(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, marked: bool
) -> None:
    import ctypes

    class Kernel:
        def __init__(self, name: None) -> None:
            pass

        def adjtimex(self, timex: ctypes.Array[ctypes.c_char]) -> int:
            return -1

    mark = tmp_path / "synchronized"
    if marked:
        mark.touch()
    monkeypatch.setattr(ctypes, "CDLL", Kernel)
    monkeypatch.setattr(clock, "_TIMESYNCD_MARK", mark)
    assert kernel_synchronised() is marked


def test_the_real_kernel_answers() -> None:
    assert kernel_synchronised() in (True, False)
