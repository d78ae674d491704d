"""Count what repeats from run to run, and judge it against the committed baseline.

The exit status is 1 where something is worse, 2 where with --strict something could not be
counted.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import tools
from benchmarks.check import programs
from benchmarks.check.groups import GROUPS
from benchmarks.check.judging import BASELINE, TOLERANCE, Baseline, Counted, key
from benchmarks.check.report import Report
from benchmarks.client import UnexpectedReply

_FAILURES = (UnexpectedReply, EOFError, OSError, ValueError, subprocess.SubprocessError)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check", description=__doc__)
    parser.add_argument("--only", choices=sorted(GROUPS), action="append", help="nothing else")
    parser.add_argument("--list", action="store_true", help="the calls of each round by name")
    parser.add_argument("--strict", action="store_true", help="fail where a tool is missing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument(
        "--write-baseline",
        action="store_true",
        help="what is counted now is what later runs are judged by: for a change that is worth "
        "what it costs, or that has made something better",
    )
    return parser.parse_args()


@dataclass(slots=True)
class _Run:
    """What could be counted, for what a tool is missing, and where the gateway failed."""

    counted: list[Counted] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def _count(names: list[str], report: Report) -> _Run:
    """All groups, printed as they come."""
    run = _Run()
    for name in names:
        try:
            for group in GROUPS[name]():
                print(report.judge(group), flush=True)
                run.counted.append(group)
        except tools.Missing as reason:
            run.missing.append(f"{name}: {reason}")
        except _FAILURES as error:
            run.failed.append(f"{name}: the gateway fails: {error!r}")
    return run


def _made_with() -> dict[str, str]:
    found = {"python": platform.python_version(), "machine": platform.machine()}
    found["system"] = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    found |= {name: programs.version(name) for name in ("strace", "valgrind")}
    found["sdbus"] = importlib.metadata.version("sdbus")
    return found


def main() -> int:
    """Run what the command line asks for; the exit status."""
    options = _arguments()
    os.chdir(tools.ROOT)
    baseline = Baseline()
    report = Report(baseline, listing=options.list)
    print(report.head())
    run = _count(options.only or list(GROUPS), report)
    print()
    for each in run.missing:
        print(f"Not counted: {each}")
    if options.json:
        figures = {each.title: each.values() for each in run.counted}
        options.json.write_text(json.dumps({"key": key(), "figures": figures}, indent=1) + "\n")
    if options.write_baseline and not run.failed:
        baseline.write(run.counted, _made_with())
        print(f"Written: {BASELINE.relative_to(tools.ROOT)}. Its commit says why it changes.")
        return 0
    return _verdict(report, baseline, run, strict=options.strict)


def _verdict(report: Report, baseline: Baseline, run: _Run, *, strict: bool) -> int:
    if not baseline.known:
        print(f"There is no baseline for {key()}: only absolute limits were judged.")
    for each in run.failed:
        print(each)
    if report.wrong:
        print("Worse:")
        for each in report.wrong:
            print(f"  {each}")
        print("If a change is worth that: make bench-check RENEW=1, and let its commit say why.")
    if report.wrong or run.failed:
        return 1
    if report.better:
        print(f"{report.better} are better by over {TOLERANCE:.0%}: make bench-check RENEW=1")
    if run.missing and strict:
        return 2
    print("Nothing is worse." if baseline.known else "No limit is exceeded.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
