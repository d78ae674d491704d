"""Out of descriptors, or of threads: each service says so, and none keeps the loop busy."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

import pytest

from gateway.services import resolver
from gateway.services.api import ServiceError
from gateway.services.api_links import CertificateRefused, ConnectFailed, LookupFailed, PortTaken
from gateway.services.api_trace import SOCKET_NAME
from gateway.services.certificates import CertificateStore
from gateway.services.links import LinkLimits, LinkSlots
from gateway.services.memory import AvailableMemory
from gateway.services.servers import TcpServers
from gateway.services.trace import MonitorSocket
from tests import fake_time
from tests.services.authority import self_signed


def out_of_files(*_: Any, **__: Any) -> NoReturn:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def test_no_socket_for_a_link(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        links = LinkSlots(LinkLimits(), lambda _: None)
        monkeypatch.setattr(socket.socket, "__init__", out_of_files)
        with pytest.raises(ConnectFailed, match=r"127\.0\.0\.1 port 80: Too many open files"):
            await links.open(0, "127.0.0.1", 80, keep_alive=0, tls=None)
        assert not await links.offers_fragment_length("127.0.0.1", 80, 512)
        assert links.free_slot() == 0

    asyncio.run(work())


def test_no_socket_for_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        servers = TcpServers(LinkSlots(LinkLimits(), lambda _: None))
        monkeypatch.setattr(socket.socket, "__init__", out_of_files)
        with pytest.raises(PortTaken, match="for port 8080: Too many open files"):
            servers.listen(8080)
        assert servers.running == 0

    asyncio.run(work())


def test_no_descriptor_for_the_memorys_table(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = AvailableMemory()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", out_of_files)
        with pytest.raises(ServiceError, match="/proc/meminfo cannot be read: Too many open files"):
            memory()
    available, least = memory()
    assert available >= least > 0


@pytest.mark.parametrize("error", [OSError(errno.EMFILE, "Too many open files"), ImportError("no")])
def test_a_certificate_that_nothing_can_read(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Importer:
        def find_spec(self, name: str, *_: object) -> None:
            if name.startswith("cryptography"):
                raise error

    async def work() -> None:
        store = CertificateStore(None, 5)
        text = self_signed().pem
        with monkeypatch.context() as patch:
            for name in [name for name in sys.modules if name.startswith("cryptography")]:
                patch.delitem(sys.modules, name)
            patch.setattr(sys, "meta_path", [Importer(), *sys.meta_path])
            with pytest.raises(CertificateRefused, match="nothing can read it here"):
                await store.add(text)
        await store.add(text)
        assert store.names() == ["Test Root"]

    asyncio.run(work())


def test_no_thread_for_a_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the lookups that were refused do not count as ones that hang."""

    def refuse(_: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    async def work() -> None:
        monkeypatch.setattr(threading.Thread, "start", refuse)
        for _ in range(2 * resolver.MOST_AT_ONCE):
            with pytest.raises(LookupFailed, match=r"a\.example: can't start new thread"):
                await resolver.resolve("a.example", 80, socket.AF_INET)

    asyncio.run(work())


def test_a_monitor_waits_for_a_descriptor_and_nobody_spins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[float] = []
    accept = socket.socket.accept

    def scarce(self: socket.socket) -> tuple[socket.socket, object]:
        tries.append(asyncio.get_running_loop().time())
        return accept(self) if len(tries) > 2 else out_of_files()

    async def work() -> None:
        trace = MonitorSocket(tmp_path)
        monkeypatch.setattr(socket.socket, "accept", scarce)
        with socket.socket(socket.AF_UNIX) as watcher:
            watcher.connect(str(tmp_path / SOCKET_NAME))
            await asyncio.sleep(1.9)
            assert (len(tries), trace.listening) == (2, False)
            await asyncio.sleep(0.2)
            assert trace.listening
            trace.close()
        assert tries == pytest.approx([0, 1, 2], abs=0.01)

    fake_time.run(work())


def test_the_end_while_a_monitor_waits_leaves_no_timer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        trace = MonitorSocket(tmp_path)
        monkeypatch.setattr(socket.socket, "accept", out_of_files)
        with socket.socket(socket.AF_UNIX) as watcher:
            watcher.connect(str(tmp_path / SOCKET_NAME))
            await asyncio.sleep(0.1)
            trace.close()
        # on fake time this would jump to the timer first
        await asyncio.sleep(5)

    fake_time.run(work())
