"""For every test: it fails if it leaves anything behind."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.leaks import LeakWatch

# How long an example takes says nothing on a machine that does other work as well.
settings.register_profile("no deadline", settings.default, deadline=None, print_blob=True)
settings.load_profile("no deadline")


def pytest_collection_finish() -> None:
    """Take all that was imported so far out of the collector's rounds.

    Each test ends with a full collection, which then takes a millisecond instead of thirty.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def _nothing_old_is_collected() -> None:
    """What the modules before brought in is not gone through after each test of this one."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Fail the test that leaves a task, descriptor, child process or thread behind.

    Being the first fixture of a test it is the last to end: what the test's own fixtures
    opened must be closed by then as well.
    """
    with LeakWatch() as watch:
        yield
    if watch.found:
        pytest.fail("left behind:\n  " + "\n  ".join(watch.found), pytrace=False)
