"""Fixtures for tests that run on a real NetworkManager. Without root they are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.namespaces.world import World, reason_not_to_run


@pytest.fixture(autouse=True)
def _runs_here() -> None:
    if (reason := reason_not_to_run()) is not None:
        pytest.skip(reason)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A fresh world whose owner has a profile for Ethernet, which is connected."""
    with World(tmp_path) as made:
        yield made
