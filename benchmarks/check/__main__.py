"""`python -m benchmarks.check`: count what repeats, and judge it against the baseline."""

from __future__ import annotations

import argparse
import os

from benchmarks import tools
from benchmarks.check import syscalls


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check", description=__doc__)
    parser.add_argument("--only", choices=("syscalls",), help="count nothing else")
    return parser.parse_args()


def main() -> None:
    """Run what the command line asks for."""
    _arguments()
    os.chdir(tools.ROOT)
    for line in syscalls.LINES:
        traced, idle = syscalls.count(line)
        for name, each in traced.items():
            usual = each.usual.total()
            print(f"{line:4} {name:14} {usual:3} (mean {each.mean:.2f})  {each.listed()}")
        print(f"{line:4} {'idle':14} {idle:3} in {syscalls.IDLE_SECONDS:g} s")


if __name__ == "__main__":
    main()
