"""`AT+CWJAP` joins whatever can be joined."""

from __future__ import annotations

import pytest

from tests.vm.air import AccessPoint, Air
from tests.vm.gateway_on_serial import GatewayOnSerial
from tests.vm.joining import (
    AT_ONCE,
    JOIN_SECONDS,
    join,
    join_command,
    joined_bssid,
    quoted,
    station_address,
    until_heard,
    wifi_profiles,
)
from tests.vm.report import Report
from tests.vm.standard_air import HIDDEN, LEGACY, MIXED, ODD, OPEN, RAW, WPA2, WPA3

NAMES = {
    WPA2: "wpa2",
    WPA3: "wpa3",
    MIXED: "mixed",
    LEGACY: "wpa_wpa2",
    OPEN: "open",
    HIDDEN: "hidden",
    ODD: "comma_quote_backslash_utf8",
    RAW: "32_raw_bytes",
}


@pytest.mark.parametrize("access_point", NAMES, ids=NAMES.values())
def test_an_access_point_is_joined(
    gateway: GatewayOnSerial, report: Report, access_point: AccessPoint
) -> None:
    reply = join(gateway, access_point)
    report.note(f"joined in {reply.seconds:.1f} s")
    answer = gateway.client.ask("AT+CWJAP?").line(b"+CWJAP:")
    told = b'"%s","%s",6,' % (access_point.ssid, access_point.bssid.encode())
    assert answer.startswith(told)
    assert -70 < int(answer[len(told) :]) < 0
    assert station_address(gateway).startswith(f"10.77.{access_point.network}.")


def test_a_key_of_64_digits_joins(gateway: GatewayOnSerial) -> None:
    key = WPA2.hexadecimal_key().encode()
    reply = gateway.client.ask(join_command(WPA2, key), JOIN_SECONDS)
    assert reply.ok


def test_a_bssid_chooses_among_two_of_a_name(
    gateway: GatewayOnSerial, air: Air, report: Report
) -> None:
    twins = [AccessPoint(b"vm-twin", f"02:00:00:00:02:0{n}") for n in (0, 1)]
    air.open("wlan2", *twins, channel=11)
    until_heard(gateway, twins[1])
    for twin in (twins[1], twins[0]):
        command = join_command(twin, bssid=twin.bssid)
        assert gateway.client.ask(command, JOIN_SECONDS).ok
        assert joined_bssid(gateway) == twin.bssid


def test_joining_another_leaves_the_first(gateway: GatewayOnSerial, report: Report) -> None:
    join(gateway, WPA2, name="AT+CWJAP_CUR")
    reply = gateway.client.ask(join_command(ODD, name="AT+CWJAP_CUR"), JOIN_SECONDS)
    assert reply.lines == (b"WIFI DISCONNECT", b"WIFI CONNECTED", b"WIFI GOT IP")
    assert reply.ok
    report.note(f"changed over in {reply.seconds:.1f} s")
    assert station_address(gateway).startswith("10.77.2.")
    assert len(wifi_profiles(gateway)) == 1


def test_leaving_holds(gateway: GatewayOnSerial) -> None:
    join(gateway, WPA2)
    assert gateway.client.ask("AT+CWQAP").ok
    gateway.client.hear(b"WIFI DISCONNECT")
    assert gateway.client.ask("AT+CWJAP?").lines == (b"No AP",)
    gateway.client.silent(6)
    link = gateway.machine.run("nmcli -g GENERAL.STATE device show wlan0").output
    assert link.startswith("30 ")


@pytest.mark.parametrize(
    "password",
    [b"seven77", b"x" * 64, b"0" * 63 + b"g"],
    ids=["7_characters", "64_characters", "63_digits"],
)
def test_an_impossible_password_is_refused_at_once(
    gateway: GatewayOnSerial, report: Report, password: bytes
) -> None:
    reply = gateway.client.ask(b"AT+CWJAP=" + quoted(WPA2.ssid) + b"," + quoted(password))
    assert (reply.lines, reply.final) == ((), b"ERROR")
    report.note(f"refused after {reply.seconds:.2f} s")
    assert reply.seconds < AT_ONCE
    assert wifi_profiles(gateway) == []
