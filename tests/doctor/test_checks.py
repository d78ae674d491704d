"""Each check: a healthy Raspberry Pi, and one thing of it that is not as it should be."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.config import Config, NetworkOptions, StorageOptions, UartOptions
from gateway.doctor.checks.polkit import TIME_SERVERS
from gateway.doctor.examination import ALL_CHECKS, examine
from gateway.doctor.finding import Finding, Verdict, bad, doubt, worst
from gateway.doctor.host import Done, Node
from gateway.services.api import UartSettings
from gateway.services.api_settings import Settings
from gateway.services.device_advice import Holder
from gateway.services.network.bus_values import NEEDED, SCAN
from tests.doctor.fake_host import (
    CLOCK,
    FILES,
    LINKS,
    NOW,
    PI,
    ROOT,
    SERVICE,
    FakeHost,
    allowed,
    case_of,
    denied,
    shown,
)

GOOD, DOUBT, BAD = Verdict.GOOD, Verdict.DOUBT, Verdict.BAD
STATE = "/var/lib/esp-at-gateway"
OFF = "Timezone=UTC\nCanNTP=yes\nNTP=no\nNTPSynchronized=no\n"
STATION = "wlan0:wifi:connected\n"
TTY = "/dev/ttyAMA0"


@dataclass(frozen=True)
class Sick:
    """What differs from the healthy Pi, and the one line of the report that tells it."""

    what: str
    subject: str
    verdict: Verdict
    text: str
    remedy: str | None = None
    host: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Any] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    case: dict[str, Any] = field(default_factory=dict)
    config: Config = field(default_factory=Config)
    besides: tuple[str, ...] = ()
    """Subjects that are allowed to tell of it as well."""


def commands(**answers: Any) -> dict[str, Any]:
    """FakeHost's commands; a `_` is a space."""
    return {"commands": {name.replace("_", " "): answer for name, answer in answers.items()}}


def unit(**changed: str) -> dict[str, Any]:
    """The gateway's unit as systemd shows it."""
    return {"commands": {"systemctl show esp-at-gateway": shown(**changed)}}


def uart(**changed: Any) -> Config:
    """A configuration with another line."""
    return Config(uart=UartOptions(**changed))


def stopped(**changed: str) -> dict[str, Any]:
    """The service does not run, and its process is not there."""
    state = {"ActiveState": "inactive", "SubState": "dead", "MainPID": "0", **changed}
    return {**unit(**state), "holding": []}


