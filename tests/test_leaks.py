"""The leak check itself: every kind of leak fails the test that made it, by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

LEAKY = """
import asyncio, os, socket, subprocess, threading
kept = []

async def forever():
    await asyncio.Event().wait()

async def fails():
    raise LookupError("nobody asks")

async def start(function):
    kept.append(asyncio.create_task(function()))
    await asyncio.sleep(0)

async def start_and_forget():
    asyncio.create_task(fails())
    await asyncio.sleep(0)

def test_descriptor():
    kept.append(os.open("/dev/null", os.O_RDONLY))

def test_child():
    kept.append(subprocess.Popen(["sleep", "60"]))

def test_child_ends():
    kept[-1].kill()
    kept[-1].wait()

def test_thread():
    kept.append(threading.Event())
    threading.Thread(target=kept[-1].wait, name="stray").start()

def test_thread_ends():
    kept[-1].set()

def test_task():
    asyncio.run(start(forever))

def test_exception_that_nobody_retrieves():
    asyncio.run(start_and_forget())

def test_socket_left_to_the_collector():
    socket.socket()

def test_coroutine_never_awaited():
    forever()

def test_clean():
    with socket.socket(), open("/dev/null"):
        asyncio.run(asyncio.sleep(0))
        subprocess.run(["true"], check=True)
"""

NAMED = {
    "test_descriptor": "→ /dev/null",
    # not by its program: the kernel closes the pipe that Popen waits for before it renames it
    "test_child": "child process not ended or not waited for: ",
    "test_thread": "thread still running: stray",
    "test_task": "task still pending: <Task pending name='Task-",
    "test_exception_that_nobody_retrieves": "LookupError('nobody asks')",
    "test_socket_left_to_the_collector": "unclosed <socket",
    "test_coroutine_never_awaited": "coroutine 'forever' was never awaited",
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of the leaky tests."""
    leaky = tmp_path_factory.mktemp("leaks") / "test_leaky.py"
    leaky.write_text(LEAKY)
    configuration = str(ROOT / "pyproject.toml")
    command = [sys.executable, "-m", "pytest", "-c", configuration, "-p", "tests.conftest"]
    command += ["--color=no", "-rap", str(leaky)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return run.stdout


@pytest.mark.parametrize("test", NAMED)
def test_leak_fails_its_test_and_is_named(report: str, test: str) -> None:
    summary = [line.split() for line in report.splitlines() if f"::{test}" in line]
    assert any(words[0] in ("ERROR", "FAILED") for words in summary), report
    assert NAMED[test] in report


@pytest.mark.parametrize("test", ["test_clean", "test_child_ends", "test_thread_ends"])
def test_what_is_clean_passes(report: str, test: str) -> None:
    summary = [line.split()[0] for line in report.splitlines() if line.endswith(f"::{test}")]
    assert summary == ["PASSED"], report
