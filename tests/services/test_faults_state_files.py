"""Files of the state directory that nobody wrote so, and disks that refuse in the middle."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.services.api_settings import Settings, SettingsError
from gateway.services.atomic_file import (
    LARGEST,
    MOST_SET_ASIDE,
    read_file,
    remedy,
    replace_file,
    set_aside,
)
from gateway.services.network.ownership import OwnershipRecord
from gateway.services.settings import StoredSettings
from gateway.services.timesync import _read as read_time_servers
from tests.services.stored import FULL, failing, file_of, store


def large(file: Path) -> None:
    """100 MB, which take no room on the disk."""
    with file.open("wb") as stream:
        stream.truncate(100_000_000)


def endless(file: Path) -> None:
    file.symlink_to("/dev/zero")


def pipe(file: Path) -> None:
    os.mkfifo(file)


def folder(file: Path) -> None:
    file.mkdir()
    (file / "inside").write_text("kept")


def nowhere(file: Path) -> None:
    file.symlink_to(file)


@pytest.mark.parametrize("make", [large, endless, pipe, folder, nowhere])
@pytest.mark.parametrize("name", ["settings.json", "network.json"])
def test_what_is_no_small_file_is_set_aside_unread(
    make: Callable[[Path], None], name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path / name)
    before = os.lstat(tmp_path / name)
    tracemalloc.start()
    try:
        if name == "settings.json":
            assert StoredSettings(tmp_path).stored == Settings()
        else:
            assert OwnershipRecord(tmp_path).empty
        assert tracemalloc.get_traced_memory()[1] < 8 * LARGEST
    finally:
        tracemalloc.stop()
    kept = tmp_path / f"{name}.bad"
    assert os.listdir(tmp_path) == [kept.name]
    assert os.lstat(kept).st_ino == before.st_ino
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert f"kept as {kept}" in record.getMessage()


@pytest.mark.parametrize("make", [large, endless, pipe, folder, nowhere])
def test_no_time_servers_are_read_from_what_is_no_small_file(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / "time-servers.json")
    assert read_time_servers(tmp_path / "time-servers.json") == ()


def test_time_servers_nested_without_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("[" * 100_000)
    assert read_time_servers(tmp_path / "file") == ()


def test_the_largest_file_is_read_and_one_byte_more_is_not(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x" * LARGEST)
    assert read_file(file) == "x" * LARGEST
    file.write_text("x" * (LARGEST + 1))
    with pytest.raises(ValueError, match="larger than"):
        read_file(file)


def test_a_file_that_may_not_be_read_is_set_aside_and_not_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store(tmp_path, FULL)
    with failing("open", errno.EACCES):
        assert StoredSettings(tmp_path).stored == Settings()
    (record,) = caplog.records
    assert "Permission denied" in record.getMessage()
    (tmp_path / "settings.json.bad").rename(file_of(tmp_path))
    assert StoredSettings(tmp_path).stored == FULL


def test_settings_of_a_later_version_are_kept_whatever_comes_after(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    later = json.dumps({"version": 2, "settings": {"mode": 3, "colour": "red"}})
    file_of(tmp_path).write_text(later)
    assert StoredSettings(tmp_path).stored == Settings()
    assert "its version is not 1" in caplog.text
    store(tmp_path, FULL)
    file_of(tmp_path).write_text("{")
    assert StoredSettings(tmp_path).stored == Settings()
    assert (tmp_path / "settings.json.bad").read_text() == later
    assert (tmp_path / "settings.json.bad.2").read_text() == "{"


def test_so_many_are_kept_and_the_last_one_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for number in range(MOST_SET_ASIDE + 3):
        file.write_text(str(number))
        set_aside(file)
    kept = {each.name: each.read_text() for each in tmp_path.iterdir()}
    assert len(kept) == MOST_SET_ASIDE
    assert kept["file.bad"] == "0"
    assert kept["file.bad.2"] == "1"
    assert kept[f"file.bad.{MOST_SET_ASIDE}"] == str(MOST_SET_ASIDE + 2)


@contextmanager
def failing_from(name: str, call: int, code: int) -> Iterator[None]:
    """The system call `name` fails from its `call`-th time on."""
    real, count = getattr(os, name), 0

    def fail(*arguments: object) -> object:
        nonlocal count
        count += 1
        if count >= call:
            raise OSError(code, os.strerror(code))
        return real(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, name, fail)
        yield


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_half_a_file_is_not_left(code: int, tmp_path: Path) -> None:
    replace_file(tmp_path / "file", "before")
    with failing_from("fsync", 1, code), pytest.raises(OSError, match=os.strerror(code)):
        replace_file(tmp_path / "file", "new")
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "before"


def test_after_a_store_that_failed_too_late_the_next_one_is_written(tmp_path: Path) -> None:
    """The file has been replaced, its folder is not on the disk: neither can be relied on."""

    async def main() -> None:
        book = StoredSettings(tmp_path)
        await book.default.change(mode=2)
        with failing_from("fsync", 2, errno.EIO), pytest.raises(SettingsError):
            await book.default.change(mode=3)
        assert book.stored.mode == book.in_force.mode == 2
        await book.default.change(mode=2)  # which is what is stored, as far as anybody knows
        assert StoredSettings(tmp_path).stored.mode == 2

    asyncio.run(main())


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "No space left on device; make room there: df -h '/a b'"),
        (errno.EDQUOT, "make room there"),
        (errno.EROFS, "Read-only file system; a worn SD card becomes so: dmesg tells"),
        (errno.EACCES, "Permission denied; it must belong to the user of the service: ls -ld"),
        (errno.EMFILE, "Too many open files"),
    ],
)
def test_the_journal_says_what_to_do(code: int, words: str) -> None:
    assert words in remedy(OSError(code, os.strerror(code)), Path("/a b"))


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_a_machine_out_of_order_does_not_cost_what_is_stored(code: int, tmp_path: Path) -> None:
    """It says nothing of the file: the service ends, and is started again by its manager."""
    store(tmp_path, FULL)
    (tmp_path / "network.json").write_text('{"version": 1, "profiles": {}, "held": {}}')
    for load in (StoredSettings, OwnershipRecord):
        with failing("open", code), pytest.raises(OSError, match=os.strerror(code)):
            load(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["network.json", "settings.json"]
    assert StoredSettings(tmp_path).stored == FULL
