"""A real NetworkManager for the gateway to run on, in namespaces of its own.

It is the small world that the tests run in, whose owner's connection is up; two ways to make
one would drift apart.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Self

from benchmarks.tools import Missing
from tests.namespaces.world import World, reason_not_to_run


class RealNetwork:
    """The world from its NetworkManager's having started on; a context manager that ends it.

    Where there can be none it is entered all the same, and says why as soon as it is used.
    """

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._world: World | None = None
        self._why = "not started"

    def __enter__(self) -> Self:
        reason = reason_not_to_run()
        if reason is not None:
            self._why = reason
            return self
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-"))
            try:
                self._world = stack.enter_context(World(Path(folder)))
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                said = str(error).strip().splitlines()
                self._why = f"no NetworkManager of its own: {said[-1] if said else repr(error)}"
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def inside(self) -> Callable[..., list[str]]:
        """Gives the command line that runs a command line in the world, as the same process.

        Missing: there is no world, and why.
        """
        if self._world is None:
            raise Missing(self._why)
        return self._world.inside
