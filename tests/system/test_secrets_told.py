"""Passwords and payload are nowhere but where they belong, at the most talkative level.

The real process, with everything that it writes: to stderr or to the journal, to monitors,
and into what other users may read of it under /proc.
"""

from __future__ import annotations

import os
import re
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system import secret_things
from tests.system.faulty_host import no_mounts
from tests.system.gateway_process import ROOT, GatewayProcess
from tests.system.line_client import LIMIT
from tests.system.secret_things import CONFIGURATION, MARK, PASSWORD
from tests.system.web_servers import listening

MONITORS = ((), ("--raw",), ("--json",))
# Names in a small /run of its own the socket at which systemd-journald would listen.
_WITH_JOURNAL = """
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal
ln -s "$0" /run/systemd/journal/socket
JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2) exec "$@"
"""


class TalkativeGateway(GatewayProcess):
    """A gateway at `debug`; `stdout` and `log` have all that it wrote."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, log_level="debug")
        self.configuration.write_text(CONFIGURATION, encoding="utf-8")
        self.runtime = folder / "run"
        self.runtime.mkdir()
        self._environment["RUNTIME_DIRECTORY"] = str(self.runtime)
        self.stdout = folder / "stdout"
        self._command = ["sh", "-c", 'exec >"$0" "$@"', str(self.stdout), *self._command]


class JournalGateway(TalkativeGateway):
    """The same, whose stderr is the journal; `log` is what that is sent, all fields."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._journal.bind(str(folder / "journal"))
        unshare = ("unshare", "--mount", "--propagation", "private", "--", "sh", "-ec")
        self._command = [*unshare, _WITH_JOURNAL, str(folder / "journal"), *self._command]

    def kill(self) -> None:
        super().kill()
        self._journal.close()

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        stderr = self.process.stderr.fileno()
        while True:
            readable, _, _ = select.select([self._journal.fileno(), stderr], [], [])
            if self._journal.fileno() in readable:
                entry = self._journal.recv(1 << 16).decode("utf-8", "backslashreplace")
                message = re.search(r"^MESSAGE=(.*)$", entry, re.MULTILINE)
                # As it is on stderr, for those who wait for it, and as it came.
                line = f"info gateway: {message[1] if message else ''}\n{entry}"
            else:
                line = os.read(stderr, 1 << 16).decode()
            with self._news:
                self._log.append(line)
                self._news.notify_all()
            if not line:
                return


@pytest.fixture(params=[TalkativeGateway, JournalGateway], ids=["stderr", "journal"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TalkativeGateway]:
    if request.param is JournalGateway and (reason := no_mounts()) is not None:
        pytest.skip(reason)
    with request.param(tmp_path) as made:
        yield made


class Watcher:
    """`esp-at-gateway monitor`, connected; `ends` gives all that it showed."""

    def __init__(self, gateway: TalkativeGateway, *options: str) -> None:
        path = str(gateway.runtime / "monitor.sock")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "monitor", *options, "--socket", path],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        self._shown = [self._process.stdout.readline()]
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self._shown.append(self._process.stdout.read())

    def ends(self) -> str:
        self._process.terminate()
        self._process.wait(LIMIT)
        self._reader.join(LIMIT)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return "".join(self._shown)


def told_by_proc(process: int) -> str:
    """What any user may read of a process and its children."""
    told = ""
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            told += told_by_proc(int(child))
    for name in ("cmdline", "environ", "comm", "status", "wchan"):
        told += Path(f"/proc/{process}/{name}").read_text(errors="replace")
    return told


def test_no_secret_is_told(gateway: TalkativeGateway) -> None:
    told = ""
    watchers = [Watcher(gateway, *options) for options in MONITORS]
    try:
        with gateway.connect() as client, listening() as server:
            client.greet()
            secret_things.join(client)
            secret_things.say_passwords(client)
            certificate = secret_things.say_certificate(client)
            told += told_by_proc(gateway.process.pid)
            secret_things.pass_payload(client, server)
            told += told_by_proc(gateway.process.pid)
        assert gateway.ends() == 0
    finally:
        shown = [watcher.ends() for watcher in watchers]
    told += gateway.log + gateway.stdout.read_text() + "".join(shown)
    # All of them were told something, at the level that tells most.
    assert re.search(r"AT\+CWSAP_CUR=: OK, \d+\.\d ms\n", gateway.log)
    assert all("AT+CWSAP_CUR" in each for each in shown), shown
    assert "Traceback" not in told
    assert MARK not in told.lower()
    for spelled in (MARK, MARK.upper()):
        hexadecimal = spelled.encode().hex()
        assert hexadecimal not in told
        assert " ".join(re.findall("..", hexadecimal)) not in told
    for line in certificate:
        assert line not in told
    # Where it does belong.
    assert PASSWORD in (gateway.state / "settings.json").read_text()
