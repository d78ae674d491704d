"""`esp-at-gateway monitor` beside a gateway that runs, as processes of their own."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.system.gateway_process import ROOT, GatewayProcess
from tests.system.line_client import LIMIT, SSID


class Monitor:
    """The program in a pipe, killed at the end of the `with`."""

    def __init__(self, folder: Path, *options: str) -> None:
        socket = str(folder / "monitor.sock")
        self._command = [sys.executable, "-m", "gateway", "monitor", "--socket", socket, *options]
        self._data = bytearray()

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def record(self, **wanted: object) -> dict[str, Any]:
        """The next record that has these values; those before it are skipped."""
        while True:
            made = json.loads(self.line())
            assert isinstance(made, dict)
            if wanted.items() <= made.items():
                return made

    def line(self) -> bytes:
        """The next line of its output."""
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        while b"\n" not in self._data:
            assert select.select([descriptor], [], [], LIMIT)[0], f"nothing behind {self._data!r}"
            piece = os.read(descriptor, 65536)
            assert piece, f"it ended behind {self._data!r}"
            self._data += piece
        line, _, rest = bytes(self._data).partition(b"\n")
        self._data[:] = rest
        return line


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runtime folder that the gateways here are given, as systemd gives one."""
    made = tmp_path / "run"
    made.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(made))
    return made


def test_a_join_is_seen_and_a_new_service_too(tmp_path: Path, folder: Path) -> None:
    with GatewayProcess(tmp_path) as gateway, Monitor(folder, "--json") as monitor:
        assert monitor.record(kind="hello")["uart"] == f"pty:{gateway.line}"
        with gateway.connect() as client:
            client.greet()
            client.join()
        assert monitor.record(kind="command", text=f'AT+CWJAP="{SSID}","***"')
        assert monitor.record(kind="network", AT_INTERFACE="station")["text"] == "Wi-Fi connected"
        assert monitor.record(kind="reply", result="OK")["text"] == "WIFI GOT IP\nOK"
        gateway.kill()
        with GatewayProcess(tmp_path) as second:
            monitor.record(kind="hello")
            with second.connect() as client:
                client.expect(b"\r\nready\r\n")
                client.send(b"AT\r\n")
                monitor.record(kind="reply", result="OK")
            assert second.ends() == 0
        monitor.record(kind="log", text="stopped")
        monitor.process.send_signal(signal.SIGINT)
        assert monitor.process.wait(LIMIT) == 0
    assert list(folder.iterdir()) == []


def test_a_monitor_that_is_stopped_holds_nobody_up(tmp_path: Path, folder: Path) -> None:
    with GatewayProcess(tmp_path) as gateway, Monitor(folder, "--json") as monitor:
        monitor.record(kind="hello")
        before = gateway.resident_bytes()
        monitor.process.send_signal(signal.SIGSTOP)
        with gateway.connect() as client:
            client.greet()
            for _ in range(3000):
                client.ask("AT")
        assert gateway.resident_bytes() - before < 2_000_000
        monitor.process.send_signal(signal.SIGCONT)
        assert monitor.record(kind="dropped")["count"] > 0


def test_the_screen(tmp_path: Path, folder: Path) -> None:
    with GatewayProcess(tmp_path) as gateway, Monitor(folder, "--raw") as monitor:
        assert monitor.line().endswith(f"on pty:{gateway.line}".encode())
        with gateway.connect() as client:
            client.greet()
        while not (line := monitor.line().decode()).endswith("→ ATE0"):
            assert "\033" not in line
        assert monitor.line().decode().endswith("41 54 45 30 0d 0a" + " " * 33 + "ATE0..")
