"""Clients and monitors that cannot be taken for want of descriptors: they wait, and so do we."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.services.api_trace import SOCKET_NAME
from tests.peers import free_port
from tests.system.faulty_host import DeafClient, FewDescriptors, processor_seconds
from tests.system.gateway_process import ROOT, GatewayProcess, command_line
from tests.system.line_client import LIMIT, OK

WAITING_SECONDS = 3.0


def test_who_waits_keeps_nobody_busy_and_is_taken_in_the_end(tmp_path: Path) -> None:
    port = free_port()
    with (
        GatewayProcess(tmp_path, environment={"RUNTIME_DIRECTORY": str(tmp_path)}) as gateway,
        DeafClient(gateway.line) as client,
        socket.socket(socket.AF_UNIX) as monitor,
    ):
        client.greet()
        client.ask("AT+CIPMUX=1")
        client.ask(f"AT+CIPSERVER=1,{port}")
        idle = gateway.descriptors() + 1  # the monitor's
        few = FewDescriptors(gateway.process.pid)
        few.leave(0)
        before = processor_seconds(gateway.process.pid)
        monitor.settimeout(LIMIT)
        monitor.connect(str(tmp_path / SOCKET_NAME))
        with socket.create_connection(("127.0.0.1", port), LIMIT) as peer:
            peer.sendall(b"early")
            assert not client.something_comes(WAITING_SECONDS)
            client.ask("AT")
            # a loop that asks again and again would have taken all of it
            assert processor_seconds(gateway.process.pid) - before < WAITING_SECONDS / 20
            few.give_back()
            client.expect(b"0,CONNECT\r\n\r\n+IPD,0,5:early")
        hello = monitor.makefile().readline()
        assert json.loads(hello)["kind"] == "hello"
        client.expect(b"0,CLOSED\r\n")
        while gateway.descriptors() > idle:  # the link's is given back behind that word
            client.ask("AT")
        few.leave(1)
        with socket.create_connection(("127.0.0.1", port), LIMIT):
            client.expect(b"0,CONNECT\r\n")
            with socket.create_connection(("127.0.0.1", port), LIMIT) as second:
                second.sendall(b"later")
                assert not client.something_comes(1)
                # the descriptor that one gives back is the other's
                client.ask("AT+CIPCLOSE=0", b"0,CLOSED\r\n" + OK)
                client.expect(b"0,CONNECT\r\n\r\n+IPD,0,5:later")
        assert gateway.ends() == 0
    assert "a client could not be taken" in gateway.log
    assert "Traceback" not in gateway.log


@pytest.mark.parametrize("most", [6, 9, 12, 16])
def test_doctor_says_what_it_can(most: int) -> None:
    """Whatever it cannot open, it has something to say of it, and that is no traceback."""
    done = subprocess.run(
        ["prlimit", f"--nofile={most}", sys.executable, "-m", "gateway", "doctor"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, 1)
    assert "Traceback" not in done.stdout + done.stderr
    assert " to mend" in done.stdout or "look at" in done.stdout


@pytest.mark.parametrize("most", [6, 7])
def test_a_start_without_descriptors_ends_in_a_sentence_and_changes_nothing(
    most: int, tmp_path: Path
) -> None:
    stored = tmp_path / "settings.json"
    stored.write_text('{"version": 1, "settings": {"mode": 3}}')
    line, state = f"pty:{tmp_path / 'line'}", str(tmp_path)
    command = command_line("--network", "simulated", "--uart", line, "--state-dir", state)
    done = subprocess.run(
        ["prlimit", f"--nofile={most}", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "error gateway: [Errno 24] Too many open files" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["settings.json"]
