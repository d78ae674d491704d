"""How the gateway stands, in one line for `systemctl status`."""

from __future__ import annotations

from gateway.services.api import Network
from gateway.services.api_line import UartSettings


def describe(network: Network, links: int, line: UartSettings) -> str:
    """Network, open links and the line, as `joined home 192.168.1.7 · 2 links · 115200 8N1`.

    A name of an access point that is no text shows its bytes; it may hold any character.
    """
    return " · ".join((*(_networks(network) or ["no network"]), _count(links), str(line)))


def _networks(network: Network) -> list[str]:
    station, softap, ethernet = network.station, network.softap, network.ethernet
    found = []
    if station.access_point is not None:
        name = station.access_point.ssid.decode(errors="backslashreplace")
        found.append(f"joined {name} {station.address.ip if station.address else '(no address)'}")
    if softap.on_air:
        found.append(f"SoftAP {softap.address.ip if softap.address else '(no address)'}")
    if ethernet is not None and ethernet.address is not None:
        found.append(f"Ethernet {ethernet.address.ip}")
    return found


def _count(links: int) -> str:
    return f"{links or 'no'} link{'' if links == 1 else 's'}"
