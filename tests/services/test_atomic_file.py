"""A file is replaced whole; that a kill leaves the old or the new, test_settings_killed shows."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.services.atomic_file import replace_file, set_aside


def test_it_is_replaced_and_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "file.json"
    replace_file(file, "ä")
    assert file.read_text(encoding="utf-8") == "ä"
    file.chmod(0o666)
    replace_file(file, "new")
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(file.parent) == ["file.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes in somebody else's folder")
def test_what_root_writes_belongs_to_the_folders_owner(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, 1234, 4321)
    replace_file(folder / "file.json", "text")
    status = (folder / "file.json").stat()
    assert (status.st_uid, status.st_gid) == (1234, 4321)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_folder_that_is_made_is_for_its_owner_alone(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        replace_file(tmp_path / "state" / "file.json", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_in_its_place_leads_nowhere(
    tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    """Whoever has the folder would otherwise have root write, and give away, any file."""
    precious = tmp_path / "shadow"
    precious.write_text("precious")
    link(precious, tmp_path / "file.json.new")
    replace_file(tmp_path / "file.json", "text")
    assert precious.read_text() == "precious"
    assert (tmp_path / "file.json").read_text() == "text"
    assert not (tmp_path / "file.json").is_symlink()


def test_a_bad_file_is_set_aside(tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    file.write_text("bad")
    assert set_aside(file) == f"kept as {tmp_path / 'file.json.bad'}"
    assert (tmp_path / "file.json.bad").read_text() == "bad"
    assert set_aside(file) == "and cannot be set aside: No such file or directory"
