"""What is on the air and at the far end: access points, their DHCP, somebody who joins us.

Works from the host as well as inside the guest: all it needs is a `Shell`. The network
namespaces that it fills are made by `image/guest/usr/local/lib/vm/radios`.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from tests.vm.shell_protocol import Shell

PASSWORD = b"correct horse"
CHANNEL = 6
WLAN0 = "02:00:00:00:00:00"
"""The MAC address of the radio that is the gateway's."""


class Security(Enum):
    """How an access point protects itself: lines of hostapd's configuration."""

    OPEN = ""
    WPA = "wpa=1 wpa_key_mgmt=WPA-PSK wpa_pairwise=TKIP"
    WPA_WPA2 = "wpa=3 wpa_key_mgmt=WPA-PSK wpa_pairwise=TKIP rsn_pairwise=CCMP"
    WPA2 = "wpa=2 wpa_key_mgmt=WPA-PSK rsn_pairwise=CCMP"
    WPA2_WPA3 = "wpa=2 wpa_key_mgmt=WPA-PSK,SAE rsn_pairwise=CCMP ieee80211w=1 sae_require_mfp=1"
    WPA3 = "wpa=2 wpa_key_mgmt=SAE rsn_pairwise=CCMP ieee80211w=2 sae_pwe=2"
    # Not joined by anything here, but seen in a scan.
    WEP = "wep_default_key=0 wep_key0=0102030405"


@dataclass(frozen=True)
class AccessPoint:
    """An access point as the others see it. `network` is the one it leads to, 1 to 99."""

    ssid: bytes
    bssid: str
    security: Security = Security.WPA2
    password: bytes = PASSWORD
    hidden: bool = False
    network: int = 1

    def lines(self, interface: str, *, first: bool) -> Iterator[str]:
        """Its part of hostapd's configuration; the `first` one has the radio's own interface."""
        yield f"{'interface' if first else 'bss'}={interface}"
        yield f"bssid={self.bssid}"
        yield f"bridge=net{self.network}"
        yield "ctrl_interface=/run/vm/hostapd"
        yield f"ssid2={self.ssid.hex()}"
        yield f"ignore_broadcast_ssid={int(self.hidden)}"
        for line in self.security.value.split():
            yield line.replace(",", " ")
        if "wpa=" in self.security.value:
            yield f"wpa_passphrase={self.password.decode()}"

    def hexadecimal_key(self) -> str:
        """The 64 digits that WPA makes of SSID and password."""
        return hashlib.pbkdf2_hmac("sha1", self.password, self.ssid, 4096, 32).hex()


def gateway_of(network: int) -> str:
    """The address of the router, DNS and whatever else serves in that network."""
    return f"10.77.{network}.1"


