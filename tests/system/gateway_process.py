"""The gateway as a process of its own.

Nothing here sleeps: whoever waits, waits for a line of the log or for the end of the process,
and gives up after LIMIT seconds.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.system.line_client import LIMIT, Client

ROOT = Path(__file__).parent.parent.parent


def command_line(*options: str) -> list[str]:
    """The gateway's command with these options."""
    return [sys.executable, "-m", "gateway", "run", *options]


class GatewayProcess:
    """`python -m gateway run`, from its `ready` on, killed at the end of the `with`.

    State, certificates, configuration and the symlink `line` are in `folder`. `uart` names
    another line than that symlink. The simulated network waits `pace` times as long as a
    real one. Without a `log_level` the configuration's holds. `environment` is added to ours.
    `begun` is what the log says once the `with` may begin.
    """

    patience = LIMIT
    """Seconds that a line of the log may take."""

    def __init__(
        self,
        folder: Path,
        *,
        uart: str | None = None,
        log_level: str | None = "info",
        pace: float = 0.0,
        environment: Mapping[str, str] | None = None,
        begun: str = "info gateway: ready",
        network: str = "simulated",
    ) -> None:
        self.line = folder / "line"
        self.state = folder / "state"
        self.certificates = folder / "certs"
        for each in (self.state, self.certificates):
            each.mkdir(exist_ok=True)
        self.configuration = folder / "gateway.toml"
        self.configuration.write_text(f"[simulated]\npace = {pace}\n", encoding="utf-8")
        self._environment = {**os.environ, **(environment or {})}
        self._command = command_line(
            *("--config", str(self.configuration), "--uart", uart or f"pty:{self.line}"),
            *("--state-dir", str(self.state), "--cert-dir", str(self.certificates)),
            *("--network", network),
            *(("--log-level", log_level) if log_level else ()),
        )
        self._begun = begun
        self._log: list[str] = []
        self._news = threading.Condition()

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read_log, name="log reader")
        self._reader.start()
        try:
            self.wait_for_log(self._begun)
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()
        if error is not None:
            error.add_note(f"The gateway's log:\n{self.log}")

    @property
    def log(self) -> str:
        """What has been written to stderr; all of it once the process has ended."""
        with self._news:
            return "".join(self._log)

    def wait_for_log(self, text: str) -> None:
        """Return once a line of the log contains `text`."""
        with self._news:
            found = self._news.wait_for(
                lambda: any(text in line for line in self._log) or self._log_ended(), self.patience
            )
        assert found, f"no {text!r} in the log after {self.patience} s:\n{self.log}"
        assert text in self.log, f"ended without {text!r} in the log:\n{self.log}"

    def connect(self) -> Client:
        """A client that has just opened the line."""
        return Client(self.line)

    def ends(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit status, with all of the log read."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for the end; the exit status, with all of the log read."""
        status = self.process.wait(LIMIT)
        self._reader.join(LIMIT)
        return status

    def kill(self) -> None:
        """`kill -9`, if it still runs, and nothing of it is left."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def resident_bytes(self) -> int:
        """The memory that it has in use."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        """How many files it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def _log_ended(self) -> bool:
        return bool(self._log) and self._log[-1] == ""

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        while True:
            line = self.process.stderr.readline()
            with self._news:
                self._log.append(line)
                self._news.notify_all()
            if not line:
                return
