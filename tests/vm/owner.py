"""The owner of the machine: a person with a Wi-Fi connection of their own."""

from __future__ import annotations

from tests.vm.air import AccessPoint
from tests.vm.machine import Machine

PROFILE = "home"
FILES = "sha256sum /etc/NetworkManager/system-connections/*"


def connect(machine: Machine, access_point: AccessPoint) -> str:
    """Make the owner's profile, which connects by itself, and use it; what its files hold."""
    machine.run(
        f"nmcli connection add type wifi con-name {PROFILE} ifname wlan0 "
        f"ssid {access_point.ssid.decode()} wifi-sec.key-mgmt wpa-psk "
        f"wifi-sec.psk '{access_point.password.decode()}' autoconnect yes >/dev/null && "
        f"nmcli -w 60 connection up {PROFILE}",
        seconds=80,
    )
    return files(machine)


def files(machine: Machine) -> str:
    """Digests of the profiles on disk: what nobody but the owner changes."""
    return machine.run(FILES).output


def is_up(machine: Machine) -> bool:
    """Whether wlan0 runs on the owner's profile."""
    shown = machine.run("nmcli -g GENERAL.STATE,GENERAL.CONNECTION device show wlan0").output
    return shown.splitlines() == ["100 (connected)", PROFILE]


def comes_back(machine: Machine, seconds: float = 30) -> float:
    """The owner's profile comes up by itself within that time; how long it took."""
    condition = f"nmcli -g GENERAL.STATE,GENERAL.CONNECTION device show wlan0 | grep -qx {PROFILE}"
    activated = "nmcli -g GENERAL.STATE device show wlan0 | grep -q ^100"
    return machine.run(
        f"for _ in $(seq {round(seconds * 4)}); do {condition} && {activated} && exit; "
        "sleep 0.25; done; nmcli device; nmcli connection; exit 1",
        seconds=seconds + 60,
    ).seconds
