"""`python -m benchmarks`: measure, and print one table. See README.md beside this file."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from benchmarks import profiling, report, tools
from benchmarks.measurements import QUICK, Sizes
from benchmarks.run import run


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="rounds to take medians of")
    parser.add_argument("--quick", action="store_true", help="less in each round, for trying")
    parser.add_argument(
        "--apart", action="store_true", help="keep systems and client on different processors"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all values there too")
    parser.add_argument(
        "--profile",
        choices=sorted(profiling.WORK),
        help="instead: show where the gateway's time goes",
    )
    return parser.parse_args()


def main() -> None:
    """Run what the command line asks for."""
    arguments = _arguments()
    # Programs and modules are found from the repository's root, wherever we are called.
    os.chdir(tools.ROOT)
    if arguments.profile:
        print(profiling.profile(arguments.profile))
        return
    rounds = max(1, arguments.rounds)
    sizes = QUICK if arguments.quick else Sizes()
    results = run(rounds, sizes, apart=arguments.apart)
    print(report.table(results, rounds))
    if arguments.json:
        text = json.dumps(report.as_json(results, rounds), indent=1)
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
