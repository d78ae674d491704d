"""Access points that go and come back, and a station that roams."""

from __future__ import annotations

from tests.vm.air import AccessPoint, Air
from tests.vm.gateway_on_serial import GatewayOnSerial
from tests.vm.joining import JOIN_SECONDS, join, join_command, joined_bssid, until_heard
from tests.vm.report import Report
from tests.vm.standard_air import WPA2

CONNECTED = (b"WIFI CONNECTED", b"WIFI GOT IP")


def test_an_access_point_that_says_goodbye_is_joined_again(
    gateway: GatewayOnSerial, air: Air, report: Report
) -> None:
    join(gateway, WPA2)
    air.close("wlan1")
    lost = gateway.client.hear(b"WIFI DISCONNECT")
    assert gateway.client.ask("AT+CWJAP?").lines == (b"No AP",)
    air.reopen("wlan1")
    back = gateway.client.hear(*CONNECTED, seconds=60)
    report.note(f"lost after {lost:.1f} s, joined again {back:.1f} s after it was back")
    assert joined_bssid(gateway) == WPA2.bssid


def test_an_access_point_without_power_is_joined_again(
    gateway: GatewayOnSerial, air: Air, report: Report
) -> None:
    join(gateway, WPA2, name="AT+CWJAP_CUR")
    air.cut("wlan1")
    lost = gateway.client.hear(b"WIFI DISCONNECT", seconds=60)
    air.reopen("wlan1")
    back = gateway.client.hear(*CONNECTED, seconds=60)
    report.note(f"lost after {lost:.1f} s, joined again {back:.1f} s after it was back")


def test_a_station_roams_to_the_other_access_point(
    gateway: GatewayOnSerial, air: Air, report: Report
) -> None:
    first = AccessPoint(b"vm-roam", "02:00:00:00:02:00", network=2)
    second = AccessPoint(b"vm-roam", "02:00:00:00:02:01", network=2)
    air.open("wlan2", first, second, channel=11)
    until_heard(gateway, second)
    assert gateway.client.ask(join_command(first), JOIN_SECONDS).ok
    here = joined_bssid(gateway)
    other = second if here == first.bssid else first
    supplicant = "busctl call fi.w1.wpa_supplicant1"
    gateway.machine.run(
        f"path=$({supplicant} /fi/w1/wpa_supplicant1 fi.w1.wpa_supplicant1 GetInterface s wlan0 | "
        "cut -d'\"' -f2); "
        f"{supplicant} $path fi.w1.wpa_supplicant1.Interface Roam s {other.bssid}"
    )
    until = f"for _ in $(seq 80); do iw dev wlan0 link | grep -q {other.bssid} && exit; "
    took = gateway.machine.run(until + "sleep 0.25; done; exit 1").seconds
    gateway.client.silent(3)
    assert joined_bssid(gateway) == other.bssid
    report.note(f"roamed in {took:.1f} s, in silence")
