"""`AT+CWLAP` shows what is on the air."""

from __future__ import annotations

from tests.vm.air import AccessPoint, Air, Security
from tests.vm.gateway_on_serial import GatewayOnSerial
from tests.vm.joining import quoted, until_heard
from tests.vm.report import Report
from tests.vm.standard_air import CHANNEL, HIDDEN, ON_WLAN1, WPA2

NUMBERS = {
    Security.OPEN: 0,
    Security.WEP: 1,
    Security.WPA: 2,
    Security.WPA2: 3,
    Security.WPA_WPA2: 4,
    Security.WPA3: 6,
    Security.WPA2_WPA3: 7,
}
NEAR = -40
"""The RSSI of NetworkManager's 100 %."""


def start_of(access_point: AccessPoint, channel: int = CHANNEL) -> bytes:
    """The fields up to the channel."""
    return b'(%d,"%s",%d,"%s",%d,' % (
        NUMBERS[access_point.security],
        access_point.ssid,
        NEAR,
        access_point.bssid.encode(),
        channel,
    )


def test_a_scan_shows_every_field_of_every_access_point(
    gateway: GatewayOnSerial, air: Air, report: Report
) -> None:
    far = AccessPoint(b"vm-tkip", "02:00:00:00:02:00", Security.WPA)
    air.open("wlan2", far, channel=11)
    until_heard(gateway, far)
    reply = gateway.client.ask("AT+CWLAP", 12)
    assert reply.ok
    assert reply.seconds < 9
    report.note(f"{len(reply.lines)} access points in {reply.seconds:.1f} s")
    shown = {start_of(each) for each in ON_WLAN1 if each is not HIDDEN} | {start_of(far, 11)}
    came = {line.removeprefix(b"+CWLAP:") for line in reply.lines}
    assert len(came) == len(shown)
    for start in shown:
        assert any(line.startswith(start) for line in came), (start, came)


def test_a_scan_can_look_for_one(gateway: GatewayOnSerial) -> None:
    name = quoted(WPA2.ssid)
    for words in (
        name,
        name + b"," + quoted(WPA2.bssid.encode()),
        name + b"," + quoted(WPA2.bssid.encode()) + b",%d" % CHANNEL,
    ):
        reply = gateway.client.ask(b"AT+CWLAP=" + words, 12)
        assert [line.startswith(b"+CWLAP:" + start_of(WPA2)) for line in reply.lines] == [True]
    assert gateway.client.ask(b'AT+CWLAP="nowhere"', 12).lines == ()