class Air:
    """Opens and closes access points on `wlan1` and `wlan2`."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def network(self, number: int, *, dhcp: bool = True) -> None:
        """A network for access points to lead to, 10.77.<number>.0/24, with DHCP or without.

        DHCP hands out the router's address as the gateway, and two DNS servers: that one
        and 10.77.<number>.2, which does not answer.
        """
        bridge, router = f"net{number}", gateway_of(number)
        self._shell.run(
            f"mkdir -p /run/vm; ip -n ap link add {bridge} type bridge && "
            f"ip -n ap addr add {router}/24 dev {bridge} && ip -n ap link set {bridge} up"
        )
        if dhcp:
            self.serve_addresses(number)

    def serve_addresses(self, number: int) -> None:
        """Start the DHCP of a network that has none."""
        bridge, router, other = f"net{number}", gateway_of(number), f"10.77.{number}.2"
        self._shell.run(
            "ip netns exec ap dnsmasq --conf-file=/dev/null --user=root --no-resolv --no-hosts "
            f"--pid-file=/run/vm/{bridge}.pid --interface={bridge} --bind-interfaces "
            f"--except-interface=lo --dhcp-range=10.77.{number}.50,10.77.{number}.99,1h "
            f"--dhcp-option=option:router,{router} "
            f"--dhcp-option=option:dns-server,{router},{other} --no-ping "
            f"--dhcp-leasefile=/run/vm/{bridge}.leases --log-dhcp "
            f"--log-facility=/run/vm/{bridge}.log --address=/air.test/{router}"
        )

    def stop_serving_addresses(self, number: int) -> None:
        """End the DHCP of a network."""
        self._shell.run(f"kill $(cat /run/vm/net{number}.pid)")

    def lease_of(self, number: int, mac: str = WLAN0) -> list[str]:
        """The lease that a MAC address has: its end, MAC, address, host name, client id."""
        return self._shell.run(f"grep {mac} /run/vm/net{number}.leases").output.split()

    def open(self, radio: str, *access_points: AccessPoint, channel: int = CHANNEL) -> None:
        """Put access points on the air; returns when they are."""
        lines = ["driver=nl80211", "hw_mode=" + ("g" if channel < 15 else "a")]
        lines.append(f"channel={channel}")
        for number, access_point in enumerate(access_points):
            interface = radio if number == 0 else f"{radio}_{number}"
            words = list(access_point.lines(interface, first=number == 0))
            lines = words[:1] + lines + words[1:] if number == 0 else lines + words
        text = "\n".join(lines) + "\n"
        self._shell.run(f"cat > /run/vm/{radio}.conf", data=text.encode())
        self.reopen(radio)

    def reopen(self, radio: str) -> None:
        """Put back on the air what was there before `close` or `cut`."""
        self._shell.run(
            f"ip netns exec ap hostapd -B -P /run/vm/{radio}.pid -f /run/vm/{radio}.log -t "
            f"/run/vm/{radio}.conf >/dev/null || {{ tail /run/vm/{radio}.log; exit 1; }}"
        )

    def close(self, radio: str) -> None:
        """End hostapd; it says goodbye to its stations."""
        self._shell.run(_end(f"/run/vm/{radio}.pid", "TERM"))

    def cut(self, radio: str) -> None:
        """Cut the access points' power: not a word to anybody."""
        self._shell.run(
            _end(f"/run/vm/{radio}.pid", "KILL") + f"; ip -n ap link set {radio} down; "
            f"for link in $(ip netns exec ap ls /sys/class/net | grep '^{radio}_'); do "
            "ip netns exec ap iw dev $link del; done"
        )

    def stations(self, interface: str) -> list[str]:
        """The MAC addresses of who is associated with an access point."""
        words = self._shell.run(f"ip netns exec ap iw dev {interface} station dump").output.split()
        return [words[place + 1] for place, word in enumerate(words) if word == "Station"]


class Neighbour:
    """Somebody with a radio of his own, `wlan3`, who joins the gateway's access point."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def join(self, ssid: bytes, password: bytes, seconds: float = 40) -> None:
        """Join by wpa_supplicant; returns when the keys are agreed."""
        key = f'psk="{password.decode()}"' if password else "key_mgmt=NONE"
        text = (
            "ctrl_interface=/run/vm/supplicant\n"
            f"network={{\n ssid={ssid.hex()}\n scan_ssid=1\n {key}\n}}\n"
        )
        self._shell.run("mkdir -p /run/vm; umask 77; cat > /run/vm/wlan3.conf", data=text.encode())
        self._shell.run(
            f"{_end('/run/vm/wlan3.pid', 'TERM')}; ip netns exec client wpa_supplicant -B "
            "-P /run/vm/wlan3.pid -f /run/vm/wlan3.log -i wlan3 -c /run/vm/wlan3.conf "
            f">/dev/null && for _ in $(seq {round(seconds * 4)}); do "
            "wpa_cli -p /run/vm/supplicant -i wlan3 status 2>/dev/null | "
            "grep -qx wpa_state=COMPLETED && exit 0; sleep 0.25; done; "
            "cat /run/vm/wlan3.log; exit 1",
            seconds=seconds + 20,
        )

    def lease(self) -> str:
        """Ask for an address by DHCP and use it; gives it."""
        script = (
            '#!/bin/sh\n[ "$1" = bound ] || exit 0\n'
            'ip addr replace "$ip/$mask" dev "$interface"\n'
            'ip route replace default via "$router" dev "$interface"\n'
        )
        self._shell.run(
            # Not in /run, where nothing can be executed.
            "cat > /opt/bound && chmod 755 /opt/bound && ip netns exec client "
            "busybox udhcpc -i wlan3 -q -n -t 8 -s /opt/bound",
            data=script.encode(),
        )
        words = self.run("ip -4 -o addr show dev wlan3").split()
        return words[3].split("/")[0]

    def run(self, command: str, *, seconds: float = 60, check: bool = True) -> str:
        """Run a command where the neighbour is; its output."""
        words = f"ip netns exec client bash -c {shlex.quote(command)}"
        return self._shell.run(words, seconds=seconds, check=check).output


def _end(pid_file: str, signal: str) -> str:
    """A command that ends a process, if there is one, and waits until it is gone."""
    return (
        f"if read -r pid < {pid_file}; then kill -{signal} $pid; "
        f"while kill -0 $pid; do sleep 0.05; done; rm -f {pid_file}; fi 2>/dev/null"
    )