SERVICES = [
    Sick(
        "a configuration that cannot be",
        "configuration",
        BAD,
        "[uart] baud is wrong",
        "sudo nano /etc/esp-at-gateway/gateway.toml",
        case={"fault": "[uart] baud is wrong"},
    ),
    Sick(
        "a configuration for root's eyes",
        "configuration",
        BAD,
        "cannot be read by user esp-at-gateway",
        "sudo chown root:esp-at-gateway /etc/esp-at-gateway/gateway.toml && "
        "sudo chmod 640 /etc/esp-at-gateway/gateway.toml",
        host={"nodes": {"/etc/esp-at-gateway/gateway.toml": Node(0, 0, 0o600)}},
    ),
    Sick(
        "a configuration that is not in force yet",
        "configuration",
        DOUBT,
        "has been changed since the service was started",
        "sudo systemctl restart esp-at-gateway",
        host={"nodes": {"/etc/esp-at-gateway/gateway.toml": Node(0, 0, 0o644, written=NOW - 60)}},
    ),
    Sick(
        "no systemd",
        "service",
        DOUBT,
        "systemd does not answer: Failed to connect to bus",
        host=commands(**{"systemctl_show_esp-at-gateway": Done(1, "", "Failed to connect to bus")}),
        besides=("holder",),
    ),
    Sick(
        "a service that does not run",
        "service",
        BAD,
        "esp-at-gateway is inactive",
        "sudo systemctl start esp-at-gateway",
        host=stopped(),
    ),
    Sick(
        "a service that has failed",
        "service",
        BAD,
        "esp-at-gateway failed: the line is gone",
        "journalctl -u esp-at-gateway -n 20",
        host={
            "holding": [],
            "commands": {
                "systemctl show esp-at-gateway": shown(ActiveState="failed", MainPID="0"),
                "journalctl": Done(0, "the line is gone\n"),
            },
        },
    ),
    Sick(
        "a service that is being tried again",
        "service",
        BAD,
        "esp-at-gateway activating: it ended: exit-code",
        "journalctl -u esp-at-gateway -n 20",
        host={
            **unit(ActiveState="activating", SubState="auto-restart", Result="exit-code"),
            "holding": [],
        },
    ),
    Sick(
        "a service that does not come at boot",
        "service",
        DOUBT,
        "does not come by itself",
        "sudo systemctl enable esp-at-gateway",
        host=unit(UnitFileState="disabled"),
    ),
    Sick(
        "no user",
        "user",
        BAD,
        "there is no user esp-at-gateway",
        "sudo systemd-sysusers",
        host={"accounts": (ROOT, PI)},
    ),
    Sick(
        "a state directory that others read",
        "storage",
        DOUBT,
        "is open to others",
        f"sudo chmod 700 {STATE}",
        host={"nodes": {STATE: Node(990, 990, 0o750)}},
    ),
    Sick(
        "a state directory that is root's",
        "storage",
        BAD,
        "may not write to",
        f"sudo chown -R esp-at-gateway: {STATE} && sudo chmod 700 {STATE}",
        host={"nodes": {STATE: Node(0, 0, 0o700)}},
    ),
    Sick(
        "a full disk",
        "storage",
        BAD,
        "is full",
        "sudo apt clean",
        host={"free": 1000},
    ),
    Sick(
        "a card that went read-only",
        "storage",
        BAD,
        "is read-only",
        "sudo mount -o remount,rw /",
        host={"free": None},
    ),
    Sick(
        "settings that cannot be read",
        "settings",
        DOUBT,
        "cannot be read: the next start",
        "sudo systemctl restart esp-at-gateway",
        files={f"{STATE}/settings.json": '{"version": 1, "settings": {"password": "secret"'},
    ),
    Sick(
        "settings that were set aside",
        "settings",
        DOUBT,
        "were set aside",
        f"sudo rm {STATE}/settings.json.bad",
        files={f"{STATE}/settings.json.bad": "{"},
    ),
    Sick(
        "settings that others may read",
        "settings",
        BAD,
        "is open to others",
        f"sudo chmod 600 {STATE}/settings.json",
        files={f"{STATE}/settings.json": '{"version": 1, "settings": {}}'},
        host={"nodes": {f"{STATE}/settings.json": Node(990, 990, 0o644)}},
    ),
    Sick(
        "an owner's network that was not given back",
        "owner's network",
        BAD,
        "was not given back",
        "sudo esp-at-gateway release-network",
        host=stopped(ActiveState="failed"),
        files={f"{STATE}/network.json": '{"version": 1, "profiles": {}, "held": {"wlan0": 1}}'},
        besides=("service",),
    ),
]

