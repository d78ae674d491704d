"""`python -m tests.endurance.soak`: play for so long, print the table, 0 if all is well."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from tests.endurance.soak.credentials import Credentials, credentials
from tests.endurance.soak.plans import MIB, Scale
from tests.endurance.soak.report import last_words, lines, verdicts
from tests.endurance.soak.rigs import RIGS, Rig
from tests.endurance.soak.rounds import Soak
from tests.endurance.soak.stage import Stage

_LONG = 600.0
_FLOOD = 100 * MIB


def _parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=None, help="what a run before has printed")
    parser.add_argument("--rig", choices=[*RIGS, "radio"], default=None)
    parsed = parser.parse_args(arguments)
    if parsed.hours <= 0 and parsed.minutes <= 0:
        parser.error("for how long? --hours n or --minutes n")
    return parsed


def main(arguments: list[str] | None = None) -> int:
    """Run a soak; the exit status."""
    options = _parsed(arguments)
    rig = options.rig or ("namespaces" if os.geteuid() == 0 else "plain")
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    seconds = options.hours * 3600 + options.minutes * 60
    # in minutes a server's 100 MB would leave no time for anything else
    scale = Scale(flood=_FLOOD) if seconds >= _LONG else Scale()
    print(f"soak: {seconds / 60:g} minutes in the rig {rig}, --seed {seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        made = credentials(Path(folder))
        with _maker(rig)(Path(folder), made.anchor) as place:
            soak = asyncio.run(_play(place, seed, scale, made, seconds))
            wrong = verdicts(soak)
            for line in lines(soak, rig=rig, seed=seed, seconds=time.monotonic() - began):
                print(line)
            if wrong:
                print("\n" + "\n".join(last_words(soak)))
    for sentence in wrong:
        print(f"WRONG: {sentence}")
    print("all is well" if not wrong else f"try again with --rig {rig} --seed {seed}")
    return 1 if wrong else 0


def _maker(rig: str) -> Callable[[Path, bytes], AbstractContextManager[Rig]]:
    if rig != "radio":
        return RIGS[rig]
    from tests.endurance.soak.radio import radio  # at home in a virtual machine only

    return radio


async def _play(rig: Rig, seed: int, scale: Scale, made: Credentials, seconds: float) -> Soak:
    soak = Soak(Stage(rig, seed, scale, made))
    await soak.run(seconds)
    return soak


if __name__ == "__main__":
    sys.exit(main())
