"""Speaking to a session alone, from beside it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import installed
from benchmarks.check.conversation import settle
from benchmarks.client import Client

MARK = "AT+SYSRAM?"
"""The command by which the session tells one part of a conversation from the next."""

ENDING = 60.0
"""Seconds that the process may take to end; under valgrind everything takes long."""


@contextmanager
def session_alone(
    before: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
) -> Iterator[Client]:
    """A session in a process of its own, started by way of the command `before`.

    Its hashes, and so the order of its sets, are the same each time.
    """
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryDirectory(prefix="check-") as folder:
        with theirs:
            script = str(Path(__file__).with_name("alone.py"))
            command = [*before, sys.executable, "-P", script]
            always = {"PYTHONHASHSEED": "0", "PYTHONPATH": str(installed.program())}
            process = subprocess.Popen(
                [*command, str(theirs.fileno()), folder, *arguments],
                pass_fds=[theirs.fileno()],
                env={**os.environ, **always, **(environment or {})},
            )
        client = Client(ours.detach())
        try:
            client.read_up_to(b"\r\nready\r\n")
            settle(client)
            yield client
            client.command("AT+RST")
            process.wait(ENDING)
        finally:
            client.close()
            process.kill()
            process.wait()
