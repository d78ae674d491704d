"""The stored settings: what the file holds, what becomes of a bad one, and no write is halfway."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import stat
from dataclasses import fields, replace
from pathlib import Path

import pytest

from gateway.services.api import (
    Credentials,
    Encryption,
    SoftApSettings,
)
from gateway.services.api_settings import Settings, SettingsBook, SettingsError
from gateway.services.settings import StoredSettings
from tests.services.stored import FULL, Gate, failing, file_of, store


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
