"""A join that fails: with the right number, in time, and nothing left of it."""

from __future__ import annotations

import pytest

from tests.vm.air import AccessPoint, Air, Security
from tests.vm.gateway_on_serial import GatewayOnSerial
from tests.vm.joining import JOIN_SECONDS, join, join_command, until_heard, wifi_profiles
from tests.vm.report import Report
from tests.vm.standard_air import LEGACY, WPA2, WPA3

WRONG = b"wrong horse"
CLIENT_WAITS = 20.0
"""Seconds that WiFiEsp gives a join. Ours ends within 18 by its own clock; the rest is the line's
and the emulated processor's."""


def refused(
    gateway: GatewayOnSerial, command: bytes, code: int, *, was_joined: bool = False
) -> float:
    """The command fails with that code and leaves nothing behind; the seconds it took."""
    reply = gateway.client.ask(command, JOIN_SECONDS)
    assert reply.final == b"FAIL"
    lost = (b"WIFI DISCONNECT",) if was_joined else ()
    assert reply.lines == (*lost, b"+CWJAP:%d" % code)
    assert gateway.client.ask("AT+CWJAP?").lines == (b"No AP",)
    assert wifi_profiles(gateway) == []
    return reply.seconds


@pytest.mark.parametrize("access_point", [WPA2, WPA3, LEGACY], ids=["wpa2", "wpa3", "wpa_wpa2"])
def test_a_wrong_password_is_2(
    gateway: GatewayOnSerial, report: Report, access_point: AccessPoint
) -> None:
    seconds = refused(gateway, join_command(access_point, WRONG), 2)
    report.note(f"+CWJAP:2 after {seconds:.1f} s")


def test_no_such_access_point_is_3(gateway: GatewayOnSerial, report: Report) -> None:
    nowhere = AccessPoint(b"vm-nowhere", "02:00:00:00:02:00")
    seconds = refused(gateway, join_command(nowhere), 3)
    report.note(f"+CWJAP:3 after {seconds:.1f} s")


def test_no_address_is_1(gateway: GatewayOnSerial, air: Air, report: Report) -> None:
    air.stop_serving_addresses(1)
    reply = gateway.client.ask(join_command(WPA2), JOIN_SECONDS)
    assert reply.final == b"FAIL"
    assert reply.lines[-1] == b"+CWJAP:1"
    assert wifi_profiles(gateway) == []
    assert gateway.client.ask("AT+CWJAP?").lines == (b"No AP",)
    report.note(f"+CWJAP:1 after {reply.seconds:.1f} s")
    assert reply.seconds < CLIENT_WAITS


def test_wep_is_refused(gateway: GatewayOnSerial, air: Air, report: Report) -> None:
    wep = AccessPoint(b"vm-wep", "02:00:00:00:02:00", Security.WEP)
    air.open("wlan2", wep, channel=11)
    until_heard(gateway, wep)
    seconds = refused(gateway, join_command(wep, b"0102030405"), 4)
    report.note(f"+CWJAP:4 after {seconds:.1f} s")
    assert "WEP" in gateway.log()


def test_a_refused_join_does_not_go_back_to_another(
    gateway: GatewayOnSerial, report: Report
) -> None:
    join(gateway, WPA2, name="AT+CWJAP_CUR")
    refused(gateway, join_command(WPA3, WRONG), 2, was_joined=True)
    gateway.client.silent(8)
    assert gateway.client.ask("AT+CWJAP?").lines == (b"No AP",)


def test_the_right_password_joins_after_a_wrong_one(
    gateway: GatewayOnSerial, report: Report
) -> None:
    refused(gateway, join_command(WPA2, WRONG), 2)
    reply = join(gateway, WPA2)
    report.note(f"joined in {reply.seconds:.1f} s afterwards")
