"""The gateway under a supervisor: the socket that systemd would listen on is the test's."""

from __future__ import annotations

import select
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.gateway_process import GatewayProcess
from tests.system.line_client import JOINED, LIMIT, OK, PASSWORD, SSID

WATCHDOG = 0.3


class Systemd:
    """What systemd hears. Every wait ends with the message, or after LIMIT seconds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(LIMIT)
        self.heard: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        """What it would start the service with."""
        return {"NOTIFY_SOCKET": str(self.path), "WATCHDOG_USEC": str(int(WATCHDOG * 1e6))}

    def hears(self) -> list[str]:
        """The assignments of the next message."""
        message = self._socket.recv(4096).decode()
        self.heard.append(message)
        return message.split("\n")

    def until(self, assignment: str) -> None:
        """Return once a message with this assignment has come."""
        while assignment not in self.hears():
            pass

    def until_status(self, words: str) -> str:
        """The first status with these words."""
        while True:
            for assignment in self.hears():
                if assignment.startswith("STATUS=") and words in assignment:
                    return assignment.removeprefix("STATUS=")

    def until_silence(self, seconds: float) -> None:
        """Return once nothing has come for so long."""
        while select.select([self._socket], [], [], seconds)[0]:
            self.hears()

    def close(self) -> None:
        """Hear nothing more."""
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    listener = Systemd(tmp_path / "notify")
    yield listener
    listener.close()


@pytest.fixture
def gateway(systemd: Systemd, tmp_path: Path) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path, environment=systemd.environment, log_level=None) as process:
        yield process


def test_it_is_ready_once_the_line_is_open_and_stops_with_a_word(
    systemd: Systemd, gateway: GatewayProcess
) -> None:
    assert systemd.hears() == ["READY=1"]
    assert systemd.hears()[0] == "WATCHDOG=1"
    assert gateway.ends(signal.SIGTERM) == 0
    systemd.until("STOPPING=1")


def test_the_status_follows_the_network_and_the_links(systemd: Systemd, tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path, environment=systemd.environment)
    with gateway.configuration.open("a", encoding="utf-8") as file:
        file.write("[links]\nallow_loopback = true\n")
    with gateway, gateway.connect() as client:
        assert systemd.until_status("no links").endswith(" · no links · 115200 8N1")
        client.greet()
        client.ask(f'AT+CWJAP="{SSID}","{PASSWORD}"', JOINED + OK)
        assert systemd.until_status("joined").startswith(f"joined {SSID} 192.168.")
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            client.ask(f'AT+CIPSTART="TCP","127.0.0.1",{port}', b"CONNECT\r\n" + OK)
            systemd.until_status(" · 1 link · ")


def test_the_watchdog_is_fed_while_the_loop_turns_and_no_longer(
    systemd: Systemd, gateway: GatewayProcess
) -> None:
    for _ in range(3):
        systemd.until("WATCHDOG=1")
    gateway.process.send_signal(signal.SIGSTOP)
    systemd.until_silence(WATCHDOG)
    gateway.process.send_signal(signal.SIGCONT)
    systemd.until("WATCHDOG=1")


def test_a_reset_is_none_of_the_service(systemd: Systemd, gateway: GatewayProcess) -> None:
    with gateway.connect() as client:
        client.greet()
        client.send(b"AT+RST\r\n")
        client.until(b"\r\nready\r\n")
    gateway.ends()
    systemd.until("STOPPING=1")
    assert systemd.heard.count("READY=1") == 1


def test_the_configuration_is_read_again(systemd: Systemd, gateway: GatewayProcess) -> None:
    gateway.configuration.write_text('[log]\nlevel = "debug"\n[uart]\nbaud = 9600\n')
    gateway.process.send_signal(signal.SIGHUP)
    while not systemd.hears()[0].startswith("RELOADING=1"):
        pass
    systemd.until("READY=1")
    gateway.wait_for_log("configuration read again: log changed")
    gateway.wait_for_log("[uart], [simulated] changed too, and wait for: sudo systemctl restart")
    with gateway.connect() as client:
        client.greet()
        gateway.wait_for_log("debug gateway.session: AT")


def test_a_faulty_configuration_changes_nothing(systemd: Systemd, gateway: GatewayProcess) -> None:
    gateway.configuration.write_text("[log]\nlevel = 7\n")
    gateway.process.send_signal(signal.SIGHUP)
    gateway.wait_for_log("the configuration stays as it was: ")
    with gateway.connect() as client:
        client.greet()


def test_without_a_supervisor_a_closed_terminal_ends_it(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway:
        assert gateway.ends(signal.SIGHUP) == -signal.SIGHUP
