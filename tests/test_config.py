"""The configuration: what is taken, what is refused, and that the shipped example is true."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway import config
from gateway.config import (
    AccessPointOptions,
    Config,
    ConfigError,
    StorageOptions,
    load,
    state_dir_of,
)
from gateway.services.api import Encryption

EXAMPLE = Path(__file__).parent.parent / "packaging" / "gateway.toml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gateway.toml"


def loaded(file: Path, text: str) -> Config:
    file.write_text(text, encoding="utf-8")
    return load(file)


def test_the_shipped_example_says_the_defaults() -> None:
    assert load(EXAMPLE) == Config()


def keys(options: Any, table: str = "") -> set[str]:
    """`[table]` or `[table] key` for everything that can be configured."""
    found = set()
    for one in fields(options):
        value = getattr(options, one.name)
        if is_dataclass(value):
            found |= keys(value, f"[{one.name}]")
        elif isinstance(value, tuple):
            found |= keys(value[0], f"[[{table.strip('[]')}.{one.name}]]")
        else:
            found.add(f"{table} {one.name}")
    return found


def test_the_shipped_example_tells_about_each_key() -> None:
    told, table = set(), ""
    lines = EXAMPLE.read_text().splitlines()
    for number, line in enumerate(lines):
        if line.startswith("["):
            table = line
        elif match := re.match(r"(?:# )?([a-z_]+) = ", line):
            key = f"{table} {match[1]}"
            explained = any(above.startswith("# ") for above in lines[number - 2 : number])
            assert explained or key in told, key
            told.add(key)
    assert told == keys(Config())


def test_without_a_file_there_are_the_defaults(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setattr(config, "DEFAULT_PATH", file)
    assert load(None) == Config()
    file.write_text('reply_style = "firmware"')
    assert load(None).reply_style == "firmware"


def test_a_named_file_must_be_there(file: Path) -> None:
    with pytest.raises(ConfigError, match=f"^{file}: there is no such file$"):
        load(file)
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(file.parent)


def test_every_option_is_taken(file: Path) -> None:
    text = """
        reply_style = "firmware"
        uart = {device = "pty:/tmp/line", baud = 110}
        softap.share_uplink = true
        links.connect_seconds = 60
        links.send_seconds = 0.5
        links.buffer_bytes = 65535
        links.allow_loopback = true
        tls = {require_authentication = true, minimum_version = "1.3"}
        storage = {state_dir = "/s", cert_dir = "/c"}
        log.level = "debug"
        gpio = {reset_pin = 2, enable_pin = 27, led_pin = 13}
        [network]
        kind = "simulated"
        wifi_interface = "wlp2s0"
        ethernet_interface = "enp1s0"
        softap_interface = "ap_wlp2s0"
        protect_owner = true
        [simulated]
        pace = 0
        ethernet = false
        ethernet_plugged = false
        station_subnet = "10.0.0.0/8"
        ethernet_subnet = "10.1.2.0/30"
        [[simulated.access_points]]
        ssid = "Café"
        password = "secret words"
        encryption = "wpa2/wpa3"
        channel = 13
        rssi = -90
        bssid = "02:AB:cd:00:00:01"
        hidden = true
        dhcp = false
    """
    made = loaded(file, text)
    assert made.reply_style == "firmware"
    assert (made.uart.device, made.uart.baud) == ("pty:/tmp/line", 110)
    network = made.network
    assert (network.kind, network.wifi_interface) == ("simulated", "wlp2s0")
    assert (network.ethernet_interface, network.softap_interface) == ("enp1s0", "ap_wlp2s0")
    assert network.protect_owner
    assert made.softap.share_uplink
    assert (made.gpio.reset_pin, made.gpio.enable_pin, made.gpio.led_pin) == (2, 27, 13)
    assert (made.links.connect_seconds, made.links.send_seconds) == (60.0, 0.5)
    assert isinstance(made.links.connect_seconds, float)
    assert made.links.buffer_bytes == 65535
    assert made.links.allow_loopback
    assert (made.tls.require_authentication, made.tls.minimum_version) == (True, "1.3")
    assert (made.storage.state_dir, made.storage.cert_dir) == (Path("/s"), Path("/c"))
    assert made.log.level == "debug"
    simulated = made.simulated
    assert (simulated.pace, simulated.ethernet, simulated.ethernet_plugged) == (0, False, False)
    assert (simulated.station_subnet, simulated.ethernet_subnet) == ("10.0.0.0/8", "10.1.2.0/30")
    assert simulated.access_points == (
        AccessPointOptions(
            "Café".encode(),
            b"secret words",
            Encryption.WPA2_WPA3,
            channel=13,
            rssi=-90,
            bssid="02:ab:cd:00:00:01",
            hidden=True,
            dhcp=False,
        ),
    )


AP = "[[simulated.access_points]]\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("uart.baud = 99999999", "uart.baud is 99999999, allowed are 110 to 4000000"),
        ("uart.baud = 109", "uart.baud is 109, allowed are 110 to 4000000"),
        (
            f"uart.baud = 0x{'f' * 5000}",
            "uart.baud is a number of over 64 bits, allowed are 110 to 4000000",
        ),
        ('uart.baud = "115200"', 'uart.baud is "115200", allowed are 110 to 4000000'),
        ("uart.baud = 115200.0", "uart.baud is 115200.0, allowed are 110 to 4000000"),
        ("uart.baud = true", "uart.baud is true, allowed are 110 to 4000000"),
        ("uart.speed = 9600", "uart.speed is unknown, known are device, baud"),
        (
            "baud = 9600",
            "baud is unknown, known are reply_style, uart, gpio, network, softap, links, tls, "
            "storage, log, simulated",
        ),
        ('tls.minimum_version = "1.1"', 'tls.minimum_version is "1.1", allowed are "1.2", "1.3"'),
        ("links.allow_loopback = 1", "links.allow_loopback is 1, allowed are true and false"),
        ("gpio.reset_pin = 1", "gpio.reset_pin is 1, allowed are 2 to 27"),
        ("gpio.led_pin = 28", "gpio.led_pin is 28, allowed are 2 to 27"),
        (
            "gpio.reset_pin = 4\ngpio.enable_pin = 4\ngpio.led_pin = 5",
            "gpio needs a pin for each, and has 4, 4, 5",
        ),
        ("gpio.enable_pin = 15", "gpio cannot have 14 and 15, which are the UART's"),
        ("uart = 5", "uart is 5, and must be a table: [uart]"),
        ("uart = []", "uart is a list, and must be a table: [uart]"),
        (
            'uart.device = "pty:"',
            'uart.device is "pty:", allowed is a device such as "/dev/serial0", or "pty:PATH"',
        ),
        ('reply_style = "esp"', 'reply_style is "esp", allowed are "readme", "firmware"'),
        ("reply_style = {}", 'reply_style is a table, allowed are "readme", "firmware"'),
        (
            'network.kind = "wpa_supplicant"',
            'network.kind is "wpa_supplicant", allowed are "networkmanager", "simulated"',
        ),
        (
            "links.connect_seconds = 0.4",
            "links.connect_seconds is 0.4, allowed are 0.5 to 60",
        ),
        ("links.send_seconds = nan", "links.send_seconds is nan, allowed are 0.5 to 60"),
        ("links.buffer_bytes = 65536", "links.buffer_bytes is 65536, allowed are 2048 to 65535"),
        (
            'storage.state_dir = ""',
            'storage.state_dir is "", allowed is a folder such as "/var/lib/esp-at-gateway"',
        ),
        (
            'log.level = "INFO"',
            'log.level is "INFO", allowed are "debug", "info", "warning", "error"',
        ),
        (
            'network.wifi_interface = "a-name-of-16byte"',
            'network.wifi_interface is "a-name-of-16byte", '
            'allowed is a network interface such as "wlan0"',
        ),
        (
            'network.softap_interface = "wlan 1"',
            'network.softap_interface is "wlan 1", allowed is a network interface such as "wlan0"',
        ),
        (
            'network.wifi_interface = "eth0"',
            "network needs three different interfaces, and has eth0, eth0, ap0",
        ),
        (
            "network.protect_owner = 1",
            "network.protect_owner is 1, allowed are true and false",
        ),
        (
            'softap.share_uplink = "no"',
            'softap.share_uplink is "no", allowed are true and false',
        ),
        ("simulated.pace = -1", "simulated.pace is -1, allowed are 0 to 10"),
        ("simulated.ethernet = 1", "simulated.ethernet is 1, allowed are true and false"),
        (
            'simulated.station_subnet = "10.0.0.1/24"',
            'simulated.station_subnet is "10.0.0.1/24", '
            'allowed is a network of /8 to /30 such as "192.168.100.0/24"',
        ),
        (
            'simulated.ethernet_subnet = "10.0.0.0/31"',
            'simulated.ethernet_subnet is "10.0.0.0/31", '
            'allowed is a network of /8 to /30 such as "192.168.100.0/24"',
        ),
        (
            "simulated.access_points = 3",
            "simulated.access_points is 3, and must be tables: [[simulated.access_points]]",
        ),
        (AP, "simulated.access_points#1.ssid is missing"),
        (
            f"{AP}ssid = 'a'\n{AP}ssid = 'b'\nchannel = 15",
            "simulated.access_points#2.channel is 15, allowed are 1 to 14",
        ),
        (
            f"{AP}ssid = '{'x' * 33}'",
            f'simulated.access_points#1.ssid is "{"x" * 33}", allowed is a text of 1 to 32 bytes',
        ),
        (
            f"{AP}ssid = 'a'\nencryption = 'wpa3'\npassword = 'short'",
            "simulated.access_points#1 wants a password of 8 to 63 characters",
        ),
        (
            f"{AP}ssid = 'a'\nencryption = 'wep'",
            "simulated.access_points#1 wants a password",
        ),
        (
            f"{AP}ssid = 'a'\nencryption = 'open'\npassword = 'password'",
            "simulated.access_points#1 is open and has a password: leave one of the two out",
        ),
        (
            f"{AP}ssid = 'a'\nbssid = '2:ab'",
            'simulated.access_points#1.bssid is "2:ab", '
            'allowed is an address such as "02:a7:0d:5e:00:20"',
        ),
    ],
)
def test_what_is_impossible_is_refused_in_a_sentence(file: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        loaded(file, text)
    assert str(refusal.value) == f"{file}: {sentence}"


def test_what_is_no_toml_is_refused_with_the_place(file: Path) -> None:
    with pytest.raises(ConfigError, match=f"^{file}: .*line 2"):
        loaded(file, "\nuart = = 5")
    file.write_bytes(b'reply_style = "\xff"')
    with pytest.raises(ConfigError, match=f"^{file}: "):
        load(file)


@pytest.mark.parametrize(
    "text",
    [
        f"uart = {'[' * 9999}",
        f"uart = {'{a = ' * 9999}",
        f"reply_style = {'[' * 200}{']' * 200}",
        f"reply_style.{'a.' * 9999}a = 1",
        f"{'a.' * 9999}a = 1",
    ],
    ids=["lists", "tables", "not so deep", "dots", "dots of no option"],
)
def test_what_is_nested_without_end_is_refused(file: Path, text: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        loaded(file, text)
    assert str(refusal.value).startswith(f"{file}: ")
    assert state_dir_of(file) == Config().storage.state_dir


@pytest.mark.parametrize(
    ("folder", "unit"),
    [
        ("/var/lib/esp-at-gateway", "esp-at-gateway"),
        ("/var/lib/esp-at-gateway-ttyUSB0", "esp-at-gateway@ttyUSB0"),
        ("/var/lib/esp-at-gateway-a\\x2db", "esp-at-gateway@a\\x2db"),
        ("/srv/esp-at-gateway-ttyUSB0", "esp-at-gateway"),
        ("/srv/state", "esp-at-gateway"),
    ],
)
def test_the_folder_of_the_state_tells_the_unit(folder: str, unit: str) -> None:
    assert StorageOptions(state_dir=Path(folder)).unit == unit


@pytest.mark.parametrize("password", ['"hunter2"', '["hunter2"]', f'"{"hunter2" * 10}"'])
def test_no_message_and_no_repr_shows_a_password(file: Path, password: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        loaded(file, f"{AP}ssid = 'a'\npassword = {password}")
    assert "hunter2" not in str(refusal.value)
    assert "hunter22" not in repr(loaded(file, f"{AP}ssid = 'a'\npassword = 'hunter22'"))


@pytest.mark.parametrize(
    ("text", "is_unit", "allowed"),
    [
        ('network.kind = "networkmanager"', False, False),
        ('network.kind = "simulated"', False, True),
        ('network.kind = "simulated"', True, False),
        ('network.kind = "networkmanager"\nlinks.allow_loopback = true', True, True),
        ('network.kind = "simulated"\nlinks.allow_loopback = true', True, True),
        ('network.kind = "simulated"\nlinks.allow_loopback = false', False, False),
    ],
)
def test_loopback_is_for_simulations_by_hand_unless_told(
    file: Path, text: str, is_unit: bool, allowed: bool
) -> None:
    assert loaded(file, text).loopback_allowed(is_unit=is_unit) is allowed


def test_the_encryption_follows_from_the_password(file: Path) -> None:
    made = loaded(file, f"{AP}ssid = 'a'\n{AP}ssid = 'b'\npassword = 'password'")
    encryptions = [point.encryption for point in made.simulated.access_points]
    assert encryptions == [Encryption.OPEN, Encryption.WPA2]


def test_options_come_before_the_file() -> None:
    made = Config().with_options(
        uart="pty:line",
        baud=9600,
        network="simulated",
        state_dir="state",
        cert_dir=Path("certs"),
        log_level="error",
    )
    assert (made.uart.device, made.uart.baud) == ("pty:line", 9600)
    assert made.network.kind == "simulated"
    assert (made.storage.state_dir, made.storage.cert_dir) == (Path("state"), Path("certs"))
    assert made.log.level == "error"
    assert Config().with_options() == Config()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"baud": 99999999}, "--baud is 99999999, allowed are 110 to 4000000"),
        ({"uart": ""}, '--uart is "", allowed is a device such as "/dev/serial0", or "pty:PATH"'),
        ({"network": "x"}, '--network is "x", allowed are "networkmanager", "simulated"'),
        (
            {"state_dir": ""},
            '--state-dir is "", allowed is a folder such as "/var/lib/esp-at-gateway"',
        ),
        (
            {"cert_dir": "\0"},
            '--cert-dir is "\\u0000", allowed is a folder such as "/var/lib/esp-at-gateway"',
        ),
        (
            {"log_level": "all"},
            '--log-level is "all", allowed are "debug", "info", "warning", "error"',
        ),
    ],
)
def test_an_impossible_option_is_refused_by_its_name(
    options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        Config().with_options(**options)
    assert str(refusal.value) == sentence
