"""How the microcontroller joins, in the tests' words."""

from __future__ import annotations

from tests.vm.air import AccessPoint, Security
from tests.vm.at_client import Reply
from tests.vm.gateway_on_serial import GatewayOnSerial

JOIN_SECONDS = 21.0
"""A join answers within 18 s (contract, section 3), and the machine is slow."""

AT_ONCE = 2.0
"""A command that waits for no radio answers within 0.8 s, and the machine is slow."""


def quoted(text: bytes) -> bytes:
    """A string as the commands take it: in quotes, with `\\`, `"` and `,` escaped."""
    for sign in (b"\\", b'"', b","):
        text = text.replace(sign, b"\\" + sign)
    return b'"' + text + b'"'


def until_heard(gateway: GatewayOnSerial, access_point: AccessPoint) -> None:
    """NetworkManager knows an access point that has just been opened."""
    escaped = access_point.bssid.replace(":", r"\\:")
    look = f"nmcli -g BSSID device wifi list --rescan yes | grep -q '{escaped}'"
    again = f"for _ in $(seq 20); do {look} && exit; sleep 0.5; done; exit 1"
    gateway.machine.run(again, seconds=150)


def join_command(
    access_point: AccessPoint,
    password: bytes | None = None,
    *,
    name: str = "AT+CWJAP",
    bssid: str = "",
) -> bytes:
    """The command line that joins it."""
    if password is None:
        password = b"" if access_point.security is Security.OPEN else access_point.password
    words = [quoted(access_point.ssid), quoted(password)]
    if bssid:
        words.append(quoted(bssid.encode()))
    return name.encode() + b"=" + b",".join(words)


def join(
    gateway: GatewayOnSerial, access_point: AccessPoint, *, name: str = "AT+CWJAP", bssid: str = ""
) -> Reply:
    """Join it for the first time; everything that is said is right."""
    reply = gateway.client.ask(join_command(access_point, name=name, bssid=bssid), JOIN_SECONDS)
    assert (reply.lines, reply.final) == ((b"WIFI CONNECTED", b"WIFI GOT IP"), b"OK")
    return reply


def joined_bssid(gateway: GatewayOnSerial) -> str:
    """Of the access point that is joined, as the gateway tells it."""
    answer = gateway.client.ask("AT+CWJAP?").line(b"+CWJAP:")
    return answer.rsplit(b'"', 2)[1].decode()


def station_address(gateway: GatewayOnSerial) -> str:
    """The station's address, as the gateway tells it."""
    return gateway.client.ask("AT+CIPSTA?").line(b"+CIPSTA:ip:").strip(b'"').decode()


def wifi_profiles(gateway: GatewayOnSerial) -> list[str]:
    """The Wi-Fi profiles that NetworkManager knows, by UUID."""
    command = "nmcli -g uuid,type connection show"
    lines = gateway.machine.run(command).output.splitlines()
    return [line.split(":")[0] for line in lines if line.endswith(":802-11-wireless")]
