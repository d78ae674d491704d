"""SIGTERM while something is stuck: the process ends within two seconds, with status 0.

`test_ending` has the states in which nothing is.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.system.ending import assert_ends_soon
from tests.system.faulty_host import (
    DeafClient,
    gateway_with_name_server,
    pump,
    silent_name_server,
)
from tests.system.gateway_process import GatewayProcess
from tests.system.line_client import OK, Client
from tests.system.test_pins import PinnedGateway
from tests.system.web_servers import accept, listening, port_of

PASS_THROUGH_PROMPT = b"\r\nOK\r\n\r\n>"
# More than the buffers between a peer and a line that takes nothing.
FLOOD = bytes(16 << 20)


def start_and_be_busy(client: Client, command: str) -> None:
    """Begin a command that waits: the line behind it is busy."""
    client.send(command.encode() + b"\r\nAT\r\n")
    client.expect(b"\r\nbusy p...\r\n")


@contextmanager
def black_hole() -> Iterator[int]:
    """A port that answers no SYN: its backlog is full."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield port_of(server)


def connecting(client: DeafClient, stack: ExitStack) -> None:
    start_and_be_busy(client, f'AT+CIPSTART="TCP","127.0.0.1",{stack.enter_context(black_hole())}')


def shaking_hands(client: DeafClient, stack: ExitStack) -> None:
    server = stack.enter_context(listening())
    start_and_be_busy(client, f'AT+CIPSTART="SSL","127.0.0.1",{port_of(server)}')


def probing_a_fragment_length(client: DeafClient, stack: ExitStack) -> None:
    server = stack.enter_context(listening())
    start_and_be_busy(client, f'AT+CIPSSLMFLN="127.0.0.1",{port_of(server)},512')


def scanning(client: DeafClient, stack: ExitStack) -> None:
    start_and_be_busy(client, "AT+CWLAP")


def link(client: DeafClient, stack: ExitStack, slot: int | None = None) -> socket.socket:
    """The peer of a new link."""
    id_ = "" if slot is None else f"{slot},"
    server = stack.enter_context(listening())
    command = f'AT+CIPSTART={id_}"TCP","127.0.0.1",{port_of(server)}'
    client.ask(command, f"{id_}CONNECT\r\n".encode() + OK)
    return stack.enter_context(accept(server))


def five_links_with_data_that_nobody_reads(client: DeafClient, stack: ExitStack) -> None:
    client.ask("AT+CIPMUX=1")
    for peer in [link(client, stack, slot) for slot in range(5)]:
        assert pump(peer, FLOOD, patience=0.1) < len(FLOOD)


def replies_that_nobody_reads(client: DeafClient, stack: ExitStack) -> None:
    queries = b"AT+GMR\r\n" * 100_000
    assert client.push(queries, patience=0.1) < len(queries)


def pass_through(client: DeafClient, stack: ExitStack) -> socket.socket:
    client.ask("AT+CIPMODE=1")
    peer = link(client, stack)
    client.ask("AT+CIPSEND", PASS_THROUGH_PROMPT)
    return peer


def passing_through_to_one_who_takes_nothing(client: DeafClient, stack: ExitStack) -> None:
    pass_through(client, stack)
    assert client.push(FLOOD, patience=0.1) < len(FLOOD)


def passing_through_to_a_line_that_nobody_reads(client: DeafClient, stack: ExitStack) -> None:
    assert pump(pass_through(client, stack), FLOOD, patience=0.1) < len(FLOOD)


def passing_through_with_the_peer_gone(client: DeafClient, stack: ExitStack) -> None:
    with ExitStack() as sooner:
        pass_through(client, sooner)


def resetting(client: DeafClient, stack: ExitStack) -> None:
    client.send(b"AT+RST\r\n")
    client.expect(OK)