LINES = [
    Sick(
        "no UART",
        "line",
        BAD,
        "/dev/serial0: No such file",
        "sudo esp-at-gateway setup-uart",
        links={"/dev/serial0": "/dev/nothing"},
    ),
    Sick(
        "no USB adapter",
        "line",
        BAD,
        "/dev/ttyUSB0: No such file",
        "sudo nano /etc/esp-at-gateway/gateway.toml    # [uart] device = ..., and plug the "
        "adapter in",
        config=uart(device="/dev/ttyUSB0"),
    ),
    Sick(
        "a file for a device",
        "line",
        BAD,
        "/dev/serial0 is no serial device",
        "sudo nano /etc/esp-at-gateway/gateway.toml    # [uart] device = ..., and plug the "
        "adapter in",
        host={"nodes": {TTY: Node(0, 20, 0o660, "dialout")}},
    ),
    Sick(
        "the debug connector of a Pi 5",
        "line",
        DOUBT,
        "the debug connector of this Raspberry Pi 5 Model B, not pins 8 and 10",
        "sudo esp-at-gateway setup-uart",
        files={"/proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0"},
        links={"/dev/serial0": "/dev/ttyAMA10"},
        host={"nodes": {"/dev/ttyAMA10": Node(0, 20, 0o660, "dialout", device=(204, 74))}},
    ),
    Sick(
        "more than a PL011 can",
        "speed",
        BAD,
        "the PL011 does at most 3000000 baud",
        "sudo nano /etc/esp-at-gateway/gateway.toml    # [uart] baud = 115200",
        config=uart(baud=4_000_000),
    ),
    Sick(
        "parity on a mini-UART",
        "speed",
        BAD,
        "115200 8E1 (stored by AT+UART_DEF): a mini-UART has no parity",
        f"sudo systemctl stop esp-at-gateway; sudo rm {STATE}/settings.json",
        links={"/dev/serial0": "/dev/ttyS0"},
        host={"nodes": {"/dev/ttyS0": Node(0, 20, 0o660, "dialout", device=(4, 64))}},
        case={"settings": Settings(uart=UartSettings(parity=2))},
    ),
    Sick(
        "much for a mini-UART",
        "speed",
        DOUBT,
        "the mini-UART is relied on up to 230400 baud",
        "sudo nano /etc/esp-at-gateway/gateway.toml    # [uart] baud = 115200",
        links={"/dev/serial0": "/dev/ttyS0"},
        host={"nodes": {"/dev/ttyS0": Node(0, 20, 0o660, "dialout", device=(4, 64))}},
        config=uart(baud=921600),
    ),
    Sick(
        "the kernel's console",
        "console",
        BAD,
        "the kernel's console is on ttyAMA0",
        "sudo esp-at-gateway setup-uart",
        files={"/sys/class/tty/console/active": "tty1 ttyAMA0\n"},
    ),
    Sick(
        "the kernel's console, after a reboot",
        "console",
        BAD,
        "it comes at the next boot",
        "sudo esp-at-gateway setup-uart",
        files={"/proc/cmdline": "console=ttyAMA0,115200 console=tty1\n"},
    ),
    Sick(
        "the kernel's console on a PC",
        "console",
        BAD,
        "the kernel's console is on ttyAMA0",
        "sudo nano /etc/default/grub && sudo update-grub    # take console=tty... out, reboot",
        files={"/sys/class/tty/console/active": "tty1 ttyAMA0\n"},
        without=("/proc/device-tree/model",),
    ),
    Sick(
        "a login prompt",
        "console",
        BAD,
        "a login prompt is on ttyAMA0: agetty (pid 412)",
        "sudo systemctl disable --now serial-getty@ttyAMA0.service",
        host={"on_console": [Holder(412, "agetty")], "holding": [Holder(412, "agetty")]},
    ),
    Sick(
        "a login prompt, after a reboot",
        "console",
        BAD,
        "serial-getty@ttyAMA0.service comes at the next boot",
        "sudo systemctl disable --now serial-getty@ttyAMA0.service",
        host=commands(systemctl_show=Done(0, "ActiveState=inactive\nUnitFileState=enabled\n")),
    ),
    Sick(
        "a service that holds the line",
        "holder",
        BAD,
        "/dev/serial0 is held by ModemManager (pid 301)",
        "sudo systemctl disable --now ModemManager.service",
        host={"holding": [Holder(700, "esp-at-gateway"), Holder(301, "ModemManager")]},
        files={"/proc/301/cgroup": "0::/system.slice/ModemManager.service\n"},
    ),
    Sick(
        "somebody's terminal program",
        "holder",
        BAD,
        "/dev/serial0 is held by minicom (pid 302)",
        "sudo kill 302",
        host={"holding": [Holder(302, "minicom")]},
        files={"/proc/302/cgroup": "0::/user.slice/user-1000.slice/session-1.scope\n"},
    ),
    Sick(
        "a user outside of dialout",
        "access",
        BAD,
        "user esp-at-gateway is not in group dialout",
        "sudo usermod -aG dialout esp-at-gateway && sudo systemctl restart esp-at-gateway",
        host={"accounts": (ROOT, replace(SERVICE, group_ids=(990,), groups=("esp-at-gateway",)))},
    ),
    Sick(
        "a line that a console has had",
        "access",
        BAD,
        "ttyAMA0 belongs to group tty",
        "sudo chgrp dialout /dev/ttyAMA0 && sudo chmod 660 /dev/ttyAMA0",
        host={"nodes": {TTY: Node(0, 5, 0o620, "tty", device=(204, 64))}},
    ),
    Sick(
        "a chip that the unit shuts out",
        "access",
        BAD,
        "the unit does not let the service open ttyAMA0",
        "sudo systemctl set-property esp-at-gateway 'DeviceAllow=char-ttySC rw'",
        host={"nodes": {TTY: Node(0, 20, 0o660, "dialout", device=(234, 0))}},
        files={"/proc/devices": "Character devices:\n234 ttySC\n"},
    ),
]

