"""The stored settings: what the file holds, what becomes of a bad one, and no write is halfway."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import random
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from gateway.services import settings as module
from gateway.services.api import (
    Address,
    Credentials,
    Encryption,
    SoftApSettings,
    UartSettings,
)
from gateway.services.api_settings import Settings, SettingsBook, SettingsError
from gateway.services.settings import StoredSettings

EVERY_BYTE = bytes(range(256))
FULL = Settings(
    mode=3,
    autoconnect=False,
    access_point=Credentials(EVERY_BYTE[:32], EVERY_BYTE[32:96], "06:00:00:00:00:01"),
    station_dhcp=False,
    softap_dhcp=False,
    ethernet_dhcp=False,
    station_address=Address("10.1.0.2", "10.1.0.1", "255.255.255.0"),
    softap_address=Address("10.2.0.2", "10.2.0.1", "255.255.0.0"),
    ethernet_address=Address("10.3.0.2", "10.3.0.1", "255.0.0.0"),
    station_mac="02:00:00:00:00:01",
    softap_mac="02:00:00:00:00:02",
    ethernet_mac="02:00:00:00:00:03",
    dns=("9.9.9.9", "1.1.1.1"),
    softap=SoftApSettings(EVERY_BYTE[128:160], EVERY_BYTE[160:], 13, Encryption.WPA_WPA2, 8, True),
    uart=UartSettings(9600, 7, 3, 2, 2),
    certificate_maximum=64,
)


def file_of(directory: Path) -> Path:
    """The one file."""
    return directory / "settings.json"


def store(directory: Path, settings: Settings) -> None:
    """Store `settings` as a program would that ends then."""

    async def main() -> None:
        await StoredSettings(directory).store(settings)

    asyncio.run(main())


def test_it_is_a_book_of_settings(tmp_path: Path) -> None:
    book: SettingsBook = StoredSettings(tmp_path)
    assert book.in_force == book.stored == Settings()
    assert list(tmp_path.iterdir()) == []


def test_every_field_comes_back(tmp_path: Path) -> None:
    changed = [each for each in fields(Settings) if getattr(FULL, each.name) != each.default]
    assert len(changed) == len(fields(Settings))
    store(tmp_path / "new" / "folder", FULL)
    book = StoredSettings(tmp_path / "new" / "folder")
    assert book.stored == book.in_force == FULL
    assert isinstance(book.stored.softap and book.stored.softap.encryption, Encryption)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_nobody_else_may_read_the_file(tmp_path: Path, umask: int) -> None:
    (tmp_path / "settings.json.new").write_text("left by a power cut")
    (tmp_path / "settings.json.new").chmod(0o644)
    before = os.umask(umask)
    try:
        store(tmp_path, FULL)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file_of(tmp_path).stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["settings.json"]


def test_the_file_tells_its_version(tmp_path: Path) -> None:
    store(tmp_path, FULL)
    content = json.loads(file_of(tmp_path).read_text(encoding="utf-8"))
    assert content["version"] == 1
    assert content["settings"].keys() == {each.name for each in fields(Settings)}


def test_a_field_that_an_older_version_did_not_know_has_the_factorys_value(tmp_path: Path) -> None:
    file_of(tmp_path).write_text('{"version": 1, "settings": {"mode": 3}}')
    assert StoredSettings(tmp_path).stored == Settings(mode=3)


def with_settings(**values: Any) -> bytes:
    """A file of the right version with these fields."""
    return json.dumps({"version": 1, "settings": values}).encode()


SOFTAP = {"ssid": "a", "password": "", "channel": 1, "encryption": 3}
BAD = {
    "empty": b"",
    "blank": b" \n",
    "zeros": b"\0" * 512,
    "binary": random.Random(1).randbytes(512),
    "not utf-8": b'{"version": 1, "settings": {"mode": "\xff"}}',
    "not json": b"mode=3",
    "two": with_settings() + with_settings(),
    "null": b"null",
    "number": b"1",
    "list": b"[]",
    "deep": b"[" * 100_000,
    "huge number": b"9" * 10_000,
    "infinity": b"Infinity",
    "no version": b'{"settings": {}}',
    "old version": b'{"version": 0, "settings": {}}',
    "future version": b'{"version": 2, "settings": {"mode": 3}}',
    "version text": b'{"version": "1", "settings": {}}',
    "no settings": b'{"version": 1}',
    "settings null": b'{"version": 1, "settings": null}',
    "settings list": b'{"version": 1, "settings": []}',
    "unknown field": with_settings(mode=1, colour="red"),
    "mode text": with_settings(mode="3"),
    "mode flag": with_settings(mode=True),
    "mode fraction": with_settings(mode=3.0),
    "mode null": with_settings(mode=None),
    "mode list": with_settings(mode=[3]),
    "flag number": with_settings(autoconnect=1),
    "flag text": with_settings(station_dhcp="yes"),
    "mac number": with_settings(station_mac=1),
    "address text": with_settings(station_address="10.0.0.1"),
    "address short": with_settings(station_address={"ip": "10.0.0.1"}),
    "address null": with_settings(station_address={"ip": None, "gateway": "", "netmask": ""}),
    "address field": with_settings(
        station_address={"ip": "", "gateway": "", "netmask": "", "more": ""}
    ),
    "dns text": with_settings(dns="9.9.9.9"),
    "dns null": with_settings(dns=None),
    "dns number": with_settings(dns=[9]),
    "no ssid": with_settings(access_point={"password": ""}),
    "ssid number": with_settings(access_point={"ssid": 5}),
    "ssid beyond bytes": with_settings(access_point={"ssid": "\u20ac"}),
    "password null": with_settings(access_point={"ssid": "a", "password": None}),
    "softap short": with_settings(softap={"ssid": "a"}),
    "encryption unknown": with_settings(softap={**SOFTAP, "encryption": 8}),
    "encryption text": with_settings(softap={**SOFTAP, "encryption": "3"}),
    "encryption flag": with_settings(softap={**SOFTAP, "encryption": True}),
    "encryption fraction": with_settings(softap={**SOFTAP, "encryption": 3.0}),
    "encryption list": with_settings(softap={**SOFTAP, "encryption": []}),
    "uart number": with_settings(uart=9600),
    "uart text": with_settings(uart={"baud": "9600"}),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_set_aside(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file_of(tmp_path).write_bytes(BAD[name])
    assert StoredSettings(tmp_path).stored == Settings()
    assert [each.name for each in tmp_path.iterdir()] == ["settings.json.bad"]
    assert (tmp_path / "settings.json.bad").read_bytes() == BAD[name]
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "factory settings are used" in record.getMessage()
    store(tmp_path, FULL)
    assert StoredSettings(tmp_path).stored == FULL


def test_a_file_cut_anywhere_is_set_aside_and_never_half_used(tmp_path: Path) -> None:
    store(tmp_path, FULL)
    whole = file_of(tmp_path).read_bytes()
    for length in range(len(whole)):
        file_of(tmp_path).write_bytes(whole[:length])
        assert StoredSettings(tmp_path).stored == Settings()
        assert (tmp_path / "settings.json.bad").read_bytes() == whole[:length]


def test_what_is_set_aside_shows_no_secret_in_the_journal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    access_point = {"ssid": "a", "password": "secret-pass"}
    for more in ({"colour": 1}, {"mode": "x"}, {"dns": 5}):
        file_of(tmp_path).write_bytes(with_settings(access_point=access_point, **more))
        StoredSettings(tmp_path)
    file_of(tmp_path).write_bytes(with_settings(access_point=access_point)[:-3])
    StoredSettings(tmp_path)
    file_of(tmp_path).write_bytes(with_settings(access_point={"password": "secret-pass\u20ac"}))
    StoredSettings(tmp_path)
    assert len(caplog.records) == 5
    assert "secret-pass" not in caplog.text


def test_a_folder_in_the_files_place_is_set_aside(tmp_path: Path) -> None:
    file_of(tmp_path).mkdir()
    assert StoredSettings(tmp_path).stored == Settings()
    store(tmp_path, FULL)
    assert StoredSettings(tmp_path).stored == FULL


def test_no_secret_in_any_repr() -> None:
    settings = replace(
        FULL,
        access_point=Credentials(b"home", b"secret-pass"),
        softap=SoftApSettings(b"mine", b"secret-pass", 1, Encryption.WPA2),
    )
    for shown in (settings, settings.access_point, settings.softap):
        assert "secret" not in repr(shown)
        assert "secret" not in f"{shown}"
        assert "secret" not in f"{ValueError(shown)!r}"


class TestViews:
    """What a suffix reads and sets (contract, section 1)."""

    def test_each_suffix(self, tmp_path: Path) -> None:
        async def main() -> None:
            book = StoredSettings(tmp_path)
            await book.current.change(mode=2)
            assert (book.in_force.mode, book.stored.mode) == (2, 1)
            assert not file_of(tmp_path).exists()
            await book.default.change(dns=("9.9.9.9",))
            assert (book.in_force.mode, book.stored.mode) == (2, 1)
            assert book.in_force.dns == book.stored.dns == ("9.9.9.9",)
            await book.plain.change(mode=3)
            assert (book.in_force.mode, book.stored.mode) == (3, 3)
            await book.current.change(mode=1)
            assert book.current.values.mode == book.plain.values.mode == 1
            assert book.default.values.mode == 3
            book.reset()
            assert book.in_force == book.stored == Settings(mode=3, dns=("9.9.9.9",))
            await book.restore_factory()
            assert (book.in_force.mode, book.stored) == (3, Settings())

        asyncio.run(main())

    def test_what_changes_nothing_is_not_written(self, tmp_path: Path) -> None:
        async def main() -> None:
            book = StoredSettings(tmp_path)
            await book.default.change(mode=3)
            before = file_of(tmp_path).stat().st_ino
            await book.default.change(mode=3)
            await book.plain.change(mode=3)
            assert file_of(tmp_path).stat().st_ino == before

        asyncio.run(main())


@contextmanager
def failing(name: str, code: int) -> Iterator[None]:
    """The system call `name` fails."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, name, fail)
        yield


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("open", errno.EROFS),
        ("open", errno.EACCES),
        ("open", errno.EMFILE),
        ("fchmod", errno.EPERM),
        ("fsync", errno.ENOSPC),
        ("fsync", errno.EIO),
        ("rename", errno.EROFS),
    ],
)
def test_what_cannot_be_stored_changes_nothing(name: str, code: int, tmp_path: Path) -> None:
    async def main() -> None:
        book = StoredSettings(tmp_path)
        await book.default.change(mode=3)
        before = file_of(tmp_path).read_bytes()
        for view in (book.default, book.plain):
            with failing(name, code), pytest.raises(SettingsError) as caught:
                await view.change(mode=2)
            assert os.strerror(code) in str(caught.value)
            assert str(tmp_path) in str(caught.value)
        assert (book.in_force.mode, book.stored.mode) == (3, 3)
        assert file_of(tmp_path).read_bytes() == before
        await book.default.change(mode=2)
        assert StoredSettings(tmp_path).stored.mode == 2

    asyncio.run(main())


