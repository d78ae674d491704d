"""A USB adapter is unplugged and plugged in: a symlink that leads to one terminal after another.

A pseudo-terminal whose master is closed reads and writes as the device of an adapter that is
gone. What the kernel does with a real one is tried in tests/vm.
"""

from __future__ import annotations

import os
import re
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.gateway_process import GatewayProcess
from tests.system.line_client import JOINED, OK, PASSWORD, SSID, Client
from tests.system.test_supervised import Systemd, systemd
from tests.system.web_servers import accept, listening, port_of

__all__ = ["systemd"]

READY = b"\r\nready\r\n"


class Adapter:
    """A device by a name that stays, and the microcontroller behind it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "by-id" / "adapter"
        self._master = -1

    def plug_in(self) -> Client:
        """The device is there; the microcontroller's end of it."""
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path.parent.mkdir(exist_ok=True)
        self.path.symlink_to(os.ttyname(slave))
        self._slave = slave
        return Client.of(self._master)

    def taken(self) -> None:
        """The gateway has opened the device: nobody else keeps it."""
        os.close(self._slave)
        self._slave = -1

    def unplug(self, client: Client) -> None:
        """The device is gone, and so is its name with the folder."""
        self.path.unlink()
        self.path.parent.rmdir()
        client.__exit__()
        os.close(self._master)
        self._master = -1

    def close(self) -> None:
        """Nothing of it is left."""
        for descriptor in (self._master, self._slave):
            if descriptor >= 0:
                os.close(descriptor)


@pytest.fixture
def adapter(tmp_path: Path) -> Iterator[Adapter]:
    made = Adapter(tmp_path)
    yield made
    made.close()


def greeted(client: Client) -> None:
    """Hear the greeting, and switch the echo off."""
    client.until(READY)
    client.until(b"+ETH_GOT_IP:192.168.101.20\r\n")
    client.ask("ATE0", b"ATE0\r\n" + OK)


def test_the_service_stays_and_greets_whoever_is_plugged_in(
    adapter: Adapter, tmp_path: Path
) -> None:
    client = adapter.plug_in()
    with GatewayProcess(tmp_path, uart=str(adapter.path)) as gateway:
        adapter.taken()
        greeted(client)
        client.ask("AT+UART_DEF=57600,8,1,0,0")
        client.ask(f'AT+CWJAP_DEF="{SSID}","{PASSWORD}"', JOINED + OK)
        with listening() as server:
            client.ask(f'AT+CIPSTART="TCP","127.0.0.1",{port_of(server)}', b"CONNECT\r\n" + OK)
            with accept(server) as peer:
                adapter.unplug(client)
                assert peer.recv(1) == b""
        gateway.wait_for_log(f"{adapter.path} is gone (unplugged?): ")
        client = adapter.plug_in()
        client.until(READY)
        client.until(JOINED)
        adapter.taken()
        client.ask("ATE0", b"ATE0\r\n" + OK)
        client.ask("AT+UART_CUR?", b"+UART_CUR:57600,8,1,0,0\r\nOK\r\n")
        before = gateway.descriptors()
        adapter.unplug(client)
        client = adapter.plug_in()
        client.until(READY)
        adapter.taken()
        assert gateway.descriptors() == before
        assert gateway.ends() == 0
        assert "Traceback" not in gateway.log
        adapter.unplug(client)


def test_waiting_costs_next_to_nothing_and_feeds_the_watchdog(
    adapter: Adapter, systemd: Systemd, tmp_path: Path
) -> None:
    client = adapter.plug_in()
    environment = systemd.environment
    with GatewayProcess(tmp_path, uart=str(adapter.path), environment=environment) as gateway:
        adapter.taken()
        adapter.unplug(client)
        waiting = f"waiting for {adapter.path}"
        assert systemd.until_status("waiting") == waiting
        slept, worked = naps(gateway), ticks(gateway)
        for _ in range(10):
            systemd.until("WATCHDOG=1")
        # one for each sign of life, and a few for looks at the device
        assert naps(gateway) - slept < 40
        assert ticks(gateway) - worked < 10
        assert gateway.ends() == 0
        assert systemd.heard.count("READY=1") == 1


def naps(gateway: GatewayProcess) -> int:
    """How often the process has gone to sleep."""
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    (naps,) = re.findall(r"^voluntary_ctxt_switches:\s(\d+)", status, re.MULTILINE)
    return int(naps)


def ticks(gateway: GatewayProcess) -> int:
    """Its time on the processor, in hundredths of a second."""
    fields = Path(f"/proc/{gateway.process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_under_systemd_a_device_may_come_after_the_start(
    adapter: Adapter, systemd: Systemd, tmp_path: Path
) -> None:
    with GatewayProcess(
        tmp_path,
        uart=str(adapter.path),
        environment=systemd.environment,
        begun="info gateway: esp-at-gateway ",
    ) as gateway:
        assert systemd.hears() == ["READY=1"]
        assert systemd.hears() == ["WATCHDOG=1", f"STATUS=waiting for {adapter.path}"]
        client = adapter.plug_in()
        greeted(client)
        adapter.taken()
        assert systemd.until_status("115200").endswith(" · no links · 115200 8N1")
        assert gateway.ends() == 0
        adapter.unplug(client)
