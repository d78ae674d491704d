"""RST and CH_PD as one line: what is a reset, and when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway.services.api import NetworkListener, ServiceError, Wanted
from gateway.services.network.simulated import SimulatedNetwork
from gateway.services.reset_line import (
    LOOK_AGAIN_SECONDS,
    OFF_SECONDS,
    QUIET_SECONDS,
    ResetLine,
    out_of_reset,
)
from tests import fake_time
from tests.harness import FakeLine


class Wire:
    """An input whose level and edges the test makes; high at first."""

    def __init__(self, name: str = "GPIO17 (RST)", *, low: bool = False) -> None:
        self.name = name
        self.low = low
        self.told_low = low
        self._edge: Callable[[], None] = lambda: None

    def is_low(self) -> bool:
        return self.low

    def listen(self, edge: Callable[[], None]) -> None:
        self._edge = edge

    def edge(self) -> None:
        """An edge that leaves the level as it was: the pulse is over when it is told."""
        self._edge()

    def drive(self, low: bool) -> None:
        self.low = self.told_low = low
        self._edge()


class Bench:
    """A reset line with two wires, and how often it was told to reset."""

    def __init__(self) -> None:
        self.reset_pin, self.enable_pin = Wire(), Wire("GPIO27 (CH_PD)")
        self.line = ResetLine((self.reset_pin, self.enable_pin))
        self.line.listen(self._count)
        self.resets = 0

    def _count(self) -> None:
        self.resets += 1


def now() -> float:
    return asyncio.get_running_loop().time()


def at_bench(work: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        bench = Bench()
        try:
            await work(bench)
        finally:
            bench.line.close()

    fake_time.run(main())


async def turn() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def test_a_low_level_is_a_reset_until_it_has_been_high_for_a_while() -> None:
    async def work(bench: Bench) -> None:
        bench.reset_pin.drive(low=True)
        await turn()
        assert (bench.line.in_reset, bench.resets) == (True, 1)
        assert bench.line.holders == "GPIO17 (RST)"
        await asyncio.sleep(10)
        assert (bench.line.in_reset, bench.resets) == (True, 1)
        bench.reset_pin.drive(low=False)
        let_go = now()
        await bench.line.released()
        assert now() - let_go == pytest.approx(QUIET_SECONDS)
        assert bench.line.holders == ""

    at_bench(work)


def test_a_pulse_that_is_over_when_its_edge_is_told_is_a_reset() -> None:
    async def work(bench: Bench) -> None:
        bench.reset_pin.edge()
        await turn()
        assert (bench.line.in_reset, bench.resets) == (True, 1)
        await bench.line.released()
        assert now() == pytest.approx(QUIET_SECONDS)
        bench.reset_pin.edge()
        await turn()
        assert bench.resets == 2

    at_bench(work)


def test_what_bounces_is_one_reset_which_lasts_until_it_is_quiet() -> None:
    async def work(bench: Bench) -> None:
        for _ in range(10):
            bench.reset_pin.drive(low=True)
            bench.reset_pin.drive(low=False)
            await asyncio.sleep(QUIET_SECONDS * 0.75)
        last = now() - QUIET_SECONDS * 0.75
        assert (bench.line.in_reset, bench.resets) == (True, 1)
        await bench.line.released()
        assert now() - last == pytest.approx(QUIET_SECONDS)

    at_bench(work)


def test_either_pin_holds_it_in_reset() -> None:
    async def work(bench: Bench) -> None:
        bench.reset_pin.drive(low=True)
        bench.enable_pin.drive(low=True)
        bench.reset_pin.drive(low=False)
        await asyncio.sleep(1)
        assert bench.line.in_reset
        assert bench.line.holders == "GPIO27 (CH_PD)"
        bench.enable_pin.drive(low=False)
        await bench.line.released()
        assert bench.resets == 1

    at_bench(work)


def test_a_rising_edge_that_got_lost_holds_nothing_for_ever() -> None:
    async def work(bench: Bench) -> None:
        bench.reset_pin.drive(low=True)
        await asyncio.sleep(1)
        bench.reset_pin.low = False
        let_go = now()
        await bench.line.released()
        assert now() - let_go <= 2 * LOOK_AGAIN_SECONDS

    at_bench(work)


def test_a_rising_edge_that_is_told_late_is_no_reset_of_its_own() -> None:
    async def work(bench: Bench) -> None:
        bench.reset_pin.drive(low=True)
        bench.reset_pin.low = False
        await asyncio.sleep(QUIET_SECONDS * 3)
        assert bench.line.in_reset
        bench.reset_pin.drive(low=False)
        await bench.line.released()
        assert now() == pytest.approx(QUIET_SECONDS * 4)
        await asyncio.sleep(10)
        assert (bench.line.in_reset, bench.resets) == (False, 1)

    at_bench(work)


def test_a_pin_that_is_low_at_the_start_holds_from_the_start() -> None:
    async def main() -> None:
        line = ResetLine((Wire(), Wire("GPIO27 (CH_PD)", low=True)))
        assert line.in_reset
        line.close()
        line = ResetLine((Wire(),))
        assert not line.in_reset
        line.close()

    fake_time.run(main())


def test_edges_without_end_leave_one_callback_in_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(bench: Bench) -> None:
        loop = asyncio.get_running_loop()
        real, calls = loop.call_soon_threadsafe, []

        def counted(callback: Callable[[], None]) -> asyncio.Handle:
            calls.append(callback)
            return real(callback)

        monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
        for _ in range(10_000):
            bench.reset_pin.edge()
        assert len(calls) == 1
        await turn()
        bench.reset_pin.edge()
        assert len(calls) == 2

    at_bench(work)


def test_an_edge_on_another_thread_reaches_the_loop() -> None:
    async def main() -> None:
        bench, told = Bench(), asyncio.Event()
        bench.line.listen(told.set)
        await asyncio.to_thread(bench.reset_pin.edge)
        async with asyncio.timeout(10):
            await told.wait()
        bench.line.close()

    asyncio.run(main())


def test_after_its_end_no_edge_counts() -> None:
    async def work(bench: Bench) -> None:
        bench.line.close()
        bench.reset_pin.drive(low=True)
        await turn()
        assert (bench.line.in_reset, bench.resets) == (False, 0)

    at_bench(work)


class Radio(SimulatedNetwork):
    """Remembers what it was told to be."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[tuple[float, Wanted, object]] = []

    def begin(self, listener: NetworkListener, wanted: Wanted, stored: object) -> None:
        self.begun.append((now(), wanted, stored))


