"""The clocks: what the kernel says, how often it is asked."""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.services.api import Clock
from gateway.services.clock import NOT_YET, HostClock, SimulatedClock, kernel_synchronised
from gateway.services.timesync import NetworkTime, TimeBusError


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


@dataclass
class Keeper:
    """Stands in for what keeps the time servers."""

    used: list[tuple[str, ...]] = field(default_factory=list)
    closed: bool = False

    def use(self, servers: tuple[str, ...]) -> None:
        """Note them."""
        self.used.append(servers)

    async def close(self) -> None:
        """Note it."""
        self.closed = True


def test_the_servers_are_handed_on() -> None:
    keeper = Keeper()
    host = HostClock(lambda: True, servers=keeper)
    host.use_servers(("pool.ntp.org", "time.nist.gov"))
    assert host.servers == ("pool.ntp.org", "time.nist.gov")
    asyncio.run(host.close())
    assert keeper == Keeper([("pool.ntp.org", "time.nist.gov")], closed=True)


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


def test_a_service_that_may_not_ask_the_kernel_hears_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ctypes

    class Kernel:
        def __init__(self, name: None) -> None:
            pass

        def adjtimex(self, timex: ctypes.Array[ctypes.c_char]) -> int:
            return -1

    monkeypatch.setattr(ctypes, "CDLL", Kernel)
    assert kernel_synchronised() is None


def test_the_real_kernel_answers() -> None:
    assert kernel_synchronised() in (True, False, None)


Answer = NetworkTime | TimeBusError
OFF = NetworkTime(switched_on=False, synchronised=False)
WAITING = NetworkTime(switched_on=True, synchronised=False)
KEPT = NetworkTime(switched_on=True, synchronised=True)


class Host:
    """A host clock whose kernel, mark and timedated say what a test wants."""

    def __init__(self, folder: Path, *answers: Answer, kernel: bool | None = None) -> None:
        self.kernel = kernel
        self.mark = folder / "synchronized"
        self.answers = list(answers)
        self.seconds = 0.0
        self.asked = 0
        self.clock = HostClock(
            lambda: self.kernel,
            monotonic=lambda: self.seconds,
            mark=self.mark,
            ask_timedated=self._answer,
        )

    async def _answer(self, hurry: bool) -> NetworkTime:
        self.asked += 1
        answer = self.answers[min(self.asked, len(self.answers)) - 1]
        if isinstance(answer, TimeBusError):
            raise answer
        return answer

    async def look(self, seconds: float) -> bool:
        """Whether it counts as synchronised then; what it began is done on return."""
        self.seconds = seconds
        seen = self.clock.synchronised
        for _ in range(3):
            await asyncio.sleep(0)
        return seen


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run an asynchronous test."""

    async def main() -> None:
        await test()

    asyncio.run(main())


def test_without_the_kernel_timesyncds_mark_tells(tmp_path: Path) -> None:
    host = Host(tmp_path, WAITING)
    host.mark.touch()
    assert host.clock.synchronised
    assert host.asked == 0


def test_without_kernel_and_mark_timedated_tells_later_and_is_not_pestered(tmp_path: Path) -> None:
    async def test() -> None:
        gone = TimeBusError("x")
        host = Host(tmp_path, WAITING, KEPT, gone)
        seen = [await host.look(second) for second in (0, 1.5, 9.5, 10.5, 12, 19, 21, 22.5)]
        assert seen == [False, False, False, False, True, True, True, False]
        assert host.asked == 3
        await host.clock.close()

    run(test)


def test_what_the_kernel_says_needs_nobody_else(tmp_path: Path) -> None:
    host = Host(tmp_path, KEPT, kernel=False)
    host.mark.touch()
    assert not host.clock.synchronised
    assert host.asked == 0


def test_closing_ends_an_inquiry(tmp_path: Path) -> None:
    async def test() -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def never(hurry: bool) -> NetworkTime:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return OFF

        host = HostClock(lambda: None, mark=tmp_path / "none", ask_timedated=never)
        assert not host.synchronised
        await begun.wait()
        await host.close()
        assert ended.is_set()

    run(test)


def test_before_the_time_is_known_it_is_doubted_and_then_no_more(tmp_path: Path) -> None:
    async def test() -> None:
        host = Host(tmp_path, WAITING, kernel=False)
        assert await host.clock.doubt() == NOT_YET
        assert await host.clock.doubt() == NOT_YET
        host.kernel, host.seconds = True, 2
        assert await host.clock.doubt() is None
        # Hours without a time server: the kernel is not sure any more, the clock still runs.
        host.kernel, host.seconds = False, 4
        assert await host.clock.doubt() is None
        assert host.asked == 2

    run(test)


def test_a_clock_that_timesyncd_has_set_is_not_doubted_by_the_next_process(tmp_path: Path) -> None:
    async def test() -> None:
        host = Host(tmp_path, WAITING, kernel=False)
        host.mark.touch()
        assert await host.clock.doubt() is None
        assert host.asked == 0

    run(test)


def test_what_timedated_says_counts_for_good(tmp_path: Path) -> None:
    async def test() -> None:
        host = Host(tmp_path, KEPT, WAITING)
        assert await host.clock.doubt() is None
        assert await host.clock.doubt() is None
        assert host.asked <= 2  # once for this, once in the background
        await host.clock.close()

    run(test)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (OFF, "nobody sets this machine's clock, network time is off"),
        (TimeBusError("no bus"), "nobody can tell whether this machine's clock is right (no bus)"),
    ],
)
def test_where_nobody_sets_the_clock_it_counts_and_that_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, answer: Answer, said: str
) -> None:
    async def test() -> None:
        host = Host(tmp_path, answer, kernel=False)
        assert [await host.clock.doubt(), await host.clock.doubt()] == [None, None]
        assert not host.clock.synchronised

    run(test)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith(said)


def test_who_does_not_answer_in_time_leaves_a_doubt(tmp_path: Path) -> None:
    async def test() -> None:
        host = Host(tmp_path, TimeBusError("no answer", late=True), kernel=False)
        assert await host.clock.doubt() == "whether the time is known cannot be told: no answer"

    run(test)


def test_the_simulated_clock_is_never_in_doubt() -> None:
    async def test() -> None:
        simulated: Clock = SimulatedClock()
        assert await simulated.doubt() is None
        await simulated.close()

    run(test)