NETWORKS = [
    Sick(
        "no NetworkManager installed",
        "NetworkManager",
        BAD,
        "it is not installed",
        "sudo apt install network-manager",
        host=commands(nmcli_general=Done(None, missing=True)),
    ),
    Sick(
        "no NetworkManager running",
        "NetworkManager",
        BAD,
        "it is not running",
        "sudo systemctl enable --now NetworkManager",
        host=commands(nmcli_general=Done(8, "", "Error: NetworkManager is not running.")),
    ),
    Sick(
        "a NetworkManager that hangs",
        "NetworkManager",
        BAD,
        "nmcli did not answer within 8 s",
        "sudo systemctl restart NetworkManager",
        host=commands(nmcli_general=Done(None, error="nmcli did not answer within 8 s")),
    ),
    Sick(
        "no D-Bus",
        "D-Bus",
        BAD,
        "cannot be reached",
        "sudo systemctl start dbus",
        host=commands(nmcli_general=Done(1, "", "Error: Could not create NMClient object: no")),
    ),
    Sick(
        "another name for Wi-Fi",
        "Wi-Fi",
        BAD,
        "there is no wlan0; NetworkManager has wlp2s0",
        "sudo nano /etc/esp-at-gateway/gateway.toml    # [network] wifi_interface",
        host=commands(nmcli_device=Done(0, "wlp2s0:wifi:connected\neth0:ethernet:connected\n")),
    ),
    Sick(
        "no radio",
        "Wi-Fi",
        DOUBT,
        "this machine has no radio",
        host=commands(nmcli_device=Done(0, "eth0:ethernet:connected\n")),
        without=("/sys/class/ieee80211/phy0/index",),
    ),
    Sick(
        "Wi-Fi that another program has",
        "Wi-Fi",
        BAD,
        "NetworkManager does not manage wlan0",
        "sudo nmcli device set wlan0 managed yes",
        host=commands(nmcli_device=Done(0, "wlan0:wifi:unmanaged\n")),
    ),
    Sick(
        "no supplicant",
        "Wi-Fi",
        BAD,
        "wlan0 cannot be used for now",
        "sudo apt install wpasupplicant",
        host={
            **commands(nmcli_device=Done(0, "wlan0:wifi:unavailable\n")),
            "programs": {"dnsmasq", "pkcheck"},
        },
    ),
    Sick(
        "Wi-Fi off by NetworkManager",
        "radio",
        BAD,
        "Wi-Fi is switched off",
        "sudo nmcli radio wifi on",
        host=commands(nmcli_general=Done(0, "running:1.52.1:enabled:disabled\n")),
    ),
    Sick(
        "Wi-Fi off by rfkill",
        "radio",
        BAD,
        "rfkill holds Wi-Fi off",
        "sudo rfkill unblock wifi",
        host=commands(nmcli_general=Done(0, "running:1.52.1:enabled:disabled\n")),
        files={"/sys/class/rfkill/rfkill1/soft": "1\n"},
    ),
    Sick(
        "Wi-Fi off by a switch",
        "radio",
        BAD,
        "a switch of the machine holds Wi-Fi off",
        "switch Wi-Fi on by the machine's own switch or its firmware's settings; rfkill",
        files={"/sys/class/rfkill/rfkill1/hard": "1\n"},
    ),
    Sick(
        "no country",
        "country",
        DOUBT,
        "the radio knows no country",
        "sudo raspi-config nonint do_wifi_country XX",
        host=commands(
            iw=Done(0, "global\ncountry 00: DFS-UNSET\n\nphy#0\ncountry 99: DFS-UNSET\n")
        ),
    ),
    Sick(
        "no iw",
        "country",
        DOUBT,
        "is not installed",
        "sudo apt install iw",
        host=commands(iw=Done(None, missing=True)),
    ),
    Sick(
        "another name for Ethernet",
        "Ethernet",
        DOUBT,
        "there is no eth0; NetworkManager has end0",
        "sudo nano /etc/esp-at-gateway/gateway.toml    # [network] ethernet_interface",
        host=commands(nmcli_device=Done(0, f"{STATION}end0:ethernet:connected\n")),
    ),
    Sick(
        "no DHCP server for the SoftAP",
        "SoftAP",
        DOUBT,
        "the SoftAP cannot give addresses",
        "sudo apt install dnsmasq-base",
        host={"programs": {"wpa_supplicant", "rfkill", "pkcheck"}},
    ),
    Sick(
        "mode 3 without its interface",
        "SoftAP",
        BAD,
        "there is no ap0",
        "sudo systemctl enable --now esp-at-gateway-ap0",
        case={"settings": Settings(mode=3)},
    ),
    Sick(
        "mode 3 on other interfaces",
        "SoftAP",
        BAD,
        "there is no ap1",
        "sudo iw dev wlan0 interface add ap1 type __ap",
        case={"settings": Settings(mode=3)},
        config=Config(network=NetworkOptions(softap_interface="ap1")),
    ),
    Sick(
        "an action that polkit refuses",
        "permissions",
        BAD,
        "polkit does not allow user esp-at-gateway: NetworkManager.wifi.scan, timesync1.",
        "sudo systemctl restart polkit",
        host=commands(sh=allowed(SCAN, TIME_SERVERS)),
    ),
    Sick(
        "no rule for polkit",
        "permissions",
        BAD,
        "polkit does not allow",
        "sudo apt install --reinstall esp-at-gateway",
        host=commands(sh=allowed(*NEEDED)),
        without=("/usr/share/polkit-1/rules.d/50-esp-at-gateway.rules",),
    ),
    Sick(
        "no polkit",
        "permissions",
        BAD,
        "polkit is not installed",
        "sudo apt install polkitd",
        host={"programs": {"wpa_supplicant", "dnsmasq"}},
    ),
    Sick(
        "a polkit that hangs",
        "permissions",
        BAD,
        "polkit does not answer: sh did not answer",
        "sudo systemctl restart polkit",
        host=commands(sh=Done(None, error="sh did not answer within 8 s")),
    ),
]