@pytest.mark.parametrize(
    "state",
    [
        connecting,
        shaking_hands,
        probing_a_fragment_length,
        scanning,
        five_links_with_data_that_nobody_reads,
        replies_that_nobody_reads,
        passing_through_to_one_who_takes_nothing,
        passing_through_to_a_line_that_nobody_reads,
        passing_through_with_the_peer_gone,
        resetting,
    ],
)
def test_sigterm_while(state: Callable[[DeafClient, ExitStack], None], tmp_path: Path) -> None:
    with (
        GatewayProcess(tmp_path, pace=1 if state is scanning else 0) as gateway,
        DeafClient(gateway.line) as client,
        ExitStack() as stack,
    ):
        client.until(b"\r\nready\r\n")
        client.send(b"ATE0\r\n")
        client.until(b"ATE0\r\n" + OK)
        state(client, stack)
        assert_ends_soon(gateway)


@pytest.mark.parametrize(
    "command", ['AT+CIPDOMAIN="slow.example"', 'AT+CIPSTART="TCP","slow.example",80']
)
def test_sigterm_while_a_name_server_is_silent(command: str, tmp_path: Path) -> None:
    with (
        silent_name_server() as server,
        gateway_with_name_server(tmp_path, server) as gateway,
        DeafClient(gateway.line) as client,
    ):
        client.greet()
        start_and_be_busy(client, command)
        assert_ends_soon(gateway)


SLOW_DISK = """\
import os, time
fsync = os.fsync
def slowly(descriptor):
    with open({begun!r}, "wb"):
        time.sleep({seconds})
    fsync(descriptor)
os.fsync = slowly
"""


def gateway_on_slow_disk(folder: Path, seconds: float) -> tuple[GatewayProcess, Path]:
    """A gateway for which every fsync takes so long, and the FIFO that is opened at each."""
    begun = folder / "begun"
    os.mkfifo(begun)
    (folder / "slow").mkdir()
    (folder / "slow" / "sitecustomize.py").write_text(
        SLOW_DISK.format(begun=str(begun), seconds=seconds)
    )
    environment = {"PYTHONPATH": os.pathsep.join([str(folder / "slow"), *sys.path])}
    return GatewayProcess(folder, environment=environment), begun


def stored_mode(gateway: GatewayProcess) -> int:
    mode: int = json.loads((gateway.state / "settings.json").read_text())["settings"]["mode"]
    return mode


def test_sigterm_while_a_setting_is_stored_loses_nothing(tmp_path: Path) -> None:
    process, begun = gateway_on_slow_disk(tmp_path, 0.3)
    with process as gateway, DeafClient(gateway.line) as client:
        client.greet()
        client.send(b"AT+CWMODE_DEF=3\r\n")
        with begun.open("rb"):  # returns once it is being written
            assert not (gateway.state / "settings.json").exists()
            assert_ends_soon(gateway)
    assert stored_mode(gateway) == 3


@pytest.mark.parametrize("behind", [b"", b"AT+RST\r\nAT+CWMODE_DEF=1\r\n"])
def test_sigterm_does_not_wait_for_a_disk_that_takes_seconds(behind: bytes, tmp_path: Path) -> None:
    """No OK was given for what is not stored; what was stored before stays whole."""
    with GatewayProcess(tmp_path) as gateway, DeafClient(gateway.line) as client:
        client.greet()
        client.ask("AT+CWMODE_DEF=2")
    process, begun = gateway_on_slow_disk(tmp_path, 4.0)
    with process as gateway, DeafClient(gateway.line) as client:
        client.greet()
        client.send(b"AT+CWMODE_DEF=3\r\n" + behind)
        with begun.open("rb"):
            assert_ends_soon(gateway)
    assert "a setting that was being stored may be lost" in gateway.log
    assert stored_mode(gateway) == 2
    with GatewayProcess(tmp_path) as gateway, DeafClient(gateway.line) as client:
        client.greet()
        client.ask("AT+CWMODE_DEF?", b"+CWMODE_DEF:2\r\n" + OK)
        client.ask("AT+CWMODE_DEF=1")
        assert os.listdir(gateway.state) == ["settings.json"]


def test_sigterm_while_held_in_reset(tmp_path: Path) -> None:
    with PinnedGateway(tmp_path) as gateway, gateway.connect() as client:
        client.until(b"\r\nready\r\n")
        gateway.order("low 17")
        gateway.wait_for_log("reset by GPIO17")
        assert_ends_soon(gateway)
