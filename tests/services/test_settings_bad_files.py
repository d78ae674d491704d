"""A settings file that is damaged, foreign or from the future is set aside, never half used."""

from __future__ import annotations

import json
import logging
import random
from pathlib import Path
from typing import Any

import pytest

from gateway.services.api_settings import Settings
from gateway.services.settings import StoredSettings
from tests.services.stored import FULL, file_of, store


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
    "mode 7": with_settings(mode=7),
    "no certificates": with_settings(certificate_maximum=0),
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
        kept = tmp_path / "settings.json.bad"
        assert kept.read_bytes() == whole[:length]
        kept.unlink()


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


def test_a_directory_that_is_none_is_said_and_nothing_is_claimed_to_be_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("not a directory")
    assert StoredSettings(tmp_path / "file").stored == Settings()
    (record,) = caplog.records
    assert "cannot be set aside: Not a directory" in record.getMessage()
    assert "kept as" not in record.getMessage()