MACHINES = [
    Sick(
        "a clock in the past",
        "clock",
        BAD,
        "the clock is in the past",
        "sudo timedatectl set-ntp true",
        host={"time": NOW - 30 * 365 * 86400},
    ),
    Sick(
        "no time yet",
        "clock",
        DOUBT,
        "not synchronised yet; systemd-timesyncd runs",
        "journalctl -u systemd-timesyncd -n 20",
        host=commands(timedatectl=Done(0, CLOCK.replace("Synchronized=yes", "Synchronized=no"))),
    ),
    Sick(
        "NTP off",
        "clock",
        BAD,
        "NTP is off",
        "sudo timedatectl set-ntp true",
        host={
            "commands": {
                "timedatectl": Done(0, OFF),
                "systemctl show systemd-timesyncd.service": Done(0),
            }
        },
    ),
    Sick(
        "nobody to ask for the time",
        "clock",
        BAD,
        "nothing sets the clock",
        "sudo apt install systemd-timesyncd",
        host={
            "commands": {
                "timedatectl": Done(0, OFF.replace("CanNTP=yes", "CanNTP=no")),
                "systemctl show systemd-timesyncd.service": Done(0),
            }
        },
    ),
    Sick(
        "a timedated that hangs",
        "clock",
        DOUBT,
        "systemd-timedated does not answer: late",
        host=commands(timedatectl=Done(None, error="late\nand more")),
    ),
    Sick(
        "a weak power supply, now",
        "power",
        BAD,
        "the voltage is too low",
        "vcgencmd get_throttled    # after a power supply and a cable that give enough",
        host=commands(vcgencmd=Done(0, "throttled=0x50005\n")),
    ),
    Sick(
        "a weak power supply, once",
        "power",
        DOUBT,
        "the voltage was too low since the start",
        "vcgencmd get_throttled    # after a power supply and a cable that give enough",
        host=commands(vcgencmd=Done(None, missing=True)),
        files={
            "/sys/class/hwmon/hwmon1/name": "rpi_volt\n",
            "/sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n",
        },
    ),
    Sick(
        "heat",
        "power",
        DOUBT,
        "too hot",
        "vcgencmd measure_temp",
        host=commands(vcgencmd=Done(0, "throttled=0x4\n")),
    ),
    Sick(
        "a missing library",
        "libraries",
        BAD,
        "missing: python3-sdbus-networkmanager",
        "sudo apt install python3-sdbus-networkmanager",
        host={"modules_missing": {"sdbus_async.networkmanager"}},
    ),
    Sick(
        "a library that helps",
        "libraries",
        DOUBT,
        "missing: python3-systemd",
        "sudo apt install python3-systemd",
        host={"modules_missing": {"systemd.journal"}},
    ),
]

