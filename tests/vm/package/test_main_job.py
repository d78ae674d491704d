"""What it is for: the installed service, its user and its hardening, over a real radio."""

from __future__ import annotations

import pytest

from tests.vm.air import Neighbour
from tests.vm.inside.page_server import PAGE
from tests.vm.joining import join, station_address
from tests.vm.linking import page
from tests.vm.own_access_point import PASSWORD, SSID, exchange, open_softap
from tests.vm.package.far_end import WEB, serve_page
from tests.vm.package.service import InstalledService
from tests.vm.report import Report
from tests.vm.standard_air import ON_WLAN1, WPA2

CHANNEL = 6


@pytest.fixture(autouse=True)
def _nobody_complains(service: InstalledService) -> object:
    """A good run leaves nothing above info in the journal, and nobody was refused anything."""
    yield
    assert service.complaints() == ""
    assert service.refusals() == ""


def test_a_page_over_tcp_and_over_tls(service: InstalledService, report: Report) -> None:
    client = service.client
    assert client.ask("AT").ok
    assert client.ask("AT+GMR").line(b"AT version:").startswith(b"1.7")
    seen = client.ask("AT+CWLAP", 12)
    assert len(seen.lines) == len(ON_WLAN1) - 1  # one hides its name
    report.note(f"scan {seen.seconds:.1f} s")
    reply = join(service, WPA2)
    report.note(f"join {reply.seconds:.1f} s")
    assert station_address(service).startswith("10.77.1.")
    serve_page(service.machine)
    assert page(client, "TCP", WEB, 80).endswith(b"\r\n\r\n" + PAGE)
    assert page(client, "SSL", "air.test", 443).endswith(b"\r\n\r\n" + PAGE)


def test_a_server_on_port_80(service: InstalledService) -> None:
    client = service.client
    assert client.ask("AT+CIPMUX=1").ok
    assert client.ask("AT+CIPSERVER=1,80").ok
    address = client.ask("AT+CIPETH?").line(b"+CIPETH:ip:").strip(b'"').decode()
    service.machine.run(
        f"rm -f /run/vm/page; ip netns exec lan bash -c 'exec 3<>/dev/tcp/{address}/80; "
        'printf "GET /" >&3; cat <&3 > /run/vm/page\' >/dev/null 2>&1 &'
    )
    client.until(b"0,CONNECT\r\n", 20)
    client.until(b"+IPD,0,5:GET /", 20)
    client.send(b"AT+CIPSEND=0,5\r\n")
    client.until(b"> ")
    client.send(b"hello")
    client.until(b"SEND OK\r\n")
    assert client.ask("AT+CIPCLOSE=0").ok
    written = "for _ in $(seq 50); do grep -q hello /run/vm/page && exit; sleep 0.1; done; exit 1"
    service.machine.run(written)


def test_its_own_access_point(service: InstalledService, neighbour: Neighbour) -> None:
    open_softap(service)
    neighbour.join(SSID, PASSWORD)
    address = neighbour.lease()
    assert address.startswith("192.168.4.")
    exchange(service, neighbour, address)


def test_station_and_access_point_at_once(service: InstalledService, neighbour: Neighbour) -> None:
    service.machine.run("systemctl enable --now esp-at-gateway-ap0.service")
    assert service.client.ask("AT+CWMODE_CUR=3").ok
    join(service, WPA2)
    open_softap(service, mode=3)
    neighbour.join(SSID, PASSWORD)
    exchange(service, neighbour, neighbour.lease())
    assert "joined vm-wpa2" in service.shown("StatusText")
    assert "SoftAP 192.168.4.1" in service.shown("StatusText")
