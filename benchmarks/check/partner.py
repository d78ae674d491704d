"""Speaking to a session alone, from beside it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from benchmarks import tools
from benchmarks.client import Client

ENDING = 60.0
"""Seconds that the process may take to end; under valgrind everything takes long."""


@contextmanager
def session_alone(
    before: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> Iterator[Client]:
    """A session in a process of its own, started by way of the command `before`."""
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryDirectory(prefix="check-") as folder:
        with theirs:
            command = [*before, sys.executable, "-m", "benchmarks.check.alone"]
            process = subprocess.Popen(
                [*command, str(theirs.fileno()), folder],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONHASHSEED": "0", **(environment or {})},
                cwd=tools.ROOT,
            )
        client = Client(ours.detach())
        try:
            client.read_up_to(b"\r\nready\r\n")
            client.drop_input(0.5)
            client.command("ATE0")
            yield client
            client.command("AT+RST")
            process.wait(ENDING)
        finally:
            client.close()
            process.kill()
            process.wait()
