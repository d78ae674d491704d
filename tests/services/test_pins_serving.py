"""A reset by a pin, as the microcontroller sees it: the daemon's own sessions on pins in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from gateway.config import GpioOptions
from gateway.services.api_line import UartSettings
from gateway.services.network.simulated import World
from gateway.services.pins import open_pins
from gateway.services.reset_line import OFF_SECONDS, QUIET_SECONDS, ResetLine
from gateway.services.supervisor import Supervisor
from tests import fake_time
from tests.harness import Desk, at_desk
from tests.peers import listening
from tests.served import READY, Served
from tests.services.pin_factory import drive, edge, factory

__all__ = ["factory"]

RST, CH_PD = 17, 27
ETHERNET = b"+ETH_CONNECTED\r\n+ETH_GOT_IP:192.168.101.20\r\n"


class Pinned(Served):
    """A program with RST and CH_PD wired to pins in memory."""

    def __init__(self, directory: Path, factory: MockFactory, world: World) -> None:
        super().__init__(directory, world)
        self._factory = factory

    async def wire(self) -> None:
        self._pins = await open_pins(GpioOptions(reset_pin=RST, enable_pin=CH_PD))
        self.reset_line = ResetLine(self._pins.inputs)
        self._daemon._reset_line = self.reset_line

    def drive(self, pin: int = RST, *, low: bool) -> None:
        drive(self._factory.pin(pin), low=low)

    def pulse(self) -> None:
        """Low and high again before anybody can have looked."""
        self.drive(low=True)
        self.drive(low=False)

    def joined(self) -> bool:
        return self.network.station.access_point is not None

    async def serve(self) -> None:
        """Begin to serve, without waiting for `ready`."""
        await self.network.start()
        self._serving = asyncio.create_task(self._daemon.serve())

    async def close(self) -> None:
        await super().close()
        self.reset_line.close()
        self._pins.close()


Work = Callable[[Pinned], Coroutine[Any, Any, None]]


@pytest.fixture
def pinned(tmp_path: Path, factory: MockFactory) -> Callable[..., None]:
    """Run some work with a program of its own, which has said `ready` unless `held`."""

    def run(
        work: Work,
        *,
        held: bool = False,
        pace: float = 0.0,
        runner: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run,
    ) -> None:
        async def main() -> None:
            program = Pinned(tmp_path, factory, World(pace=pace))
            if held:
                factory.pin(CH_PD).drive_low()
                # The pull-up that comes with opening it must not win over the wire.
                factory.pin(CH_PD)._set_pull = lambda value: None
            await program.wire()
            if held:
                await program.serve()
            else:
                await program.start()
            try:
                await work(program)
            finally:
                await program.close()

        runner(main())

    return run


def test_a_pulse_is_a_reset(pinned: Callable[..., None]) -> None:
    async def work(program: Pinned) -> None:
        await program.quiet()
        await program.ask("AT+CIPMUX=1")
        await program.ask("AT+UART_CUR=9600,7,2,1,0")
        await program.turns(5)
        assert program.line.settings.baud == 9600
        program.unread()
        program.pulse()
        assert await program.expect(READY) == READY
        assert program.line.settings == UartSettings()
        await program.quiet()
        assert await program.ask("AT+CIPMUX?") == b"+CIPMUX:0\r\n\r\nOK\r\n"

    pinned(work)


def test_an_edge_whose_level_is_read_too_late_is_a_reset(
    pinned: Callable[..., None], factory: MockFactory
) -> None:
    async def work(program: Pinned) -> None:
        await program.quiet()
        edge(factory.pin(RST))
        assert await program.expect(READY) == READY

    pinned(work)


def test_the_running_command_ends_without_a_reply(pinned: Callable[..., None]) -> None:
    async def work(program: Pinned) -> None:
        await program.quiet()
        program.type('AT+CWJAP_CUR="esp-at-sim","password"\r\n')
        await program.turns(3)
        program.pulse()
        assert await program.expect(READY) == READY

    pinned(work, pace=1.0)


def test_payload_that_was_asked_for_is_not_waited_for(pinned: Callable[..., None]) -> None:
    async def work(program: Pinned) -> None:
        await program.quiet()
        with listening() as server:
            await program.ask(f'AT+CIPSTART="TCP","127.0.0.1",{server.port}')
            peer = await server.accept()
            await program.ask("AT+CIPSEND=10", b"> ")
            program.type("12345")
            program.pulse()
            # No SEND FAIL and no CLOSED.
            assert await program.expect(READY) == READY
            assert await peer.ended() == b""
        await program.expect(ETHERNET)
        assert await program.refused("67890") == b"67890\r\n\r\nERROR\r\n"

    pinned(work)


def test_nothing_is_written_from_the_edge_to_ready(pinned: Callable[..., None]) -> None:
    async def work(program: Pinned) -> None:
        await program.quiet()
        program.line.slow = True
        program.type("AT+CWLAP\r\n")
        await program.turns(3)
        program.drive(low=True)
        await program.turns(3)
        assert program.line.buffered == 0
        program.unread()
        program.type("AT\r\nAT+GMR\r\n")
        await program.turns(20)
        assert program.unread() == b""
        program.line.slow = False
        program.drive(low=False)
        assert await program.expect(READY) == READY

    pinned(work)


def test_held_at_the_start_it_is_ready_when_it_is_let_go(pinned: Callable[..., None]) -> None:
    async def work(program: Pinned) -> None:
        await program.turns(20)
        program.type("AT\r\n")
        await program.turns(20)
        assert program.unread() == b""
        program.drive(CH_PD, low=False)
        assert await program.expect(READY) == READY

    pinned(work, held=True)


def test_the_service_is_up_while_it_is_held_from_the_start(pinned: Callable[..., None]) -> None:
    async def work(program: Pinned) -> None:
        told: list[str] = []
        supervisor = program._daemon._supervisor = Supervisor(told.append)
        await program.turns(5)
        assert "READY=1" in told
        assert program._daemon._status() == "held in reset by GPIO27 (CH_PD)"
        program.drive(CH_PD, low=False)
        await program.expect(READY)
        assert "held in reset" not in program._daemon._status()
        assert told.count("READY=1") == 1
        supervisor.stopping()

    pinned(work, held=True)


def test_held_for_long_it_leaves_the_network_and_joins_anew(pinned: Callable[..., None]) -> None:
    async def work(program: Pinned) -> None:
        await program.quiet()
        await program.ask('AT+CWJAP_DEF="esp-at-sim","password"')
        program.drive(low=True)
        await asyncio.sleep(OFF_SECONDS / 2)
        assert program.joined()
        await asyncio.sleep(OFF_SECONDS)
        assert not program.joined()
        program.unread()
        program.drive(low=False)
        await program.expect(READY)
        await program.expect(b"WIFI CONNECTED\r\nWIFI GOT IP\r\n")

    pinned(work, pace=1.0, runner=fake_time.run)


def test_a_short_reset_leaves_the_radio_where_it_is(pinned: Callable[..., None]) -> None:
    async def work(program: Pinned) -> None:
        await program.quiet()
        await program.ask('AT+CWJAP_DEF="esp-at-sim","password"')
        program.unread()
        program.pulse()
        before = asyncio.get_running_loop().time()
        await program.expect(READY)
        assert asyncio.get_running_loop().time() - before == pytest.approx(QUIET_SECONDS)
        assert program.joined()

    pinned(work, pace=1.0, runner=fake_time.run)


def test_a_reset_in_the_middle_of_a_reset_is_one_more(pinned: Callable[..., None]) -> None:
    async def work(program: Pinned) -> None:
        await program.quiet()
        for _ in range(50):
            program.type("AT+RST\r\n")
            program.pulse()
            await program.turns(1)
            program.pulse()
            await program.expect(READY)
            await program.turns(1)
            program.pulse()
            await program.expect(READY)
        await program.quiet()
        assert await program.ask("AT") == b"\r\nOK\r\n"

    pinned(work, runner=fake_time.run)


def test_a_session_that_is_cut_off_says_nothing_and_keeps_nothing_unread() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.line.slow = True
        desk.session.announcer.station_connected()
        desk.line.pause_reading()
        desk.session.cut_off()
        assert (desk.line.buffered, desk.line.paused) == (0, False)
        desk.unread()
        desk.session.announcer.station_lost()
        desk.type("AT\r\n")
        await desk.turns(5)
        assert desk.unread() == b""
        await desk.session.over

    at_desk(work)