AN_ORDINARY_USER = [
    Sick(
        "a state directory for others' eyes",
        "settings",
        DOUBT,
        "Permission denied",
        "sudo esp-at-gateway doctor",
        host={"me": PI},
        files={f"{STATE}/settings.json": denied()},
        besides=("holder", "permissions"),
    ),
    Sick(
        "others' programs",
        "holder",
        DOUBT,
        "other users' programs",
        "sudo esp-at-gateway doctor",
        host={"me": PI},
        besides=("permissions",),
    ),
    Sick(
        "others' permissions",
        "permissions",
        DOUBT,
        "shows to root alone",
        "sudo esp-at-gateway doctor --instance ttyUSB0",
        host={"me": PI},
        case={"instance": "ttyUSB0"},
        besides=("holder",),
    ),
]

ALL = [*SERVICES, *LINES, *NETWORKS, *MACHINES, *AN_ORDINARY_USER]


def findings(sick: Sick) -> list[Finding]:
    """What the doctor says of it."""
    files = {path: text for path, text in FILES.items() if path not in sick.without}
    host = FakeHost(files={**files, **sick.files}, links={**LINKS, **sick.links}, **sick.host)
    return examine(case_of(host, sick.config, **sick.case))


def test_a_healthy_pi_is_all_green() -> None:
    found = examine(case_of(FakeHost()))
    assert [finding for finding in found if finding.verdict is not GOOD] == []
    texts = {finding.subject: finding.text for finding in found}
    assert texts["line"] == "/dev/serial0 is ttyAMA0: PL011, up to 3000000 baud"
    assert texts["service"].endswith("joined home 192.168.1.7 · 2 links · 115200 8N1")
    assert texts["country"] == "DE"
    assert texts["clock"] == "synchronised by systemd-timesyncd"


