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
UART = {"baud": 9600, "data_bits": 8, "stop_bits": 1, "parity": 0, "flow": 0}
ADDRESS = {"ip": "10.0.0.2", "gateway": "10.0.0.1", "netmask": "255.0.0.0"}
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
OUT_OF_RANGE: dict[str, tuple[dict[str, Any], str]] = {
    "mode 0": ({"mode": 0}, "mode is 0, allowed are 1 to 3"),
    "mode 4": ({"mode": 4}, "mode is 4,"),
    "65 certificates": (
        {"certificate_maximum": 65},
        "certificate_maximum is 65, allowed are 1 to 64",
    ),
    "baud 0": ({"uart": {**UART, "baud": 0}}, "uart.baud is 0, allowed are 110 to 4000000"),
    "baud negative": ({"uart": {"baud": -9600}}, "uart.baud is -9600,"),
    "baud too high": ({"uart": {"baud": 4_000_001}}, "uart.baud is 4000001,"),
    "baud huge": ({"uart": {"baud": 10**4000}}, "uart.baud is a number of over 64 bits,"),
    "data bits 9": ({"uart": {"data_bits": 9}}, "uart.data_bits is 9, allowed are 5 to 8"),
    "stop bits 9": ({"uart": {"stop_bits": 9}}, "uart.stop_bits is 9, allowed are 1 to 3"),
    "parity 7": ({"uart": {"parity": 7}}, "uart.parity is 7, allowed are 0 to 2"),
    "flow 1": ({"uart": {"flow": 1}}, "uart.flow is 1, allowed are 0, 2, 3"),
    "uart flag": ({"uart": {"parity": True}}, "uart.parity is not a whole number"),
    "no gateway": ({"station_address": {"ip": "10.0.0.2"}}, "station_address.gateway is missing"),
    "no ip": ({"station_address": {**ADDRESS, "ip": "hello"}}, 'station_address.ip is "hello"'),
    "0.0.0.0": ({"softap_address": {**ADDRESS, "ip": "0.0.0.0"}}, "softap_address.ip is"),
    "gateway": ({"ethernet_address": {**ADDRESS, "gateway": "x"}}, "ethernet_address.gateway is"),
    "netmask": ({"ethernet_address": {**ADDRESS, "netmask": "255.0.255.0"}}, "netmask is"),
    "no netmask": ({"station_address": {**ADDRESS, "netmask": "0.0.0.0"}}, "netmask is"),
    "ip with zeros": ({"dns": ["010.0.0.1"]}, 'dns[0] is "010.0.0.1"'),
    "ip with a line": ({"dns": ["10.0.0.1", "10.0.0.2\n"]}, 'dns[1] is "10.0.0.2\\n"'),
    "ip with a NUL": ({"dns": ["10.0.0.1\0"]}, "dns[0] is"),
    "ip that is no text": ({"dns": ["\ud800"]}, 'dns[0] is "\\ud800"'),
    "dns 0.0.0.0": ({"dns": ["0.0.0.0"]}, "dns[0] is"),
    "three dns": ({"dns": ["1.1.1.1"] * 3}, "dns has 3, allowed are 0 to 2"),
    "mac": ({"station_mac": "zz"}, 'station_mac is "zz"'),
    "mac empty": ({"ethernet_mac": ""}, 'ethernet_mac is ""'),
    "mac without colons": ({"softap_mac": "020000000001"}, "softap_mac is"),
    "mac with a line": ({"softap_mac": "02:00:00:00:00:01\n"}, "softap_mac is"),
    "mac of many": ({"station_mac": "01:00:00:00:00:01"}, "station_mac is"),
    "mac zero": ({"station_mac": "00:00:00:00:00:00"}, "station_mac is"),
    "ssid empty": ({"access_point": {"ssid": ""}}, "access_point.ssid has 0 bytes"),
    "ssid long": ({"access_point": {"ssid": "x" * 33}}, "access_point.ssid has 33 bytes"),
    "ssid beyond bytes": ({"access_point": {"ssid": "\u20ac"}}, "access_point.ssid is no text"),
    "password short": ({"access_point": {"ssid": "a", "password": "1234567"}}, "password is"),
    "password long": ({"access_point": {"ssid": "a", "password": "g" * 64}}, "password is"),
    "bssid": ({"access_point": {"ssid": "a", "bssid": "nonsense"}}, "access_point.bssid is"),
    "softap ssid": ({"softap": {**SOFTAP, "ssid": "x" * 33}}, "softap.ssid has 33 bytes"),
    "softap key": ({"softap": {**SOFTAP, "password": "a" * 64}}, "softap.password has 64 bytes"),
    "softap password": ({"softap": {**SOFTAP, "password": "short"}}, "softap.password is"),
    "channel 14": ({"softap": {**SOFTAP, "channel": 14}}, "softap.channel is 14, allowed are 1"),
    "enterprise": ({"softap": {**SOFTAP, "encryption": 5}}, "softap.encryption is 5, allowed are"),
    "no encryption": ({"softap": {**SOFTAP, "encryption": 9}}, "softap.encryption"),
    "clients 9": ({"softap": {**SOFTAP, "max_clients": 9}}, "softap.max_clients is 9,"),
    "unknown": ({"uart": {"a\nb": 1}}, 'uart."a\\nb" is unknown'),
    "class variable": ({"_whole": 1}, '"_whole" is unknown'),
    "arguments": ({"dns": [], "uart": {"__match_args__": []}}, 'uart."__match_args__" is unknown'),
    "fields": ({"uart": {"__dataclass_fields__": {}}}, 'uart."__dataclass_fields__" is unknown'),
    "unknown long": ({"x" * 10_000: 1}, "x… is unknown"),
}
BAD |= {name: with_settings(**values) for name, (values, _) in OUT_OF_RANGE.items()}


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


@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_the_journal_says_which_key_and_why(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values, why = OUT_OF_RANGE[name]
    file_of(tmp_path).write_bytes(with_settings(**values))
    StoredSettings(tmp_path)
    said = caplog.records[0].getMessage()
    assert why in said
    assert said.isprintable()
    assert len(said) < 400


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
    for more in ({"colour": 1}, {"mode": "x"}, {"dns": 5}, {"uart": {"baud": 0}}):
        file_of(tmp_path).write_bytes(with_settings(access_point=access_point, **more))
        StoredSettings(tmp_path)
    file_of(tmp_path).write_bytes(with_settings(access_point=access_point)[:-3])
    StoredSettings(tmp_path)
    file_of(tmp_path).write_bytes(with_settings(access_point={"password": "secret-pass\u20ac"}))
    StoredSettings(tmp_path)
    for short in ("pwd", "secret-pass" * 6):
        file_of(tmp_path).write_bytes(with_settings(access_point={"ssid": "a", "password": short}))
        StoredSettings(tmp_path)
    assert len(caplog.records) == 8
    assert "pwd" not in caplog.text
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
