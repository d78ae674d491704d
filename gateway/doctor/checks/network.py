"""NetworkManager, its interfaces, the radio, and what the SoftAP takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.doctor.case import Case
from gateway.doctor.finding import Finding, bad, doubt, good

_NO_COUNTRY = {"00", "98", "99"}
"""The world's common rules, an intersection of two countries', and none: cfg80211's spellings."""

# nmcli's words where it has not come as far as to ask for NetworkManager.
_NO_BUS = "Could not create NMClient"

_CHIPS = "/sys/class/rfkill"


@dataclass(frozen=True, slots=True)
class Devices:
    """What NetworkManager says: its switches, and each interface's kind and state."""

    version: str
    wifi_hardware: str
    wifi: str
    devices: Mapping[str, tuple[str, str]]

    def named(self, kind: str) -> list[str]:
        """The interfaces of a kind."""
        return [name for name, (each, _) in self.devices.items() if each == kind]


def check_networks(case: Case) -> Iterator[Finding]:
    """NetworkManager runs, and manages the interfaces that the configuration names."""
    if case.config.network.kind == "simulated":
        yield good("network", "simulated: nothing of this machine's is used")
        return
    general = case.host.run("nmcli", "-t", "-f", "RUNNING,VERSION,WIFI-HW,WIFI", "general")
    if general.missing:
        mend = "sudo apt install network-manager"
        yield bad("NetworkManager", "it is not installed", mend)
        return
    if general.status is None:
        text, mend = general.error, "sudo systemctl restart NetworkManager"
        yield bad("NetworkManager", text, mend)
        return
    if _NO_BUS in general.error:
        yield bad("D-Bus", "the system's D-Bus cannot be reached", "sudo systemctl start dbus")
        return
    if not general.output.startswith("running:"):
        mend = "sudo systemctl enable --now NetworkManager"
        yield bad("NetworkManager", "it is not running", mend)
        return
    _, version, hardware, switch = _fields(general.output.splitlines()[0], 4)
    listed = case.host.run("nmcli", "-t", "-f", "DEVICE,TYPE,STATE", "device")
    rows = (_fields(line, 3) for line in listed.output.splitlines())
    devices = {name: (kind, state) for name, kind, state in rows}
    found = Devices(version, hardware, switch, devices)
    yield good("NetworkManager", f"{version} runs", version=version)
    yield from _wifi(case, found)
    yield from _ethernet(case, found)


def _fields(line: str, count: int) -> list[str]:
    """The fields of `nmcli --terse`, which puts a `\\` before a colon; always `count` of them."""
    fields = [re.sub(r"\\(.)", r"\1", field) for field in re.split(r"(?<!\\):", line)]
    return (fields + [""] * count)[:count]


def _wifi(case: Case, found: Devices) -> Iterator[Finding]:
    name = case.config.network.wifi_interface
    facts = {"interface": name}
    if name not in found.devices:
        others = found.named("wifi")
        if others:
            text = f"there is no {name}; NetworkManager has {', '.join(others)}"
            mend = f"sudo nano {case.file_in_shell}    # [network] wifi_interface"
            yield bad("Wi-Fi", text, mend, **facts)
        elif _has_radio(case):
            mend = "sudo systemctl restart NetworkManager; nmcli device"
            yield bad("Wi-Fi", f"there is a radio, and no {name}", mend, **facts)
        else:
            yield doubt("Wi-Fi", "this machine has no radio: Ethernet alone", **facts)
        return
    state = found.devices[name][1]
    if state == "unmanaged":
        text = f"NetworkManager does not manage {name}"
        yield bad("Wi-Fi", text, f"sudo nmcli device set {name} managed yes", **facts)
    elif state == "unavailable" and found.wifi == "enabled":
        supplicants = (case.host.has_program(each) for each in ("wpa_supplicant", "iwd", "iwctl"))
        mend = "journalctl -u wpa_supplicant -n 20"
        if not any(supplicants):
            mend = "sudo apt install wpasupplicant"
        yield bad("Wi-Fi", f"{name} cannot be used for now", mend, **facts)
    else:
        yield good("Wi-Fi", f"{name} {state}", state=state, **facts)
    if found.wifi == "disabled" and not _blocked(case):
        yield bad("radio", "Wi-Fi is switched off", "sudo nmcli radio wifi on")


def _has_radio(case: Case) -> bool:
    """Whether the kernel has found a radio at all."""
    try:
        return bool(case.host.names("/sys/class/ieee80211"))
    except OSError:
        return False


