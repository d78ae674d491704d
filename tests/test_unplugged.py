"""The line is lost and comes back, as the microcontroller and the network see it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.services import replugged_line
from gateway.services.activity import WatchedLine
from gateway.services.api_line import Line, LineLost, UartSettings
from gateway.services.descriptor_line import LineForbidden, LineMissing
from gateway.services.network.simulated import World
from gateway.services.replugged_line import Plug
from gateway.services.supervisor import Supervisor
from gateway.sessions import UNPLUGGED_SECONDS
from tests import fake_time
from tests.harness import FakeLine
from tests.peers import free_port, listening, until
from tests.served import READY, Served

JOIN = 'AT+CWJAP_{}="esp-at-sim","password"'
STORED = UartSettings(57600)


class Unplugged(Served):
    """A program whose adapter the test has in its hand."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, World(pace=0))
        self.device = directory / "ttyUSB0"
        self.device.touch()
        self.told: list[str] = []
        self.refusal: Exception | None = None
        self._daemon.plug = self.plug = Plug(str(self.device))
        self._daemon._supervisor = self.supervisor = Supervisor(self.told.append)

    def open(self, device: str, settings: UartSettings) -> Line:
        """What opening the device gives."""
        if not self.device.exists():
            raise LineMissing(device)
        if self.refusal is not None:
            raise self.refusal
        self.line, self._read = FakeLine(), 0
        self.line.settings = settings
        return self.line

    def unplug(self) -> None:
        """The line is lost, and its device is away."""
        self.device.unlink()
        assert self.line._receiver is not None
        self.line._receiver.lost(OSError("the device hung up"))

    async def plug_in(self) -> None:
        """The device is back; returns when the gateway has said `ready`."""
        before = self.line
        self.device.touch()
        await until_in_time(lambda: self.line is not before)
        await self.expect(READY)

    def joined(self) -> bool:
        return self.network.station.access_point is not None


async def until_in_time(condition: Callable[[], bool]) -> None:
    """Let time pass until something is so."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - any condition, on fake time
            await asyncio.sleep(0.1)


Play = Callable[[Callable[[Unplugged], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Play with a program that has said `ready`, in time that does not take any."""

    def play(work: Callable[[Unplugged], Coroutine[Any, Any, None]]) -> None:
        async def main() -> None:
            program = Unplugged(tmp_path)
            monkeypatch.setattr(replugged_line, "open_line", program.open)
            await program.start()
            try:
                await work(program)
            finally:
                await program.close()
                program.supervisor.stopping()

        fake_time.run(main())

    return play


def test_all_that_a_reset_forgets_is_forgotten(play: Play) -> None:
    async def work(program: Unplugged) -> None:
        await program.quiet()
        await program.ask("AT+UART_DEF=57600,8,1,0,0")
        await program.ask("AT+UART_CUR=9600,8,1,0,0")
        await program.ask("AT+CWMODE_CUR=3")
        await program.ask("AT+CIPMUX=1")
        port = free_port()
        await program.ask(f"AT+CIPSERVER=1,{port}")
        program.unplug()
        await until_in_time(lambda: program._daemon._line is None)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
        await program.plug_in()
        assert program.line.settings == STORED
        await program.quiet()
        assert await program.ask("AT+CWMODE_CUR?") == b"+CWMODE_CUR:1\r\n\r\nOK\r\n"
        assert await program.ask("AT+CIPMUX?") == b"+CIPMUX:0\r\n\r\nOK\r\n"

    play(work)


def test_a_payload_that_was_asked_for_is_not_waited_for_and_its_link_ends(play: Play) -> None:
    async def work(program: Unplugged) -> None:
        await program.join()
        with listening() as server:
            await program.ask(f'AT+CIPSTART="TCP","127.0.0.1",{server.port}')
            peer = await server.accept()
            await program.ask("AT+CIPSEND=10", b"> ")
            program.type("abc")
            program.unplug()
            assert await peer.ended() == b""
        await program.plug_in()
        await program.ask("AT")

    play(work)


@pytest.mark.parametrize(("suffix", "stays"), [("DEF", True), ("CUR", False)])
def test_a_short_absence_is_a_reset_to_the_network(play: Play, suffix: str, stays: bool) -> None:
    async def work(program: Unplugged) -> None:
        await program.quiet()
        await program.ask(JOIN.format(suffix))
        program.unplug()
        await asyncio.sleep(UNPLUGGED_SECONDS - 1)
        assert program.joined()
        await program.plug_in()
        await program.quiet()
        assert program.joined() is stays

    play(work)


def test_after_a_long_absence_the_network_is_left_and_joined_again(play: Play) -> None:
    async def work(program: Unplugged) -> None:
        await program.quiet()
        await program.ask(JOIN.format("DEF"))
        program.unplug()
        await asyncio.sleep(UNPLUGGED_SECONDS + 1)
        assert not program.joined()
        await program.plug_in()
        await program.expect(b"WIFI GOT IP\r\n")

    play(work)


def test_systemd_hears_what_is_waited_for_and_that_the_loop_turns(play: Play) -> None:
    async def work(program: Unplugged) -> None:
        program.unplug()
        await asyncio.sleep(100)
        waiting = f"WATCHDOG=1\nSTATUS=waiting for {program.device}"
        assert program.told.count(waiting) == 1
        assert len(program.told) - program.told.index(waiting) >= 19
        await program.plug_in()
        await asyncio.sleep(6)
        assert program.told[-1].endswith(" · no links · 115200 8N1")
        assert program.told.count("READY=1") == 1

    play(work)


def test_rights_that_it_has_not_end_the_service(play: Play) -> None:
    async def work(program: Unplugged) -> None:
        program.refusal = LineForbidden("permission denied")
        program.unplug()
        program.device.touch()
        assert program._serving is not None
        with pytest.raises(LineForbidden):
            await program._serving

    play(work)


def test_a_line_that_nobody_waits_for_ends_the_service(play: Play) -> None:
    async def work(program: Unplugged) -> None:
        program._daemon.plug = Plug("/dev/pts/7")
        program.unplug()
        assert program._serving is not None
        with pytest.raises(LineLost, match=r"^the serial line is lost: the device hung up$"):
            await program._serving

    play(work)


def test_the_led_shows_the_line_that_came_back(play: Play) -> None:
    lit: list[bool] = []

    class Led:
        def light(self, on: bool) -> None:
            lit.append(on)

    async def work(program: Unplugged) -> None:
        program._daemon.led = Led()
        program.unplug()
        await program.plug_in()
        assert isinstance(program._daemon._line, WatchedLine)
        await program.ask("AT")
        assert True in lit
        program.unplug()
        await until(lambda: program._daemon._line is None)
        assert lit[-1] is False

    play(work)
