"""What the benchmarks need beside the gateway: espemu, socat, and two small C programs.

Everything is kept in `benchmarks/.cache`, which git ignores.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
CACHE = HERE / ".cache"


class Missing(Exception):
    """A tool is not to be had; the text says which, and what would help."""


def _run(command: list[str], purpose: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise Missing(f"{purpose}: there is no {command[0]}") from error
    except subprocess.CalledProcessError as error:
        last = (str(error.stderr).strip().splitlines() or ["no reason given"])[-1]
        raise Missing(f"{purpose}: {last}") from error


def espemu_python() -> Path:
    """The interpreter of a private environment that has espemu. Missing: it cannot be made."""
    environment = CACHE / "espemu"
    python = environment / "bin" / "python"
    requirements = HERE / "requirements.txt"
    stamp = environment / "requirements.txt"
    if stamp.exists() and stamp.read_text() == requirements.read_text():
        return python
    shutil.rmtree(environment, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(environment)], "environment for espemu")
    # Not compiled: of 84 MB of Python the one module that matters compiles itself when run.
    install = ["install", "--quiet", "--no-deps", "--no-compile", "--require-hashes"]
    _run([str(python), "-m", "pip", *install, "-r", str(requirements)], "espemu from PyPI")
    stamp.write_text(requirements.read_text())
    return python


def socat() -> str:
    """The path of socat, installed by apt-get when root. Missing: it is not there."""
    if (path := shutil.which("socat")) is not None:
        return path
    if os.geteuid() == 0 and shutil.which("apt-get") is not None:
        _run(["apt-get", "install", "--yes", "--quiet", "socat"], "socat")
        if (path := shutil.which("socat")) is not None:
            return path
    raise Missing("socat is not installed: apt-get install socat")


def responder() -> Path:
    """The compiled C responder. Missing: there is no C compiler."""
    return _compiled("responder")


def echo() -> Path:
    """The compiled C echo. Missing: there is no C compiler."""
    return _compiled("echo")


def _compiled(name: str) -> Path:
    sources = [HERE / f"{name}.c", HERE / "terminal.h"]
    program = CACHE / name
    newest = max(source.stat().st_mtime for source in sources)
    if not program.exists() or program.stat().st_mtime < newest:
        CACHE.mkdir(exist_ok=True)
        command = ["cc", "-O2", "-Wall", "-Wextra", "-o", str(program), str(sources[0])]
        _run(command, f"the C program {name}")
    return program
