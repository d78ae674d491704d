"""Networks and permissions that are not as they should be."""

from __future__ import annotations

from gateway.config import Config, NetworkOptions
from gateway.doctor.checks.polkit import TIME_SERVERS
from gateway.doctor.host import Done
from gateway.services.api_settings import Settings
from gateway.services.network.bus_values import NEEDED, SCAN
from tests.doctor.fake_host import (
    allowed,
)
from tests.doctor.sick import (
    BAD,
    DOUBT,
    STATION,
    Sick,
    commands,
)

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
