"""The gateway's own access point, in the tests' words."""

from __future__ import annotations

from tests.vm.air import Neighbour
from tests.vm.gateway_on_serial import GatewayOnSerial
from tests.vm.joining import AT_ONCE

SSID, PASSWORD = b"vm-gateway", b"longenough"


def open_softap(gateway: GatewayOnSerial, mode: int = 2) -> None:
    """Switch to SoftAP mode and open the access point, on the station's channel."""
    assert gateway.client.ask(f"AT+CWMODE_CUR={mode}").ok
    words = f'"{SSID.decode()}","{PASSWORD.decode()}",6,3'
    reply = gateway.client.ask(f"AT+CWSAP_CUR={words}")
    assert reply.ok
    assert reply.seconds < AT_ONCE


def exchange(gateway: GatewayOnSerial, neighbour: Neighbour, address: str) -> None:
    """The neighbour reaches a server of ours, and both hear each other."""
    client = gateway.client
    assert client.ask("AT+CIPMUX=1").ok
    assert client.ask("AT+CIPSERVER=1,8080").ok
    neighbour.run(
        "rm -f /run/vm/heard; (exec 3<>/dev/tcp/192.168.4.1/8080; echo hello >&3; "
        "head -c 5 <&3 > /run/vm/heard) >/dev/null 2>&1 &"
    )
    assert client.until(b"0,CONNECT\r\n", 20).endswith(b"0,CONNECT\r\n")
    client.until(b"+IPD,0,6:hello\n", 20)
    listed = client.ask("AT+CIPSTATUS").lines
    assert any(line.startswith(b'+CIPSTATUS:0,"TCP","%s"' % address.encode()) for line in listed)
    client.send(b"AT+CIPSEND=0,5\r\n")
    client.until(b"> ")
    client.send(b"world")
    client.until(b"SEND OK\r\n")
    client.until(b"0,CLOSED\r\n")
    assert neighbour.run("cat /run/vm/heard") == "world"


def reaches(neighbour: Neighbour, address: str) -> bool:
    """Whether the neighbour's ping comes back."""
    return " 0% packet loss" in neighbour.run(f"ping -c 2 -W 4 {address}", check=False)