@pytest.mark.parametrize("sick", ALL, ids=lambda sick: sick.what)
def test_what_is_wrong_is_told_with_what_mends_it(sick: Sick) -> None:
    found = findings(sick)
    told = [each for each in found if each.subject == sick.subject and each.verdict > GOOD]
    assert [(each.verdict, each.remedy) for each in told] == [(sick.verdict, sick.remedy)]
    assert sick.text in told[0].text
    elsewhere = {each.subject for each in found if each.verdict > GOOD} - {sick.subject}
    assert elsewhere <= set(sick.besides)


@pytest.mark.parametrize("sick", ALL, ids=lambda sick: sick.what)
def test_no_secret_is_told(sick: Sick) -> None:
    assert not any("secret" in f"{each.text}{each.details}" for each in findings(sick))


def remedies() -> set[str]:
    """All that is advised anywhere above."""
    return {each.remedy for sick in ALL for each in findings(sick) if each.remedy}


def test_a_remedy_that_is_a_command_of_ours_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    ours = [
        part.split("#")[0].strip().removeprefix("sudo esp-at-gateway ")
        for remedy in remedies()
        for part in re.split(r"&&|;", remedy)
        if "sudo esp-at-gateway " in part
    ]
    assert {words.split()[0] for words in ours} == {"setup-uart", "release-network", "doctor"}
    for words in ours:
        with pytest.raises(SystemExit) as ended:
            main([*shlex.split(words), "--help"])
        assert ended.value.code == 0, words
        options = {word for word in words.split() if word.startswith("--")}
        assert options <= set(re.findall(r"--[a-z-]+", capsys.readouterr().out)), words


def test_what_is_bad_has_a_remedy() -> None:
    with pytest.raises(ValueError, match="nothing that mends it"):
        Finding("line", BAD, "broken")
    with pytest.raises(ValueError, match="nothing that mends it"):
        bad("line", "broken", "")


def test_the_worst_counts() -> None:
    assert worst([]) is GOOD
    assert worst([doubt("a", "?"), bad("b", "!", "mend it"), doubt("c", "?")]) is BAD


def broken(answer: Callable[[], object]) -> Any:
    """A host's method that always ends like this."""
    return lambda *_, **__: answer()


def test_no_check_ends_the_doctor_whatever_the_machine_says() -> None:
    class Strange(FakeHost):
        def run(self, *command: str, account: object = None) -> Done:
            return Done(0, "\0\xff nonsense = \n:::\n=\n", "?")

    found = examine(case_of(Strange(files=dict.fromkeys(FILES, "nonsense\n"))))
    assert not any("this check failed itself" in finding.text for finding in found)


def test_no_check_ends_the_doctor_where_nothing_can_be_read() -> None:
    host = FakeHost(files=dict.fromkeys(FILES, denied()), programs=set())
    host.nodes.clear()
    host.commands.clear()
    found = examine(case_of(host))
    assert not any("this check failed itself" in finding.text for finding in found)
    assert worst(found) is BAD


def test_a_pseudo_terminal_has_nothing_to_look_at() -> None:
    found = examine(case_of(FakeHost(), uart(device="pty:/tmp/esp")))
    assert {each.subject for each in found} & {"console", "holder", "access", "speed"} == set()
    assert worst(found) is GOOD


def test_a_simulated_network_asks_nothing_of_the_machine() -> None:
    host = FakeHost()
    found = examine(case_of(host, Config(network=NetworkOptions(kind="simulated"))))
    assert {"Wi-Fi", "radio", "permissions", "SoftAP"} & {each.subject for each in found} == set()
    assert {"nmcli", "iw", "sh"} & {command[0] for command in host.asked} == set()


def test_root_needs_no_polkit() -> None:
    host = FakeHost(**unit(User=""), programs={"wpa_supplicant", "dnsmasq", "rfkill"})
    assert case_of(host, account=ROOT).user == "root"
    found = examine(case_of(host, account=ROOT))
    assert worst(found) is GOOD


