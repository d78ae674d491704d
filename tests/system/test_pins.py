"""RST by a pin, of a process that goes on running."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.system.gateway_process import GatewayProcess
from tests.system.line_client import GREETING, OK, Client

GPIO = "[gpio]\nreset_pin = 17\nenable_pin = 27\nled_pin = 22\n"


class PinnedGateway(GatewayProcess):
    """A gateway whose RST, CH_PD and LED are pins in memory."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        configure_pins(self)
        self._fifo = folder / "pins"
        os.mkfifo(self._fifo)
        program = [sys.executable, "-m", "tests.system.pinned_gateway", str(self._fifo)]
        self._command = [*program, *self._command[3:]]

    def __enter__(self) -> Self:
        super().__enter__()
        self._orders = self._fifo.open("w", encoding="ascii", buffering=1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._orders.close()
        super().__exit__(kind, error, traceback)

    def order(self, what: str) -> None:
        """Drive a pin: `low 17`, `high 17`, `pulse 17`."""
        self._orders.write(what + "\n")


def configure_pins(gateway: GatewayProcess) -> None:
    with gateway.configuration.open("a", encoding="utf-8") as file:
        file.write(GPIO)


def echo_off(client: Client) -> None:
    client.ask("ATE0", b"ATE0\r\n" + OK)


def test_a_pulse_resets_and_a_low_level_holds(tmp_path: Path) -> None:
    with PinnedGateway(tmp_path) as gateway:
        with gateway.connect() as client:
            client.greet()
            client.ask("AT+CIPMUX=1")
            gateway.order("pulse 17")
            client.expect(GREETING)
            echo_off(client)
            client.ask("AT+CIPMUX?", b"+CIPMUX:0\r\n" + OK)
            gateway.order("low 27")
            gateway.wait_for_log("reset by GPIO27 (CH_PD)")
            client.send(b"AT\r\nAT+GMR\r\n")
            gateway.wait_for_log("held in reset by GPIO27 (CH_PD): nothing is answered")
            gateway.order("high 27")
            client.expect(GREETING)
            echo_off(client)
            client.ask("AT")
        assert gateway.ends() == 0


def test_fifty_pulses_leave_nothing(tmp_path: Path) -> None:
    with PinnedGateway(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        before = gateway.descriptors()
        for _ in range(50):
            gateway.order("pulse 17")
            client.expect(GREETING)
        assert gateway.descriptors() == before


def test_without_pins_it_serves_and_says_so_in_one_line(tmp_path: Path) -> None:
    without = GatewayProcess(tmp_path, environment={"GPIOZERO_PIN_FACTORY": "none"})
    configure_pins(without)
    with without as gateway, gateway.connect() as client:
        client.greet()
        client.ask("AT")
        said = [line for line in gateway.log.splitlines() if "gateway.pins" in line]
        assert len(said) == 1, gateway.log
        assert "warning gateway.pins: the pins of [gpio] are not used: " in said[0]