def _ethernet(case: Case, found: Devices) -> Iterator[Finding]:
    name = case.config.network.ethernet_interface
    if name not in found.devices:
        others = [each for each in found.named("ethernet") if not each.startswith("usb")]
        if others:
            text = f"there is no {name}; NetworkManager has {', '.join(others)}"
            mend = f"sudo nano {case.file_in_shell}    # [network] ethernet_interface"
            yield doubt("Ethernet", text, mend, interface=name)
        else:
            yield good("Ethernet", f"no {name} on this machine", interface=None)
        return
    state = found.devices[name][1]
    if state == "unmanaged":
        text = f"NetworkManager does not manage {name}"
        yield doubt("Ethernet", text, f"sudo nmcli device set {name} managed yes", interface=name)
    else:
        plug = "no cable, or switched off" if state == "unavailable" else state
        yield good("Ethernet", f"{name} {plug}", interface=name, state=state)


def _blocked(case: Case) -> str:
    """`hard` or `soft` where rfkill holds a Wi-Fi radio off, otherwise empty."""
    try:
        chips = [f"{_CHIPS}/{name}" for name in case.host.names(_CHIPS)]
    except OSError:
        return ""
    for how in ("hard", "soft"):
        for chip in chips:
            try:
                is_wifi = case.host.read(f"{chip}/type").strip() == "wlan"
                if is_wifi and case.host.read(f"{chip}/{how}").strip() == "1":
                    return how
            except OSError:
                continue
    return ""


def check_radio(case: Case) -> Iterator[Finding]:
    """rfkill lets the radio on, and the radio knows whose laws hold."""
    if case.config.network.kind == "simulated" or not _has_radio(case):
        return
    blocked = _blocked(case)
    if blocked == "hard":
        mend = "switch Wi-Fi on by the machine's own switch or its firmware's settings; rfkill"
        yield bad("radio", "a switch of the machine holds Wi-Fi off", mend, blocked="hard")
    elif blocked == "soft":
        mend = "sudo rfkill unblock wifi"
        if not case.host.has_program("rfkill"):
            mend = "sudo nmcli radio wifi on"
        yield bad("radio", "rfkill holds Wi-Fi off", mend, blocked="soft")
    else:
        yield good("radio", "not blocked", blocked=None)
    yield _country(case)


def _country(case: Case) -> Finding:
    done = case.host.run("iw", "reg", "get")
    if done.missing:
        return doubt("country", "iw, which tells, is not installed", "sudo apt install iw")
    if not done.succeeded:
        return doubt("country", f"iw does not tell: {done.complaint}")
    own = re.search(r"^phy#.*self-managed.*\ncountry (\w\w)", done.output, re.MULTILINE)
    common = re.search(r"^country (\w\w)", done.output, re.MULTILINE)
    found = own or common
    code = found[1] if found else "00"
    if code not in _NO_COUNTRY:
        return good("country", code, country=code)
    mend = "sudo iw reg set XX"
    if case.host.has_program("raspi-config"):
        mend = "sudo raspi-config nonint do_wifi_country XX"
    text = "the radio knows no country, and leaves channels out (XX: yours, as DE or US)"
    return doubt("country", text, mend, country=None)


def check_softap(case: Case) -> Iterator[Finding]:
    """What `AT+CWSAP` needs: a DHCP server, and beside a station an interface of its own."""
    if case.config.network.kind == "simulated" or not _has_radio(case):
        return
    if not case.host.has_program("dnsmasq"):
        text = "the SoftAP cannot give addresses: dnsmasq is not installed"
        yield doubt("SoftAP", text, "sudo apt install dnsmasq-base")
        return
    name = case.config.network.softap_interface
    try:
        made = name in case.host.names("/sys/class/net")
    except OSError:
        made = False
    if made:
        yield good("SoftAP", f"{name} is there", interface=name)
    elif case.settings.mode == 3:
        text = f"mode 3 is stored (AT+CWMODE=3), and there is no {name} for its SoftAP"
        yield bad("SoftAP", text, _make(case, name), interface=None)
    else:
        yield good("SoftAP", f"in mode 2; for mode 3 make {name}: {_make(case, name)}")


def _make(case: Case, name: str) -> str:
    """The command that makes the SoftAP's interface."""
    wifi = case.config.network.wifi_interface
    shown = case.host.run("systemctl", "show", "--property=LoadState", "esp-at-gateway-ap0")
    if (wifi, name) == ("wlan0", "ap0") and shown.output.strip() == "LoadState=loaded":
        return "sudo systemctl enable --now esp-at-gateway-ap0"
    return f"sudo iw dev {wifi} interface add {name} type __ap"