def test_a_state_directory_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")

    async def main() -> None:
        book = StoredSettings(tmp_path / "state")
        with pytest.raises(SettingsError):
            await book.default.change(mode=2)
        assert book.stored == book.in_force == Settings()

    asyncio.run(main())


class Gate:
    """Lets a write begin, and end only when the test says so."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._loop = asyncio.get_running_loop()
        self.begun = asyncio.Event()
        self.open = threading.Event()
        self._write = module._write
        patch.setattr(module, "_write", self._write_slowly)

    def _write_slowly(self, file: Path, settings: Settings) -> None:
        self._loop.call_soon_threadsafe(self.begun.set)
        assert self.open.wait(10)
        self._write(file, settings)


def test_a_store_outlives_its_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        gate = Gate(monkeypatch)
        book = StoredSettings(tmp_path)
        caller = asyncio.create_task(book.default.change(mode=3))
        await gate.begun.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        settled = asyncio.create_task(book.settled())
        await asyncio.sleep(0)
        assert not settled.done()
        gate.open.set()
        await settled
        assert book.stored == Settings(mode=3)
        assert StoredSettings(tmp_path).stored == Settings(mode=3)

    asyncio.run(main())


def test_the_loop_runs_on_while_a_file_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        gate = Gate(monkeypatch)
        caller = asyncio.create_task(StoredSettings(tmp_path).default.change(mode=3))
        await gate.begun.wait()
        gate.open.set()
        await caller

    asyncio.run(main())


KILLS = 100
SERVERS = 200


def numbered(number: int) -> Settings:
    """Settings that say in many places which write they are."""
    return Settings(certificate_maximum=number, dns=(str(number),) * SERVERS)


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


def test_kill_in_the_middle_of_writes_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    chance = random.Random(20)
    number, old, new = 0, 0, 0
    store(tmp_path, numbered(0))
    for _ in range(KILLS):
        done = kill_a_writer(file_of(tmp_path), number, chance.randint(1, 21))
        found = StoredSettings(tmp_path).stored
        number = found.certificate_maximum
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
