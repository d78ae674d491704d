"""What several of these tests need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.services.network import bus_watch
from tests.services.private_bus import address_in, bus_daemon


@pytest.fixture(scope="session")
def bus_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where a private bus listens."""
    folder = tmp_path_factory.mktemp("bus")
    with bus_daemon(folder):
        yield folder


@pytest.fixture
def system_bus(bus_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A private bus in place of the system's, for which nobody waits long."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address_in(bus_folder))
    monkeypatch.setattr(bus_watch, "FIRST_PAUSE", 0.01)
