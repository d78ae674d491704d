"""Two gateways with one radio, and the interface that is made for the SoftAP."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.vm.air import AccessPoint, Neighbour
from tests.vm.at_client import AtClient
from tests.vm.gateway_on_serial import PLACE, USER, GatewayOnSerial
from tests.vm.joining import JOIN_SECONDS, join, join_command, until_heard
from tests.vm.machine import Machine
from tests.vm.own_access_point import PASSWORD, SSID, exchange, open_softap
from tests.vm.standard_air import MIXED, WPA2, WPA3

STATE = "/var/lib/esp-at-gateway-second"
LINE = f"{STATE}/line"
UNITS = Path(__file__).parent.parent.parent / "systemd"


class Second:
    """Another gateway in the guest, on a pseudo-terminal there."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        gateway = ("python3", "-m", "gateway", "run", "--uart", f"pty:{LINE}")
        unit = (
            *("systemd-run", "--quiet", "--unit=second", "--collect", f"--uid={USER}"),
            *(f"--working-directory={PLACE}", *gateway, "--network", "networkmanager"),
            *("--state-dir", STATE),
        )
        machine.run(f"install -d -o {USER} {STATE} && {shlex.join(unit)}")
        came = f"until [ -e {LINE} ] && journalctl -q -u second | grep -q 'is there$'"
        machine.run(f"{came}; do sleep 0.2; done", seconds=60)

    def ask(self, *commands: str) -> str:
        """The replies to commands."""
        program = f"{PLACE}/tests/vm/inside/ask_line.py"
        words = ("python3", program, LINE, "ATE0", *commands)
        return self._machine.run(shlex.join(words), seconds=120).output

    def join(self, access_point: AccessPoint) -> str:
        """The reply to AT+CWJAP."""
        return self.ask(join_command(access_point).decode())


def activations(machine: Machine) -> int:
    """How often NetworkManager has activated anything: it numbers them."""
    paths = machine.run("nmcli -g ACTIVE-PATH connection show --active").output.split()
    return max(int(path.rpartition("/")[2]) for path in paths)


def test_the_later_join_has_the_radio_and_nobody_takes_it_back(gateway: GatewayOnSerial) -> None:
    client, machine = gateway.client, gateway.machine
    second = Second(machine)
    join(gateway, WPA2)
    assert f'+CWJAP:"{WPA2.ssid.decode()}"' in second.ask("AT+CWJAP?")
    assert second.join(MIXED).endswith("OK\n\n")
    client.hear(b"WIFI DISCONNECT", b"WIFI CONNECTED", b"WIFI GOT IP")
    assert MIXED.ssid in client.ask("AT+CWJAP?").line(b"+CWJAP:")
    begun = activations(machine)
    machine.run("sleep 20", seconds=60)
    assert activations(machine) == begun
    until_heard(gateway, WPA3)
    assert client.ask(join_command(WPA3), JOIN_SECONDS).ok
    assert f'+CWJAP:"{WPA3.ssid.decode()}"' in second.ask("AT+CWJAP?")
    machine.run("systemctl stop second", seconds=60)
    client.silent(5)
    assert WPA3.ssid in client.ask("AT+CWJAP?").line(b"+CWJAP:")


@pytest.fixture
def ap0(machine: Machine) -> None:
    """`ap0` is there, made as on a machine where the gateway is installed."""
    place = "/usr/libexec/esp-at-gateway"
    script, unit = (UNITS / f"esp-at-gateway-ap0{end}" for end in ("", ".service"))
    machine.run(f"mkdir -p {place} && cat > {place}/ap0", data=script.read_bytes())
    machine.run(f"cat > /etc/systemd/system/{unit.name}", data=unit.read_bytes())
    machine.run(
        f"chmod 755 {place}/ap0; systemctl daemon-reload; systemctl enable -q --now {unit.name}",
        seconds=60,
    )


def state_of_ap0(machine: Machine) -> str:
    return machine.run("nmcli -g GENERAL.STATE device show ap0").output.strip()


def test_no_network_of_the_owners_is_joined_on_the_softaps_interface(
    machine: Machine, ap0: None
) -> None:
    shown = machine.run("ip -br link show").output.splitlines()
    macs = {name: mac for name, _, mac, *_ in map(str.split, shown)}
    assert macs["ap0"] not in ("", macs["wlan0"])
    assert int(macs["ap0"][:2], 16) & 3 == 2  # locally administered, and somebody's own
    assert state_of_ap0(machine) == "10 (unmanaged)"
    for number, access_point in enumerate((WPA2, MIXED)):
        machine.run(
            f"nmcli connection add type wifi con-name owner{number} "
            f"ssid {access_point.ssid.decode()} wifi-sec.key-mgmt wpa-psk "
            f"wifi-sec.psk '{access_point.password.decode()}' autoconnect yes >/dev/null"
        )
    refused = machine.run("nmcli connection up owner0 ifname ap0", check=False)
    assert refused.status != 0
    # Also where somebody has it managed, and NetworkManager is free to connect it.
    machine.run(
        "nmcli device set ap0 managed yes; systemctl restart NetworkManager; "
        "nmcli -w 60 connection up owner0 ifname wlan0; nmcli device set ap0 managed yes; "
        "sleep 15; "
        "! nmcli -g DEVICE connection show --active | grep ap0",
        seconds=180,
    )
    machine.run("systemctl stop esp-at-gateway-ap0", seconds=60)
    assert "ap0" not in machine.run("ls /sys/class/net /run/NetworkManager/conf.d").output


def test_it_is_taken_for_the_softap_and_left_alone_again(
    machine: Machine, ap0: None, line: AtClient, neighbour: Neighbour
) -> None:
    gateway = GatewayOnSerial(machine, line)
    gateway.start()
    gateway.greeted()
    assert gateway.client.ask("AT+CWMODE_CUR=3").ok
    join(gateway, WPA2)
    assert state_of_ap0(machine) == "10 (unmanaged)"
    open_softap(gateway, mode=3)
    neighbour.join(SSID, PASSWORD)
    exchange(gateway, neighbour, neighbour.lease())
    machine.run("ping -c 1 -W 5 -I wlan0 10.77.1.1")
    second = Second(machine)
    words = f'"{SSID.decode()}-2","{PASSWORD.decode()}",6,3'
    replies = second.ask("AT+CWMODE_CUR=3", f"AT+CWSAP_CUR={words}")
    assert "ERROR" in replies
    assert "another gateway" in machine.run("journalctl -q -u second").output
    gateway.stop()
    assert state_of_ap0(machine) == "10 (unmanaged)"
