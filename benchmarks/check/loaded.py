"""`python -I benchmarks/check/loaded.py FILE SCRIPT …`: the gateway, telling what it imported.

SCRIPT is its start script. The names of all modules are written to FILE.ready when the gateway
is ready, and to FILE.rest at each SIGUSR1. Nothing is imported here that the gateway does not.
Under callgrind os.getppid() is the mark behind `ready`.
"""

import logging
import os
import runpy
import signal
import sys
from types import FrameType


def write(file: str, when: str) -> None:
    """Write the names, one a line; the file is there once it is whole."""
    with open(f"{file}.new", "w", encoding="utf-8") as new:
        new.write("\n".join(sorted(sys.modules)))
    os.replace(f"{file}.new", f"{file}.{when}")


class AtReady(logging.Handler):
    """Writes the names when the gateway's log says `ready`."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self._file = file

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a record."""
        if record.msg == "ready":
            os.getppid()
            write(self._file, "ready")


def main() -> None:
    """Be the gateway, with the rest of the command line."""
    _, file, script, *arguments = sys.argv

    def at_signal(_number: int, _frame: FrameType | None) -> None:
        write(file, "rest")

    logging.getLogger("gateway").addHandler(AtReady(file))
    signal.signal(signal.SIGUSR1, at_signal)
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
