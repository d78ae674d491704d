"""The end of the service: its parts are closed side by side, as each has a limit of its own."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from gateway import daemon
from gateway.config import Config, NetworkOptions, StorageOptions, UartOptions
from gateway.services.clock import SimulatedClock
from gateway.services.network.simulated import SimulatedNetwork, World
from gateway.sessions import Sessions

PATIENCE = 10.0


class Parts:
    """What `daemon.run` closes: the closing of each waits for that of all three."""

    def __init__(self, patch: pytest.MonkeyPatch, broken: str = "") -> None:
        self._meeting = asyncio.Barrier(3)
        self._broken = broken
        self.serving = asyncio.Event()
        self.closed: list[str] = []
        network, clock = SimulatedNetwork(World(pace=0)), SimulatedClock()
        patch.setattr(network, "close", self._closing("network", network.close))
        patch.setattr(clock, "close", self._closing("clock", clock.close))
        patch.setattr(daemon, "_network", lambda config, is_unit: (network, clock))
        close, parts = Sessions.close, self
        patch.setattr(Sessions, "close", lambda self: parts._closing("line", lambda: close(self))())
        patch.setattr(Sessions, "serve", lambda sessions: self._serve())

    async def _serve(self) -> None:
        self.serving.set()
        await asyncio.Event().wait()

    def _closing(self, name: str, really: Any) -> Any:
        async def close() -> None:
            async with asyncio.timeout(PATIENCE):
                await self._meeting.wait()
            await really()
            self.closed.append(name)
            if name == self._broken:
                raise ValueError(name)

        return close


def config_in(folder: Path) -> Config:
    """A pseudo-terminal and all folders in `folder`."""
    return replace(
        Config(),
        uart=UartOptions(device=f"pty:{folder / 'line'}"),
        network=NetworkOptions(kind="simulated"),
        storage=StorageOptions(folder / "state", folder / "certs", folder / "run"),
    )


def ended(running: Coroutine[Any, Any, None], parts: Parts) -> asyncio.Task[None]:
    """`running`, to which SIGTERM is sent once it serves."""

    async def end() -> None:
        task = asyncio.ensure_future(running)
        await parts.serving.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await task

    return asyncio.ensure_future(end())


def refuse_exit(status: int) -> NoReturn:
    raise AssertionError(f"os._exit({status})")


@pytest.mark.parametrize("broken", ["", "network", "clock", "line"])
def test_all_are_closed_at_the_same_time(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the limits do not add up: a line that is held, a mute timesyncd and NetworkManager."""
    monkeypatch.setattr(os, "_exit", refuse_exit)
    (tmp_path / "run").mkdir()
    config = config_in(tmp_path)

    async def main() -> Parts:
        parts = Parts(monkeypatch, broken)
        running = ended(daemon.run(config, lambda: config), parts)
        if broken:
            with pytest.raises(ValueError, match=broken):
                await running
        else:
            await running
        return parts

    parts = asyncio.run(main())
    assert sorted(parts.closed) == ["clock", "line", "network"]
    assert not (tmp_path / "line").is_symlink()
    assert list((tmp_path / "run").iterdir()) == []
