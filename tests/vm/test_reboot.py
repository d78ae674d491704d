"""After a reboot the stored access point is joined before anything is typed."""

from __future__ import annotations

from tests.vm.air import Air
from tests.vm.at_client import AtClient
from tests.vm.gateway_on_serial import CONFIGURATION, PLACE, STATE, USER, GatewayOnSerial
from tests.vm.joining import join, joined_bssid
from tests.vm.machine import Machine
from tests.vm.report import Report
from tests.vm.standard_air import WPA2, open_standard_air

SERVICE = f"""
[Unit]
Wants=network.target
After=dbus.service
[Service]
User={USER}
WorkingDirectory={PLACE}
ExecStart=/usr/bin/python3 -m gateway run --config {CONFIGURATION} --uart /dev/ttyS1 \
--network networkmanager --state-dir {STATE}
[Install]
WantedBy=multi-user.target
"""


def test_the_stored_access_point_is_joined_after_a_reboot(
    machine: Machine, line: AtClient, air: Air, report: Report
) -> None:
    gateway = GatewayOnSerial(machine, line)
    gateway.start()
    gateway.greeted()
    join(gateway, WPA2, name="AT+CWJAP_DEF")
    unit = "/etc/systemd/system/boots.service"
    machine.run(f"cat > {unit} && systemctl enable boots", data=SERVICE.encode())
    machine.reboot()
    machine.run(
        "for _ in $(seq 300); do ip netns | grep -q lan && exit; sleep 0.5; done; exit 1",
        seconds=200,
    )
    machine.run("while ! systemctl is-active -q vm-radios; do sleep 0.5; done", seconds=120)
    open_standard_air(air)
    line.until(b"\r\nready\r\n", 180)
    report.note("nothing typed")
    # Each by itself: the cable's lease may come in between.
    line.until(b"WIFI CONNECTED\r\n", 180)
    line.until(b"WIFI GOT IP\r\n", 60)
    line.send(b"ATE0\r\n")
    line.until(b"OK\r\n")
    assert joined_bssid(gateway) == WPA2.bssid