def test_polkit_is_asked_as_the_services_user() -> None:
    seen = []

    class Watched(FakeHost):
        def run(self, *command: str, account: Any = None) -> Done:
            if command[0] == "sh":
                seen.append((account, command[4:]))
            return super().run(*command, account=account)

    examine(case_of(Watched()))
    assert seen == [(SERVICE, (*NEEDED, TIME_SERVERS))]


def test_a_state_elsewhere_is_named_when_the_network_is_given_back() -> None:
    sick = replace(
        next(sick for sick in SERVICES if sick.subject == "owner's network"),
        files={"/srv/a b/network.json": '{"version": 1, "profiles": {"u": 1}, "held": {}}'},
        config=Config(storage=StorageOptions(state_dir=Path("/srv/a b"))),
    )
    told = next(each for each in findings(sick) if each.subject == "owner's network")
    assert told.remedy == "sudo esp-at-gateway release-network --state-dir '/srv/a b'"


def test_every_check_is_in_the_examination() -> None:
    import gateway.doctor.checks as package

    folder = Path(package.__file__).parent
    written = {
        name
        for file in folder.glob("*.py")
        for name in re.findall(r"^def (check_\w+)", file.read_text(), re.M)
    }
    assert written == {check.__name__ for check in ALL_CHECKS}


@dataclass(frozen=True)
class Uart:
    """A line as sysfs shows it, and what is said of it."""

    name: str
    driver: str
    text: str
    model: str = ""
    clock: int = 0
    kind: int = 0
    is_port: bool = False
    """Whether the kernel is one that has ports between ttys and chips."""


@pytest.mark.parametrize(
    "uart",
    [
        Uart("ttyAMA0", "amba/drivers/uart-pl011", "PL011, up to 3000000 baud", "Zero", 48_000_000),
        Uart("ttyAMA0", "platform/drivers/pl011-axi", "PL011, up to 3125000 baud", "5", 50_000_000),
        Uart("ttyAMA3", "amba/drivers/of_news", "PL011, up to 3000000 baud", "4", 48_000_000, 32),
        Uart(
            *("ttyS0", "platform/drivers/bcm2835-aux-uart"),
            *("mini-UART, up to 230400 baud", "3", 500_000_000, 3, True),
        ),
        Uart("ttyS1", "pnp/drivers/serial", "16550A, up to 115200 baud", "", 1_843_200, 4),
        Uart("ttyUSB0", "usb-serial/drivers/ftdi_sio", "USB (FTDI)"),
        Uart("ttyACM0", "usb/drivers/cdc_acm", "USB (CDC ACM)", "4"),
        Uart("ttySC0", "spi/drivers/sc16is7xx", "sc16is7xx, up to 921600 baud", "", 14_745_600),
        Uart("ttyX0", "", "unknown"),
    ],
    ids=lambda uart: f"{uart.name} on {uart.model or 'a PC'}",
)
def test_what_the_line_is_and_can_do(uart: Uart) -> None:
    host = FakeHost(files={}, links={})
    if uart.model:
        host.files["/proc/device-tree/model"] = f"Raspberry Pi {uart.model} Model B Rev 1.0\0"
        if uart.model == "Zero":
            host.files["/proc/device-tree/model"] = "Raspberry Pi Zero Rev 1.3\0"
    folder, chip = f"/sys/class/tty/{uart.name}", "/sys/devices/bus/chip"
    host.links[f"{folder}/device"] = f"{chip}/port" if uart.is_port else chip
    host.links[f"{chip}/port/driver"] = "/sys/bus/serial-base/drivers/port"
    if uart.driver:
        host.links[f"{chip}/driver"] = f"/sys/bus/{uart.driver}"
    host.files[f"{folder}/uartclk"] = str(uart.clock)
    host.files[f"{folder}/type"] = str(uart.kind)
    host.nodes[f"/dev/{uart.name}"] = Node(0, 20, 0o660, "dialout", device=(200, 0))
    config = Config(uart=UartOptions(f"/dev/{uart.name}"))
    texts = [each.text for each in examine(case_of(host, config)) if each.subject == "line"]
    assert texts == [f"/dev/{uart.name}: {uart.text}"]
