"""A writer killed at any moment leaves the old settings or the new (power cuts, kill -9)."""

from __future__ import annotations

import os
import random
import signal
import stat
from pathlib import Path
from typing import Any, NoReturn

import pytest

from gateway.services import settings as module
from gateway.services.api import Credentials, Encryption, SoftApSettings
from gateway.services.api_settings import Settings
from gateway.services.settings import StoredSettings
from tests.services.stored import FULL, file_of, store

KILLS = 100


def numbered(number: int) -> Settings:
    """Settings that say in many places which write they are."""
    mac = (2 << 40 | number).to_bytes(6, "big").hex(":")
    name = str(number).zfill(32).encode()
    return Settings(
        access_point=Credentials(name, name + name[1:], mac),
        station_mac=mac,
        softap_mac=mac,
        ethernet_mac=mac,
        softap=SoftApSettings(name, name + name[1:], 1, Encryption.WPA2),
    )


def number_of(settings: Settings) -> int:
    """Which write left these."""
    return int((settings.station_mac or "").replace(":", ""), 16) & ~(2 << 40)


def write_without_end(file: Path, report: int, number: int) -> NoReturn:
    """In a child: write after write; `.` before each system call, `W` behind each write."""
    for name in ("open", "fchmod", "fsync", "rename"):
        setattr(os, name, reporting(getattr(os, name), report))
    while True:
        number += 1
        module._write(file, numbered(number))
        os.write(report, b"W")


def reporting(call: Any, report: int) -> Any:
    """`call`, announced on the pipe."""

    def announced(*arguments: Any, **options: Any) -> Any:
        os.write(report, b".")
        return call(*arguments, **options)

    return announced


def kill_a_writer(file: Path, number: int, reports: int) -> int:
    """Kill a child after so many reports; the number of its last write that had ended."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            write_without_end(file, write, number)
        finally:
            os._exit(1)
    os.close(write)
    with os.fdopen(read, "rb", buffering=0) as pipe:
        heard = b""
        while len(heard) < reports:
            heard += pipe.read(reports - len(heard)) or b"x" * reports
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        heard += pipe.read(1 << 16) or b""
    assert os.WTERMSIG(status) == signal.SIGKILL
    return number + heard.count(b"W")


# The other thread is pytest's watchdog (faulthandler_timeout): it is in C and holds no lock.
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_kill_in_the_middle_of_writes_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    chance = random.Random(20)
    number, old, new = 0, 0, 0
    store(tmp_path, numbered(0))
    for _ in range(KILLS):
        done = kill_a_writer(file_of(tmp_path), number, chance.randint(1, 21))
        found = StoredSettings(tmp_path).stored
        number = number_of(found)
        assert number in (done, done + 1)
        assert found == numbered(number)
        assert stat.S_IMODE(file_of(tmp_path).stat().st_mode) == 0o600
        old, new = old + (number == done), new + (number > done)
    assert not (tmp_path / "settings.json.bad").exists()
    # both must have happened, else the kills have not been in the middle of anything
    assert old
    assert new
    store(tmp_path, FULL)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["settings.json"]
