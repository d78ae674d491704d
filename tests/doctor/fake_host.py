"""A Raspberry Pi 4 in memory on which all is well; tests take a piece away."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway.config import Config
from gateway.doctor.case import Case, Service, account_of, ask_service
from gateway.doctor.host import Account, Done, Node
from gateway.services.device_advice import Holder

ROOT = Account("root", 0, (0,), ("root",))
SERVICE = Account("esp-at-gateway", 990, (990, 20), ("esp-at-gateway", "dialout"))
PI = Account("pi", 1000, (1000,), ("pi",))

NOW = 1_795_000_000.0
"""The machine's clock: some time in November 2026."""

UNIT = "esp-at-gateway"
SHOWN = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "Result": "success",
    "StatusText": "joined home 192.168.1.7 · 2 links · 115200 8N1",
    "MainPID": "700",
    "User": "esp-at-gateway",
    "UnitFileState": "enabled",
    "ActiveEnterTimestamp": f"@{NOW - 3600:.0f}",
    "DevicePolicy": "closed",
    "DeviceAllow": "char-ttyAMA rw\nDeviceAllow=char-ttyS rw",
}
GENERAL = "running:1.52.1:enabled:enabled\n"
DEVICES = "wlan0:wifi:connected\nlo:loopback:connected (externally)\neth0:ethernet:unavailable\n"
GERMAN = "global\ncountry DE: DFS-ETSI\n\t(2400 - 2483 @ 40), (N/A, 20), (N/A)\n"
CLOCK = "Timezone=Europe/Berlin\nLocalRTC=no\nCanNTP=yes\nNTP=yes\nNTPSynchronized=yes\n"
TIMESYNCD = "Id=systemd-timesyncd.service\nActiveState=active\n\nId=chrony.service\nActiveState="
UART = "/sys/devices/platform/soc/fe201000.serial"
PORT = f"{UART}/fe201000.serial:0/fe201000.serial:0.0"

FILES = {
    "/proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.5\0",
    "/proc/cmdline": "console=tty1 root=PARTUUID=1 rootwait cfg80211.ieee80211_regdom=DE\n",
    "/proc/devices": (
        "Character devices:\n  4 /dev/vc/0\n  4 tty\n  4 ttyS\n204 ttyAMA\n"
        "\nBlock devices:\n204 sd\n"
    ),
    "/sys/class/tty/console/active": "tty1\n",
    "/sys/class/tty/ttyAMA0/type": "32\n",
    "/sys/class/tty/ttyAMA0/uartclk": "48000000\n",
    "/sys/class/rfkill/rfkill0/type": "bluetooth\n",
    "/sys/class/rfkill/rfkill0/soft": "1\n",
    "/sys/class/rfkill/rfkill0/hard": "0\n",
    "/sys/class/rfkill/rfkill1/type": "wlan\n",
    "/sys/class/rfkill/rfkill1/soft": "0\n",
    "/sys/class/rfkill/rfkill1/hard": "0\n",
    "/sys/class/ieee80211/phy0/index": "0\n",
    "/sys/class/net/wlan0/address": "dc:a6:32:00:00:01\n",
    "/etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
    "/etc/esp-at-gateway/gateway.toml": "",
    "/usr/share/polkit-1/rules.d/50-esp-at-gateway.rules": "",
}
LINKS = {
    "/dev/serial0": "/dev/ttyAMA0",
    "/sys/class/tty/ttyAMA0/device": PORT,
    f"{PORT}/driver": "/sys/bus/serial-base/drivers/port",
    f"{UART}/driver": "/sys/bus/amba/drivers/uart-pl011",
}
PROGRAMS = "wpa_supplicant dnsmasq rfkill raspi-config pkcheck".split()

Command = tuple[str, ...]
Answer = Done | Callable[[Command], Done]


def allowed(*refused: str) -> Callable[[Command], Done]:
    """What pkcheck says where all but these actions are allowed."""
    return lambda command: Done(2 if command[-1] in refused else 0)


def shown(**changed: str) -> Done:
    """`systemctl show` of the gateway's unit, with what differs from a good day."""
    lines = [f"{name}={value}" for name, value in {**SHOWN, **changed}.items()]
    return Done(0, "\n".join(lines) + "\n")


