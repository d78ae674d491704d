"""The host's clock jumps by years, forwards and backwards, in the middle of everything.

libfaketime stands between the process and the clock. Only the time of day jumps, as it does
on a machine: no time limit may be measured by it.
"""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

import pytest

from tests.peers import free_port
from tests.services.authority import self_signed
from tests.services.tls_servers import openssl_server
from tests.system.faulty_host import DeafClient
from tests.system.gateway_process import GatewayProcess
from tests.system.line_client import LIMIT, OK
from tests.system.test_faults_ending import black_hole
from tests.system.test_supervised import Systemd

ERROR = b"\r\nERROR\r\n"
FUTURE, PRESENT, PAST = "+20y", "+0", "-20y"
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))

pytestmark = pytest.mark.skipif(
    not LIBRARIES, reason="libfaketime is not installed (Debian package libfaketime)"
)


class JumpingClock:
    """The time of day of one process."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.jump(PRESENT)
        self.environment = {
            "LD_PRELOAD": str(LIBRARIES[-1]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, offset: str) -> None:
        """From now on the time is so much off."""
        new = self._file.with_suffix(".new")
        new.write_text(offset + "\n")
        new.replace(self._file)


def year_of(client: DeafClient, command: str) -> int:
    """The year that a query of the time tells, be it as text or as seconds."""
    client.send(command.encode() + b"\r\n")
    told = client.until(b"\r\n")
    client.expect(b"OK\r\n")
    if found := re.search(rb" (\d{4})\r\n$|,(\d{4})-", told):
        return int(found[1] or found[2])
    return time.gmtime(int(told.rpartition(b":")[2])).tm_year


def test_the_time_is_told_as_it_is_and_certificates_are_checked_by_it(tmp_path: Path) -> None:
    clock = JumpingClock(tmp_path)
    server = self_signed("localhost", authority=False, names=["localhost"])
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "server.pem").write_bytes(server.pem)
    with (
        GatewayProcess(tmp_path, environment=clock.environment) as gateway,
        DeafClient(gateway.line) as client,
        openssl_server(tmp_path, server) as port,
    ):
        client.greet()
        client.ask("AT+CIPSSLAUTH=2")
        start = f'AT+CIPSTART="SSL","localhost",{port}'
        opened, refused = b"CONNECT\r\n" + OK, b"connect fail\r\n" + ERROR + b"CLOSED\r\n"
        present = time.gmtime().tm_year
        for offset, years, reply in (
            (PRESENT, 0, opened),
            (FUTURE, 20, refused),
            (PAST, -20, refused),
            (PRESENT, 0, opened),
        ):
            clock.jump(offset)
            for command in ("AT+CIPSNTPTIME?", "AT+SNTPTIME?", "AT+SYSTIME?"):
                # libfaketime's years have 365 days
                assert abs(year_of(client, command) - present - years) <= 1
            client.ask(start, reply)
            if reply == opened:
                client.ask("AT+CIPCLOSE", b"CLOSED\r\n" + OK)
            client.ask(f"AT+CWMODE_DEF={2 if years else 1}")
        assert gateway.ends() == 0
    assert "certificate has expired" in gateway.log
    assert "certificate is not yet valid" in gateway.log
    assert "Traceback" not in gateway.log


@pytest.mark.parametrize("offset", [FUTURE, PAST])
def test_an_idle_link_is_closed_by_the_time_that_passes(offset: str, tmp_path: Path) -> None:
    clock = JumpingClock(tmp_path)
    port = free_port()
    with (
        GatewayProcess(tmp_path, environment=clock.environment) as gateway,
        DeafClient(gateway.line) as client,
    ):
        client.greet()
        for command in ("AT+CIPMUX=1", "AT+CIPSTO=1", f"AT+CIPSERVER=1,{port}"):
            client.ask(command)
        with socket.create_connection(("127.0.0.1", port), LIMIT) as peer:
            client.expect(b"0,CONNECT\r\n")
            peer.sendall(b"x")
            client.expect(b"\r\n+IPD,0,1:x")
            begun = time.monotonic()
            clock.jump(offset)
            assert abs(year_of(client, "AT+SYSTIME?") - time.gmtime().tm_year) > 15
            client.expect(b"0,CLOSED\r\n")
            assert 0.9 < time.monotonic() - begun < 5
        assert gateway.ends() == 0


@pytest.mark.parametrize("offset", [FUTURE, PAST])
def test_a_connection_is_given_up_by_the_time_that_passes(offset: str, tmp_path: Path) -> None:
    clock = JumpingClock(tmp_path)
    gateway = GatewayProcess(tmp_path, environment=clock.environment)
    with gateway.configuration.open("a", encoding="utf-8") as file:
        file.write("[links]\nconnect_seconds = 0.5\n")
    with gateway, DeafClient(gateway.line) as client, black_hole() as port:
        client.greet()
        begun = time.monotonic()
        client.send(f'AT+CIPSTART="TCP","127.0.0.1",{port}\r\nAT\r\n'.encode())
        client.expect(b"\r\nbusy p...\r\n")
        clock.jump(offset)
        client.expect(b"connect fail\r\n" + ERROR + b"CLOSED\r\n")
        assert 0.4 < time.monotonic() - begun < 5
        assert gateway.ends() == 0


def test_the_watchdog_is_fed_all_the_same(tmp_path: Path) -> None:
    clock = JumpingClock(tmp_path)
    systemd = Systemd(tmp_path / "notify")
    environment = {**clock.environment, **systemd.environment}
    try:
        with GatewayProcess(tmp_path, environment=environment) as gateway:
            for offset in (PAST, FUTURE, PRESENT, PAST):
                systemd.until("WATCHDOG=1")
                clock.jump(offset)
                # two that were on their way, and one that comes of a new look at the time
                for _ in range(3):
                    systemd.until("WATCHDOG=1")
            assert gateway.ends() == 0
    finally:
        systemd.close()
