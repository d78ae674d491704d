"""Where a soak takes place: on this machine's loopback, or in a world with a cable of its own."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import ctypes
import os
import random
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.namespaces.gateway import WorldGateway
from tests.namespaces.world import FAR, World
from tests.system.gateway_process import GatewayProcess

_NEW_NET = 0x40000000
_KEPT_LINES = 2000
_OUT_AT_MOST = 9.0
ANCHOR = "soak.pem"

Disturbance = Callable[[random.Random], Awaitable[None]]


class ShortLog(GatewayProcess):
    """A gateway whose log may go on for days: the last of it is kept, and what is a bug's."""

    bugs: list[str]

    def files(self) -> list[str]:
        """What it has open."""
        folder = Path(f"/proc/{self.process.pid}/fd")
        found = []
        for each in sorted(folder.iterdir(), key=lambda path: int(path.name)):
            with contextlib.suppress(OSError):
                found.append(f"{each.name} {each.readlink()}")
        return found

    def _read_log(self) -> None:
        self.bugs = []
        self._log = collections.deque(maxlen=_KEPT_LINES)  # type: ignore[assignment]
        assert self.process.stderr is not None
        while True:
            line = self.process.stderr.readline()
            if "Traceback" in line or " a bug" in line or "never retrieved" in line:
                self.bugs.append(line.strip())
            with self._news:
                self._log.append(line)
                self._news.notify_all()
            if not line:
                return


class ShortWorldLog(ShortLog, WorldGateway):
    """The same in a world."""


@dataclass(frozen=True)
class Rig:
    """A gateway at work, and what is around it.

    `host` is the address of the far ends; `own` is the row of AT+CIFSR with the gateway's for
    clients from outside, unless it has a dot and is the address itself. `joins` is typed at the
    start. The links' interface is lost and back by the notifications `lost` and `back`; once it
    is, links come about again within `calm_after` seconds. `chain`: whether servers are to prove
    who they are now and then, for which the clock is asked.
    `make_socket` makes a TCP socket of the far ends' network. `disturbances` are what may
    happen to the network, by name; each is over on return.
    """

    gateway: ShortLog
    host: str
    own: str
    make_socket: Callable[[], socket.socket]
    wifi: bool = False
    joins: str = ""
    lost: str = "+ETH_DISCONNECTED"
    back: str = "+ETH_GOT_IP"
    calm_after: float = 25.0
    chain: bool = True
    disturbances: Mapping[str, Disturbance] = field(default_factory=dict)


@contextlib.contextmanager
def plain(folder: Path, anchor: bytes) -> Iterator[Rig]:
    """The simulated network, and the sockets of this machine's loopback."""
    gateway = ShortLog(folder, pace=0.1)
    (gateway.certificates / ANCHOR).write_bytes(anchor)
    with gateway:
        yield Rig(gateway, "127.0.0.1", "127.0.0.1", _tcp_socket, wifi=True)


@contextlib.contextmanager
def namespaces(folder: Path, anchor: bytes) -> Iterator[Rig]:
    """A real NetworkManager with a cable; the far ends are at the end of it."""
    with World(folder) as world, contextlib.ExitStack() as stack:
        gateway = ShortWorldLog(world, folder / "gateway")
        (gateway.certificates / ANCHOR).write_bytes(anchor)
        stack.enter_context(gateway)
        far = InNamespace(world.far_namespace)
        yield Rig(
            gateway,
            FAR,
            "ETHIP",
            far.make_socket,
            disturbances={
                "NetworkManager restarted": lambda chance: _restart(world, chance),
                "cable pulled": lambda chance: _pull(world, chance),
                "bus killed": lambda chance: _kill_bus(world, chance),
            },
        )


RIGS = {"plain": plain, "namespaces": namespaces}
"""By name; `radio` is for the inside of a virtual machine."""


def _tcp_socket() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


class InNamespace:
    """Makes sockets in another network namespace: a socket stays in that of its maker."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def make_socket(self) -> socket.socket:
        """A TCP socket in there."""
        made: list[socket.socket] = []
        thread = threading.Thread(target=self._make, args=(made,))
        thread.start()
        thread.join()
        return made[0]

    def _make(self, made: list[socket.socket]) -> None:
        # a thread's own, so that it ends with the thread
        library = ctypes.CDLL(None, use_errno=True)
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            if library.setns(descriptor, _NEW_NET):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        finally:
            os.close(descriptor)
        made.append(_tcp_socket())


async def _restart(world: World, chance: random.Random) -> None:
    await asyncio.to_thread(world.stop_network_manager)
    await asyncio.sleep(chance.random() * 2)
    await asyncio.to_thread(world.start_network_manager)


async def _pull(world: World, chance: random.Random) -> None:
    await asyncio.to_thread(world.unplug)
    await asyncio.sleep(chance.choice((0.2, 1, 3, _OUT_AT_MOST)) * chance.random())
    await asyncio.to_thread(world.plug)


async def _kill_bus(world: World, chance: random.Random) -> None:
    await asyncio.to_thread(world.kill_bus)
    await asyncio.sleep(chance.random())
    await asyncio.to_thread(world.start_bus)
    await asyncio.to_thread(world.start_network_manager)