@dataclass
class FakeHost:
    """Answers from dictionaries; what is not in them is not there. Satisfies Host."""

    me: Account = ROOT
    caller: Account = PI
    files: dict[str, str | bytes | OSError] = field(default_factory=lambda: {**FILES})
    links: dict[str, str] = field(default_factory=lambda: {**LINKS})
    nodes: dict[str, Node] = field(default_factory=dict)
    commands: dict[str, Answer] = field(default_factory=dict)
    accounts: tuple[Account, ...] = (ROOT, SERVICE, PI)
    holding: list[Holder] = field(default_factory=lambda: [Holder(700, "esp-at-gateway")])
    on_console: list[Holder] = field(default_factory=list)
    programs: set[str] = field(default_factory=lambda: set(PROGRAMS))
    modules_missing: set[str] = field(default_factory=set)
    free: int | None = 4_000_000_000
    time: float = NOW
    asked: list[Command] = field(default_factory=list)

    def __post_init__(self) -> None:
        state = "/var/lib/esp-at-gateway"
        usual = {
            "/dev/ttyAMA0": Node(0, 20, 0o660, "dialout", device=(204, 64)),
            state: Node(990, 990, 0o700, "esp-at-gateway", is_folder=True),
        }
        self.nodes = {**usual, **self.nodes}
        self.commands = {
            f"systemctl show {UNIT}": shown(),
            "systemctl show systemd-timesyncd.service": Done(0, TIMESYNCD),
            "systemctl show esp-at-gateway-ap0": Done(0, "LoadState=loaded\n"),
            "systemctl --version": Done(0, "systemd 257 (257.8-1~deb13u2)\n+PAM\n"),
            "nmcli general": Done(0, GENERAL),
            "nmcli device": Done(0, DEVICES),
            "iw": Done(0, GERMAN),
            "timedatectl": Done(0, CLOCK),
            "vcgencmd": Done(0, "throttled=0x0\n"),
            "sh": allowed(),
            **self.commands,
        }

    def read(self, path: str) -> str:
        content = self._content(path)
        return content if isinstance(content, str) else content.decode()

    def read_bytes(self, path: str, limit: int) -> bytes:
        content = self._content(path)
        return (content.encode() if isinstance(content, str) else content)[:limit]

    def _content(self, path: str) -> str | bytes:
        content = self.files.get(self.resolved(path))
        if content is None:
            raise _missing(path)
        if isinstance(content, OSError):
            raise content
        return content

    def names(self, folder: str) -> list[str]:
        begin = folder.rstrip("/") + "/"
        fault = self.files.get(folder)
        if isinstance(fault, OSError):
            raise fault
        below = [path for path in (*self.files, *self.nodes) if path.startswith(begin)]
        if not below and folder not in self.nodes:
            raise _missing(folder)
        return sorted({path.removeprefix(begin).partition("/")[0] for path in below})

    def resolved(self, path: str) -> str:
        return self.links.get(path, path)

    def node(self, path: str) -> Node:
        real = self.resolved(path)
        if real in self.nodes:
            return self.nodes[real]
        content = self.files.get(real)
        if content is None and not real.endswith(".py"):
            raise _missing(path)
        if isinstance(content, OSError):
            raise content
        return Node(0, 0, 0o600 if real.endswith(".json") else 0o644, written=NOW - 86400)

    def free_bytes(self, folder: str) -> int | None:
        return self.free

    def run(self, *command: str, account: Account | None = None) -> Done:
        self.asked.append(command)
        key = command[0]
        if key in ("nmcli", "systemctl"):
            words = [word for word in command[1:] if not word.startswith("-") and word.islower()]
            key = " ".join([key, *words[:2]])
        if command[:2] == ("systemctl", "--version"):
            key = "systemctl --version"
        answer = self.commands.get(key)
        if answer is None:
            if command[0] in ("systemctl", "journalctl"):
                return Done(0)
            return Done(None, error=f"{command[0]} is not installed", missing=True)
        return answer if isinstance(answer, Done) else answer(command)

    def account(self, name: str) -> Account | None:
        return next((each for each in self.accounts if each.name == name), None)

    def holders(self, device: str) -> Sequence[Holder]:
        return self.holding

    def console_users(self, device: str) -> Sequence[Holder]:
        return self.on_console

    def has_program(self, name: str) -> bool:
        return name in self.programs

    def has_module(self, name: str) -> bool:
        return name not in self.modules_missing

    def now(self) -> float:
        return self.time


def _missing(path: str) -> OSError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def denied() -> OSError:
    """What an ordinary user gets of what is root's."""
    return PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def case_of(host: FakeHost, config: Config | None = None, **changed: object) -> Case:
    """The case of the usual gateway on this host."""
    service: Service = ask_service(host, UNIT)
    case = Case(
        host=host,
        file=Path("/etc/esp-at-gateway/gateway.toml"),
        config=config or Config(),
        service=service,
        account=account_of(host, service),
    )
    return replace(case, **changed)  # type: ignore[arg-type]