async def waiting(bench: Bench, line: FakeLine, radio: Radio) -> asyncio.Task[None]:
    """Held in reset, and somebody waits for its end."""
    bench.enable_pin.drive(low=True)
    await turn()
    task = asyncio.create_task(out_of_reset(bench.line, line, radio))
    await turn()
    return task


def test_bytes_that_come_in_reset_are_dropped() -> None:
    async def work(bench: Bench) -> None:
        line, radio = FakeLine(), Radio()
        task = await waiting(bench, line, radio)
        line.receive(b"AT\r\n")
        await asyncio.sleep(OFF_SECONDS / 2)
        bench.enable_pin.drive(low=False)
        await task
        assert line.output == b""
        assert radio.begun == []

    at_bench(work)


def test_held_for_long_it_leaves_the_network() -> None:
    async def work(bench: Bench) -> None:
        radio = Radio()
        task = await waiting(bench, FakeLine(), radio)
        await asyncio.sleep(10)
        [(moment, wanted, stored)] = radio.begun
        assert moment == pytest.approx(OFF_SECONDS)
        assert (wanted, stored) == (Wanted(), None)
        bench.enable_pin.drive(low=False)
        await task

    at_bench(work)


def test_a_line_that_is_lost_in_reset_ends_the_waiting() -> None:
    async def work(bench: Bench) -> None:
        line = FakeLine()
        task = await waiting(bench, line, Radio())
        assert line._receiver is not None
        line._receiver.lost(OSError("unplugged"))
        with pytest.raises(ServiceError, match=r"^the serial line is lost: unplugged$"):
            await task

    at_bench(work)


def test_a_stop_ends_the_waiting() -> None:
    async def work(bench: Bench) -> None:
        task = await waiting(bench, FakeLine(), Radio())
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    at_bench(work)
