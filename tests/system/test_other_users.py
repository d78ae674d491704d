"""Another user of this machine neither reads what the gateway keeps nor drives it.

Nor does a crash leave what it had in memory.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.gateway_process import ROOT, GatewayProcess, command_line
from tests.system.line_client import LIMIT, OK
from tests.system.secret_things import CONFIGURATION, PASSWORD, join

# Each is tried by somebody else: what came of it, "done" or the error's name.
_ATTEMPTS = """
import errno, json, os, socket, sys
state, line, monitor, process = sys.argv[1:]

def monitored():
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(monitor)

def opened(path, flags):
    os.close(os.open(path, flags))

attempts = {
    "list the state": lambda: os.listdir(state),
    "read the settings": lambda: opened(f"{state}/settings.json", os.O_RDONLY),
    "write the settings": lambda: opened(f"{state}/settings.json", os.O_WRONLY),
    "type on the line": lambda: opened(line, os.O_WRONLY | os.O_NOCTTY),
    "listen to the line": lambda: opened(line, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK),
    "replace the line": lambda: os.replace(line, f"{line}.mine"),
    "watch": monitored,
    "see its environment": lambda: opened(f"/proc/{process}/environ", os.O_RDONLY),
    "see its memory": lambda: opened(f"/proc/{process}/mem", os.O_RDONLY),
    "reach through its files": lambda: os.listdir(f"/proc/{process}/fd"),
    "end it": lambda: os.kill(int(process), 0),
}

def outcome(attempt):
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"

print(json.dumps({name: outcome(attempt) for name, attempt in attempts.items()}))
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter and look into, as pytest's own is not."""
    made = Path(tempfile.mkdtemp(prefix="gateway-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def gateway(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewayProcess]:
    """One that has stored a password, has made its own folder for that, and has umask 0."""
    runtime = folder / "run"
    runtime.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(runtime))
    made = GatewayProcess(folder)
    made.configuration.write_text(CONFIGURATION, encoding="utf-8")
    made.state.rmdir()
    before = os.umask(0)
    try:
        with made:
            os.umask(before)
            with made.connect() as client:
                client.greet()
                join(client)
            yield made
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_it_makes_is_for_its_owner_alone_whatever_the_umask(gateway: GatewayProcess) -> None:
    assert PASSWORD in (gateway.state / "settings.json").read_text()
    assert mode(gateway.state) == 0o700
    assert {mode(file) for file in gateway.state.iterdir()} == {0o600}
    assert mode(gateway.line) == 0o600
    assert mode(gateway.line.parent / "run" / "monitor.sock") == 0o660


def outcomes(gateway: GatewayProcess, *as_user: str) -> dict[str, str]:
    """What somebody gets of a gateway."""
    process = gateway.process.pid
    named = (gateway.state, gateway.line, gateway.line.parent / "run" / "monitor.sock", process)
    done = subprocess.run(
        [*as_user, "/usr/bin/python3", "-I", "-c", _ATTEMPTS, *map(str, named)],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        timeout=LIMIT,
    )
    told = json.loads(done.stdout)
    assert isinstance(told, dict)
    return told


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_somebody_else_gets_nothing(gateway: GatewayProcess) -> None:
    nobody = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--inh-caps=-all")
    refused = outcomes(gateway, *nobody)
    assert set(refused.values()) == {"EACCES", "EPERM"}, refused
    # Root gets all of it, so that it is not the attempts which fail.
    assert set(outcomes(gateway).values()) == {"done"}
    gateway.line.with_name("line.mine").rename(gateway.line)
    with gateway.connect() as client:
        client.send(b"AT\r\n")
        client.until(OK)


def crashed(command: list[str], folder: Path, *, ready: bool) -> bool:
    """Whether the kernel writes a core dump of a program that crashes, where it may be large."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)),
    )
    assert process.stderr is not None
    with process.stderr:
        while ready and b"gateway: ready" not in (line := process.stderr.readline()):
            assert line, "it did not get ready"
        process.send_signal(signal.SIGSEGV)
        _, status = os.waitpid(process.pid, 0)
    process.returncode = -signal.SIGSEGV
    assert os.WTERMSIG(status) == signal.SIGSEGV
    return os.WCOREDUMP(status)


def test_a_crash_leaves_no_core_dump(tmp_path: Path) -> None:
    if not crashed([sys.executable, "-Ic", "import time; time.sleep(60)"], tmp_path, ready=False):
        pytest.skip("this machine dumps no core of anybody")
    for dump in tmp_path.iterdir():
        dump.unlink()
    options = ("--network", "simulated", "--uart", f"pty:{tmp_path}/line")
    command = command_line(*options, "--state-dir", str(tmp_path / "state"))
    assert not crashed(command, tmp_path, ready=True)
    assert {file.name for file in tmp_path.iterdir()} <= {"line", "state"}
