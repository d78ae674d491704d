"""`python -m benchmarks`: measure, and print one table. See README.md beside this file."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from pathlib import Path

from benchmarks import performance, profiling, report, tools
from benchmarks.measurements import MEASUREMENTS
from benchmarks.results import About, Results
from benchmarks.run import STARTS, run
from benchmarks.sizes import QUICK, Sizes


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="rounds to take medians of")
    parser.add_argument("--quick", action="store_true", help="less in each round, for trying")
    parser.add_argument(
        "--apart", action="store_true", help="keep systems and client on different processors"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=[*MEASUREMENTS, STARTS],
        help="measure that alone, and start what it needs; may be given again",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all values there too")
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FILE",
        help="measure nothing: show what --json has written",
    )
    parser.add_argument(
        "--write-docs", action="store_true", help=f"renew {performance.DOCUMENT} from it"
    )
    parser.add_argument(
        "--profile",
        choices=sorted(profiling.WORK),
        help="instead: show where the gateway's time goes",
    )
    arguments = parser.parse_args()
    if arguments.only and arguments.write_docs:
        parser.error("--write-docs wants the whole run: leave --only out")
    return arguments


def _results(arguments: argparse.Namespace) -> Results:
    if arguments.source:
        return Results.from_json(json.loads(arguments.source.read_text(encoding="utf-8")))
    about = About.now(
        shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]),
        max(1, arguments.rounds),
        quick=arguments.quick,
        apart=arguments.apart and len(os.sched_getaffinity(0)) > 1,
    )
    sizes = QUICK if arguments.quick else Sizes()
    return run(about, sizes, set(arguments.only or (*MEASUREMENTS, STARTS)))


def main() -> int:
    """Run what the command line asks for; the exit status."""
    arguments = _arguments()
    # Programs and modules are found from the repository's root, wherever we are called.
    for name in ("json", "source"):
        if path := getattr(arguments, name):
            setattr(arguments, name, path.absolute())
    os.chdir(tools.ROOT)
    if arguments.profile:
        print(profiling.profile(arguments.profile))
        return 0
    try:
        results = _results(arguments)
    except FileNotFoundError as error:
        if not arguments.source:
            raise
        print(f"{error.filename} is not there: make bench writes one", file=sys.stderr)
        return 1
    print(report.table(results))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(report.as_json(results), indent=1)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    if arguments.write_docs:
        performance.write(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
