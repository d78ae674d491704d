"""Something to try the console with: a gateway of its own and a page to fetch.

The page is served on this machine, so that it is there without any network.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

THIS_PROGRAM = (sys.executable, "-m", "gateway")

START_LIMIT = 10.0
"""Seconds that the gateway may take until its line is there."""

STOP_LIMIT = 5.0

PAGE = b"""\
It works: this page came over a serial line.
The link was a real TCP connection, opened by AT+CIPSTART.
"""


class TrialFailed(Exception):
    """The gateway did not start; the text says why, with the last lines of its log."""


@contextlib.contextmanager
def trial_gateway(program: Sequence[str] = THIS_PROGRAM) -> Iterator[Path]:
    """Run a gateway with the simulated network; gives the path of its serial line.

    Raises TrialFailed when `program`, the gateway's command, ends or has no line after 10 s.
    State, certificates, log and line live in a private folder that goes with it, and the
    machine's own configuration is left out, so that a service on it is not disturbed.
    """
    folder = Path(tempfile.mkdtemp(prefix="esp-at-gateway-"))
    try:
        process = _start(program, folder)
        try:
            yield _wait_for_line(process, folder)
        finally:
            _stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(program: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    for name in ("state", "certs"):
        (folder / name).mkdir(mode=0o700)
    configuration = folder / "gateway.toml"
    configuration.touch()
    command = [
        *program,
        "run",
        *("--config", str(configuration)),
        *("--uart", f"pty:{folder / 'line'}"),
        *("--network", "simulated"),
        *("--state-dir", str(folder / "state")),
        *("--cert-dir", str(folder / "certs")),
    ]
    with (folder / "gateway.log").open("wb") as log:
        # A session of its own: Ctrl-C in the terminal is the console's, not the gateway's.
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def _wait_for_line(process: subprocess.Popen[bytes], folder: Path) -> Path:
    line = folder / "line"
    limit = time.monotonic() + START_LIMIT
    while not line.exists():
        if process.poll() is not None:
            raise TrialFailed(
                f"the gateway ended with status {process.returncode}{_last_lines(folder)}"
            )
        if time.monotonic() > limit:
            raise TrialFailed(
                f"the gateway had no line after {START_LIMIT:.0f} s{_last_lines(folder)}"
            )
        time.sleep(0.01)
    return line


def _last_lines(folder: Path) -> str:
    log = (folder / "gateway.log").read_text(encoding="utf-8", errors="replace").splitlines()
    return "".join(f"\n  {line}" for line in log[-5:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class _PageHandler(BaseHTTPRequestHandler):
    # Head and page in one packet, so that they are one +IPD.
    wbufsize = 4096

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the terminal belongs to the prompt."""


@contextlib.contextmanager
def page_server() -> Iterator[int]:
    """Serve one small page on 127.0.0.1; gives its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _PageHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
