"""A gateway whose host is out of order: mounts of its own, few descriptors, deaf clients.

Its mounts are seen by it alone, and go with it. Nothing of this machine is changed.
"""

from __future__ import annotations

import contextlib
import functools
import os
import resource
import select
import shlex
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.gateway_process import GatewayProcess
from tests.system.line_client import LIMIT, Client

_UNSHARE = ("unshare", "--mount", "--propagation", "private", "--")


@functools.cache
def no_mounts() -> str | None:
    """Why no process can have mounts of its own here, in one sentence; None if it can."""
    if os.geteuid() != 0:
        return "mounts of its own need root"
    attempt = [*_UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    done = subprocess.run(attempt, capture_output=True, text=True, timeout=LIMIT, check=False)
    return None if done.returncode == 0 else f"mounts of its own: {done.stderr.strip()}"


class MountedGateway(GatewayProcess):
    """A gateway that starts behind the shell lines `mounts`, in a mount namespace of its own.

    Without root its test is skipped.
    """

    def mount_first(self, *mounts: str) -> None:
        """Run these lines before it starts."""
        if (reason := no_mounts()) is not None:
            pytest.skip(reason)
        script = "\n".join(["set -e", *mounts, 'exec "$@"'])
        self._command = [*_UNSHARE, "sh", "-c", script, "sh", *self._command]

    def seen(self, path: Path) -> Path:
        """Where that file of the gateway's is found from outside."""
        return Path(f"/proc/{self.process.pid}/root{path}")

    def run_inside(self, *command: str) -> None:
        """Run a command among the gateway's mounts; it must succeed."""
        enter = ("nsenter", f"--target={self.process.pid}", "--mount", "--root", "--")
        subprocess.run([*enter, *command], check=True, timeout=LIMIT)


def gateway_on_small_disk(folder: Path, *, kilobytes: int = 64) -> MountedGateway:
    """A gateway whose state directory is a disk of this size."""
    gateway = MountedGateway(folder)
    state = shlex.quote(str(gateway.state))
    gateway.mount_first(f"mount -t tmpfs -o size={kilobytes}k,mode=0700 tmpfs {state}")
    return gateway


@contextlib.contextmanager
def silent_name_server() -> Iterator[socket.socket]:
    """A name server that takes every question and answers none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        number = os.getpid()
        address = f"127.53.{number >> 8 & 255}.{number & 255}"
        try:
            server.bind((address, 53))
        except PermissionError:
            pytest.skip("a name server needs root")
        yield server


def gateway_with_name_server(folder: Path, server: socket.socket) -> MountedGateway:
    """A gateway that asks this name server, and waits for it as long as the C library does."""
    (folder / "resolv.conf").write_text(f"nameserver {server.getsockname()[0]}\n")
    # Names are looked up by DNS alone, whatever this machine does first.
    (folder / "nsswitch.conf").write_text("hosts: dns\n")
    gateway = MountedGateway(folder)
    gateway.mount_first(
        *(
            f"mount --bind {shlex.quote(str(folder / name))} /etc/{name}"
            for name in ("resolv.conf", "nsswitch.conf")
        )
    )
    return gateway


class FewDescriptors:
    """Takes a process the descriptors that it has not opened yet, and gives them back."""

    def __init__(self, process: int) -> None:
        self._process = process
        self._before = resource.prlimit(process, resource.RLIMIT_NOFILE)

    def leave(self, count: int) -> None:
        """From now on it can open `count` more files."""
        taken = {int(name) for name in os.listdir(f"/proc/{self._process}/fd")}
        free = (number for number in range(self._before[1]) if number not in taken)
        limit = [next(free) for _ in range(count + 1)][-1]
        resource.prlimit(self._process, resource.RLIMIT_NOFILE, (limit, self._before[1]))

    def give_back(self) -> None:
        """It can open files again."""
        resource.prlimit(self._process, resource.RLIMIT_NOFILE, self._before)


def processor_seconds(process: int) -> float:
    """What a process has used of the processor so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class DeafClient(Client):
    """A microcontroller that sends, and reads only when it is told to."""

    def push(self, data: bytes, *, patience: float = 0.3) -> int:
        """Send without reading until the line takes nothing for so long; how much it took."""
        sent = 0
        room = select.poll()
        room.register(self._descriptor, select.POLLOUT)
        while sent < len(data) and room.poll(patience * 1000):
            with contextlib.suppress(BlockingIOError):
                sent += os.write(self._descriptor, data[sent : sent + 4096])
        return sent

    def something_comes(self, seconds: float) -> bool:
        """Whether there is something to read within so many seconds."""
        arrival = select.poll()
        arrival.register(self._descriptor, select.POLLIN)
        return bool(self._received or arrival.poll(seconds * 1000))


def pump(peer: socket.socket, data: bytes, *, patience: float = 0.3) -> int:
    """Send until the peer takes nothing for so long; how much it took."""
    sent = 0
    view = memoryview(data)
    room = select.poll()
    room.register(peer, select.POLLOUT)
    peer.setblocking(False)
    while sent < len(data) and room.poll(patience * 1000):
        with contextlib.suppress(BlockingIOError):
            sent += peer.send(view[sent : sent + 65536])
    return sent
