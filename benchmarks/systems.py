"""The systems under measurement: how each is started, reached and ended."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks import installed, tools
from benchmarks.client import Client, time_limit
from benchmarks.peer import Peer
from benchmarks.real_network import RealNetwork

START_LIMIT = 20.0
READY = b"\r\nready\r\n"
_POLL = 0.0003


@dataclass(frozen=True, slots=True)
class Started:
    """A process with a client on its line."""

    process: subprocess.Popen[bytes]
    client: Client


class System:
    """One running system; a context manager that ends it.

    `start` begins the process at once and returns with its line open. `log` is a file that
    holds what the process said.
    """

    def __init__(self, name: str, start: Callable[[Path], Started]) -> None:
        self.name = name
        self._start = start
        self._folder = tempfile.TemporaryDirectory(prefix="benchmarks-")
        self.folder = Path(self._folder.name)
        try:
            with time_limit(START_LIMIT):
                started = start(self.folder)
        except BaseException:
            self._folder.cleanup()
            raise
        self.process = started.process
        self.client = started.client

    @property
    def pid(self) -> int:
        """The process's number."""
        return self.process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def keep_to(self, processors: set[int]) -> None:
        """Run on these processors only, the threads that there are now included."""
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            os.sched_setaffinity(int(thread), processors)

    def close(self) -> None:
        """End the process in order, by force where that takes more than 5 s."""
        self.client.close()
        end(self.process)
        self._folder.cleanup()


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL after 5 s."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _launch(command: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            command, cwd=tools.ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )


def _reached(
    process: subprocess.Popen[bytes], folder: Path, reach: Callable[[], int | None], say: bytes
) -> Started:
    """Wait until there is a line and `say` has come on it; b"" waits for the line only.

    `reach` gives the line's descriptor as soon as there is one.
    """
    line: int | None = None
    try:
        while (line := reach()) is None:
            _check(process, folder)
            time.sleep(_POLL)
        client = Client(line)
        while say and not select.select([line], [], [], 0.1)[0]:
            _check(process, folder)
        if say:
            client.read_up_to(say)
    except BaseException:
        if line is not None:
            os.close(line)
        end(process)
        raise
    return Started(process, client)


def _check(process: subprocess.Popen[bytes], folder: Path) -> None:
    if process.poll() is not None:
        said = (folder / "log").read_text(errors="replace").strip().splitlines()
        raise tools.Missing(f"ended at start: {said[-1] if said else 'no word'}")


def _open_terminal(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDWR | os.O_NOCTTY)
    except FileNotFoundError:
        return None


def gateway_command(
    folder: Path,
    uart: str,
    python: Sequence[str] = installed.PYTHON,
    network: str = "simulated",
) -> list[str]:
    """The command line of a gateway on a `network`, as installed, with folders of its own."""
    return [*python, str(installed.start_script()), *_run_options(folder, uart, network)]


def _run_options(folder: Path, uart: str, network: str) -> list[str]:
    configuration = str(installed.configuration(folder))
    return ["run", "--config", configuration, "--uart", uart, "--network", network]


def start_gateway(folder: Path, python: Sequence[str] = installed.PYTHON) -> Started:
    """The gateway on a pseudo-terminal of its own, up to its `ready`."""
    path = folder / "line"
    process = _launch(gateway_command(folder, f"pty:{path}", python), folder)
    return _reached(process, folder, lambda: _open_terminal(path), READY)


def start_gateway_on_device(
    folder: Path, python: Sequence[str] = installed.PYTHON, real: RealNetwork | None = None
) -> Started:
    """The gateway on a terminal device that is there before it, as a UART is; with `real` on a
    NetworkManager."""
    master, slave = os.openpty()
    try:
        network = "networkmanager" if real else "simulated"
        command = gateway_command(folder, os.ttyname(slave), python, network)
        process = _launch(real.inside(*command) if real else command, folder)
        return _reached(process, folder, lambda: master, READY)
    finally:
        os.close(slave)


def start_gateway_on_networkmanager(folder: Path, real: RealNetwork) -> Started:
    """The gateway in a world with a NetworkManager, up to its `ready`. Missing: there is none."""
    path = folder / "line"
    command = gateway_command(folder, f"pty:{path}", network="networkmanager")
    process = _launch(real.inside(*command), folder)
    return _reached(process, folder, lambda: _open_terminal(path), READY)


def start_gateway_over_tcp(folder: Path) -> Started:
    """The gateway on a TCP connection, up to its `ready`."""
    port = _free_port()
    script = str(tools.HERE / "gateway_over_tcp.py")
    options = _run_options(folder, "tcp", "simulated")
    command = [*installed.PYTHON, script, str(installed.program()), str(port), *options]
    return _reached(_launch(command, folder), folder, lambda: _connected(port), READY)


def start_espemu(folder: Path) -> Started:
    """espemu on its TCP channel, up to its `ready`."""
    port = _free_port()
    arguments = ["-m", "espemu", "--port", str(port), "--ip", "127.0.0.1"]
    process = _launch([str(tools.espemu_python()), *arguments], folder)
    return _reached(process, folder, lambda: _connected(port), READY)


def start_espemu_on_terminal(folder: Path) -> Started:
    """espemu's own code on a pseudo-terminal, up to its `ready`."""
    path = folder / "line"
    script = str(tools.HERE / "espemu_on_terminal.py")
    process = _launch([str(tools.espemu_python()), "-I", script, str(path), "127.0.0.1"], folder)
    return _reached(process, folder, lambda: _open_terminal(path), READY)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _connected(port: int) -> int | None:
    """A connection to 127.0.0.1:`port`; None while nobody listens there."""
    channel = socket.socket()
    try:
        channel.connect(("127.0.0.1", port))
    except ConnectionRefusedError:
        channel.close()
        return None
    channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return channel.detach()


def start_program_over_tcp(folder: Path, program: Path) -> Started:
    """A C program that serves one TCP connection."""
    port = _free_port()
    process = _launch([str(program), f"tcp:{port}"], folder)
    return _reached(process, folder, lambda: _connected(port), b"")


def start_program(folder: Path, program: Path) -> Started:
    """A C program on a pseudo-terminal."""
    path = folder / "line"
    process = _launch([str(program), str(path)], folder)
    return _reached(process, folder, lambda: _open_terminal(path), b"")


def start_socat(folder: Path, port: int, *, secure: bool = False) -> Started:
    """socat between a raw pseudo-terminal and a connection to 127.0.0.1:`port`, TLS if
    `secure`."""
    path = folder / "line"
    far_end = f"OPENSSL:127.0.0.1:{port},verify=0" if secure else f"TCP:127.0.0.1:{port}"
    process = _launch([tools.socat(), f"PTY,link={path},rawer", far_end], folder)
    return _reached(process, folder, lambda: _open_terminal(path), b"")


def link_up(system: System, peer: Peer, *, kind: str = "TCP", links: int = 1) -> None:
    """Echo off, and a link from the system to `peer`, or several."""
    with time_limit(START_LIMIT):
        client = system.client
        client.drop_input(0.5)
        client.command("ATE0")
        if links == 1:
            peer.accept()
            client.connect(peer.port, kind=kind)
        else:
            client.command("AT+CIPMUX=1")
            peer.accept(links)
            for link in range(links):
                client.connect(peer.port, kind=kind, link=link)
        peer.results()
