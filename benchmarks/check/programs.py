"""strace and valgrind, installed by apt-get when root."""

from __future__ import annotations

import os
import shutil
import subprocess

from benchmarks.tools import Missing


def strace() -> str:
    """The path of strace. Missing: it is not there."""
    return _program("strace")


def valgrind() -> str:
    """The path of valgrind. Missing: it is not there."""
    return _program("valgrind")


def _program(name: str) -> str:
    """A program whose Debian package is called as it is."""
    if (path := shutil.which(name)) is not None:
        return path
    if os.geteuid() == 0 and shutil.which("apt-get") is not None:
        install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", name]
        subprocess.run(install, capture_output=True, check=False)
        if (path := shutil.which(name)) is not None:
            return path
    raise Missing(f"{name} is not installed, please type: sudo apt-get install {name}")


def version(name: str) -> str:
    """The version that a program tells; empty where it is not there."""
    path = shutil.which(name)
    if path is None:
        return ""
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return said.stdout.partition("\n")[0].rpartition(" ")[2].rpartition("-")[2]
