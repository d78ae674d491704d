"""Instructions from the process's first one to `ready`, by callgrind."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks import installed, systems
from benchmarks.check import callgrind
from benchmarks.client import time_limit
from benchmarks.real_network import RealNetwork
from benchmarks.systems import System

_LOOK = 0.05


def to_ready(real: RealNetwork | None) -> int:
    """Those of a start, as installed; with `real` on a NetworkManager. Raises Missing."""
    with tempfile.TemporaryDirectory(prefix="check-") as folder:
        found, names = Path(folder) / "callgrind", Path(folder) / "modules"
        loaded = str(Path(__file__).with_name("loaded.py"))
        python = (*callgrind.command(found), *installed.PYTHON, loaded, str(names))
        with System("gateway", lambda own: systems.start_gateway_on_device(own, python, real)):
            with time_limit(callgrind.LIMIT):
                while not names.with_suffix(".ready").exists():
                    time.sleep(_LOOK)
            # Written when `ready` was logged, before the names of the modules were.
            return callgrind.total(found.with_suffix(".1"))


def of_asyncio() -> int:
    """Those of Python's own `import asyncio`. Raises Missing."""
    with tempfile.TemporaryDirectory(prefix="check-") as folder, time_limit(callgrind.LIMIT):
        found = Path(folder) / "callgrind"
        command = [*callgrind.command(found), *installed.PYTHON, "-c", "import asyncio"]
        subprocess.run(command, check=True)
        return callgrind.total(found)
