"""Fuzz the targets one after the other; what is new goes into `corpus/`.

usage: python -m tests.fuzz SECONDS [TARGET ...]
       python -m tests.fuzz 0 [TARGET ...]     choose the corpus anew, without fuzzing

Everything that is made on the way is in build/fuzz: atheris, the seeds, and all that libFuzzer
kept. An input that fails is put into the corpus as `found-…`, and `make test` fails for it
until its cause is mended.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.seeds import seeds, words
from tests.fuzz.selection import added, chosen_anew
from tests.fuzz.targets import CORPUS, TARGETS, corpus_of

ROOT = Path(__file__).parent.parent.parent
BUILD = ROOT / "build" / "fuzz"
ATHERIS = BUILD / "atheris"
REQUIREMENTS = Path(__file__).parent / "requirements.txt"
LONGEST = 4096
"""Bytes of an input that is kept."""
FOUND = "found-"


def main() -> int:
    """0 if nothing was found, 1 if something was, 2 where there is no fuzzer."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("seconds", type=int, help="how long each target is fuzzed")
    parser.add_argument("targets", nargs="*", help=f"{', '.join(TARGETS)} (default: all)")
    options = parser.parse_args()
    unknown = set(options.targets) - TARGETS.keys()
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    if options.seconds and not _install():
        print(
            "make fuzz: skipped, atheris has no wheel for this Python or processor (it has for "
            "Python 3.11 to 3.13 on x86-64); `make test` replays the corpus without it",
            file=sys.stderr,
        )
        return 2
    found = 0
    for name in options.targets or TARGETS:
        _write_seeds(name)
        if options.seconds:
            _fuzz(name, options.seconds)
        if any(file.name.startswith(FOUND) for file in corpus_of(name)):
            found = 1
            print(f"{name}: FOUND, see {CORPUS / name}/{FOUND}*; `make test` shows it", flush=True)
        else:
            _renew(name, anew=not options.seconds)
    return found


def _install() -> bool:
    """Whether atheris is in its folder, which is no part of the development environment."""
    stamp = ATHERIS / "requirements.txt"
    if stamp.exists() and stamp.read_bytes() == REQUIREMENTS.read_bytes():
        return True
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--upgrade"]
    pip += ["--target", str(ATHERIS), "--requirement", str(REQUIREMENTS)]
    if subprocess.run(pip, check=False).returncode:
        return False
    stamp.write_bytes(REQUIREMENTS.read_bytes())
    return True


def _write_seeds(name: str) -> None:
    folder = BUILD / "seeds" / name
    for each in (folder, BUILD / "kept" / name, CORPUS / name):
        each.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as other:
        for data in seeds(name, Path(other)):
            (folder / _name(data)).write_bytes(data)
    escaped = ["".join(f"\\x{byte:02x}" for byte in word) for word in words()]
    (BUILD / "words").write_text("".join(f'"{word}"\n' for word in escaped))


def _fuzz(name: str, seconds: int) -> None:
    """Run libFuzzer; its last words are printed, all of them are in build/fuzz/NAME.log."""
    command = [sys.executable, "-m", "tests.fuzz.one", name]
    command += [str(BUILD / "kept" / name), str(CORPUS / name), str(BUILD / "seeds" / name)]
    command += [f"-max_total_time={seconds}", f"-dict={BUILD / 'words'}", f"-max_len={LONGEST}"]
    command += [f"-artifact_prefix={CORPUS / name}/{FOUND}", "-timeout=20", "-rss_limit_mb=1024"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ATHERIS), str(ROOT)])}
    log = BUILD / f"{name}.log"
    with log.open("wb") as output:
        subprocess.run(
            command, cwd=ROOT, env=environment, stdout=output, stderr=output, check=False
        )
    text = log.read_text(errors="replace")
    states = re.findall(r"^#(\d+)\s.*?\bcov: (\d+) ft: (\d+) corp: (\d+)", text, re.MULTILINE)
    if not states:
        sys.exit(f"make fuzz: {name} did not begin, see {log}")
    runs, coverage, features, kept = states[-1]
    print(
        f"{name}: {runs} runs in {seconds} s, {coverage} places reached, "
        f"{features} features, {kept} inputs",
        flush=True,
    )


def _renew(name: str, *, anew: bool) -> None:
    """Add to the corpus from what libFuzzer kept, or choose all of it anew."""
    before = {file.read_bytes() for file in corpus_of(name)}
    files = [*(BUILD / "kept" / name).iterdir(), *(BUILD / "seeds" / name).iterdir()]
    made = {data for file in files if len(data := file.read_bytes()) <= LONGEST}
    if anew:
        chosen = chosen_anew(TARGETS[name], before | made)
    else:
        chosen = before | added(TARGETS[name], before, made)
    for data in before - chosen:
        (CORPUS / name / _name(data)).unlink(missing_ok=True)
    for data in chosen - before:
        (CORPUS / name / _name(data)).write_bytes(data)
    size = sum(len(data) for data in chosen)
    print(f"{name}: corpus of {len(chosen)} inputs, {size} bytes", flush=True)


def _name(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


if __name__ == "__main__":
    sys.exit(main())
