"""Fuzz one target until told to stop: `python -m tests.fuzz.one NAME [libFuzzer's options]`.

`tests.fuzz` runs it, with atheris on the path. The gateway is imported in here and not
before, so that atheris counts what is reached in it.
"""

from __future__ import annotations

import importlib
import sys


def main() -> None:
    """Does not return: libFuzzer ends the process."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["gateway", "tomllib"]):
        targets = importlib.import_module("tests.fuzz.targets")
    name, *options = sys.argv[1:]
    atheris.Setup([sys.argv[0], *options], targets.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
