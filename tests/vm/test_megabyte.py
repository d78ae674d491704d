"""A megabyte through the radio, each way, over TCP and over TLS."""

from __future__ import annotations

import hashlib
import time

import pytest

from tests.vm.gateway_on_serial import PLACE, GatewayOnSerial
from tests.vm.inside.byte_server import MEGABYTE
from tests.vm.joining import join
from tests.vm.linking import receive, send
from tests.vm.report import Report
from tests.vm.standard_air import WPA2

SERVER = "10.77.1.1"
CERTIFICATE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 "
    f"-subj /CN=air.test -addext subjectAltName=IP:{SERVER} -keyout /run/vm/key -out /run/vm/pem"
)


def serve(gateway: GatewayOnSerial, kind: str) -> int:
    """Start the server at the far end of the air; its port."""
    port, files = (7001, "") if kind == "TCP" else (7002, "/run/vm/pem /run/vm/key")
    if files:
        gateway.machine.run(CERTIFICATE)
    program = f"{PLACE}/tests/vm/inside/byte_server.py"
    gateway.machine.run(
        f"ip netns exec ap python3 {program} {SERVER} {port} {files} & "
        f"for _ in $(seq 100); do ip netns exec ap ss -ltn | grep -q :{port} && exit; "
        "sleep 0.1; done; exit 1"
    )
    return port


@pytest.mark.parametrize("kind", ["TCP", "SSL"])
def test_a_megabyte_comes(gateway: GatewayOnSerial, report: Report, kind: str) -> None:
    join(gateway, WPA2)
    port = serve(gateway, kind)
    client = gateway.client
    assert client.ask(f'AT+CIPSTART="{kind}","{SERVER}",{port}', 20).ok
    begun = time.monotonic()
    send(client, b"GET\n")
    assert receive(client, len(MEGABYTE)) == MEGABYTE
    client.hear(b"CLOSED")
    report.note(f"{len(MEGABYTE) / 1024 / (time.monotonic() - begun):.0f} KiB/s")


@pytest.mark.parametrize("kind", ["TCP", "SSL"])
def test_a_megabyte_goes(gateway: GatewayOnSerial, report: Report, kind: str) -> None:
    join(gateway, WPA2)
    port = serve(gateway, kind)
    client = gateway.client
    assert client.ask(f'AT+CIPSTART="{kind}","{SERVER}",{port}', 20).ok
    begun = time.monotonic()
    send(client, b"PUT\n")
    for start in range(0, len(MEGABYTE), 2048):
        send(client, MEGABYTE[start : start + 2048])
    assert receive(client, 64) == hashlib.sha256(MEGABYTE).hexdigest().encode()
    report.note(f"{len(MEGABYTE) / 1024 / (time.monotonic() - begun):.0f} KiB/s")
