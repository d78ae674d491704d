"""The line's other end comes and goes; `--uart` may name any tty."""

from __future__ import annotations

import os
import tty
from pathlib import Path

import pytest

from tests.system.gateway_process import GatewayProcess
from tests.system.line_client import GREETING, JOINED, OK, Client

OPENINGS = 100


def test_whoever_opens_the_line_hears_how_things_stand(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway:
        with gateway.connect() as client:
            client.expect(GREETING)
            client.ask("AT", b"AT\r\n" + OK)
            client.ask("ATE0", b"ATE0\r\n" + OK)
            client.join()
        with gateway.connect() as client:
            client.expect(GREETING + JOINED)
            client.ask("AT")


def test_the_line_survives_a_hundred_openings(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway:
        with gateway.connect() as client:
            client.greet()
        before = gateway.descriptors()
        for number in range(OPENINGS):
            with gateway.connect() as client:
                if number % 2:
                    client.expect(GREETING)
                    client.ask("AT")
                else:
                    client.ask("AT", GREETING + OK)
        assert gateway.descriptors() == before
        assert gateway.ends() == 0
        assert "Traceback" not in gateway.log


def test_a_client_that_left_without_reading_leaves_nothing_behind_the_greeting(
    tmp_path: Path,
) -> None:
    with GatewayProcess(tmp_path) as gateway:
        with gateway.connect() as client:
            client.greet()
            client.send(b"AT+GMR\r\n")
            client.wait_unread()
        with gateway.connect() as client:
            client.until(GREETING)
            client.ask("AT")


def test_a_pseudo_terminal_of_somebody_else(tmp_path: Path) -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    try:
        with GatewayProcess(tmp_path, uart=os.ttyname(slave)) as gateway:
            os.close(slave)
            slave = -1
            with Client.of(master) as client:
                client.expect(b"\r\nready\r\n")
                client.until(b"+ETH_GOT_IP:192.168.101.20\r\n")
                client.ask("ATE0", b"ATE0\r\n" + OK)
                client.ask("AT+UART_CUR=9600,8,1,0,0")
                client.ask("AT+UART_CUR?", b"+UART_CUR:9600,8,1,0,0\r\nOK\r\n")
                assert gateway.ends() == 0
    finally:
        os.close(master)
        if slave >= 0:
            os.close(slave)


def test_a_device_that_goes_away_ends_the_service_in_one_sentence(tmp_path: Path) -> None:
    master, slave = os.openpty()
    device = os.ttyname(slave)
    with GatewayProcess(tmp_path, uart=device) as gateway:
        os.close(slave)
        os.close(master)
        assert gateway.ended() == 1
        assert "Traceback" not in gateway.log
        assert gateway.log.splitlines()[-1].split(" ")[2] == "error"


@pytest.mark.parametrize("taken", [False, True])
def test_a_symlink_of_yesterday_is_replaced(tmp_path: Path, taken: bool) -> None:
    line = tmp_path / "line"
    line.symlink_to("/dev/pts/ptmx" if taken else "/dev/pts/no-such-terminal")
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        assert str(line.readlink()).removeprefix("/dev/pts/").isdecimal()
        client.greet()
