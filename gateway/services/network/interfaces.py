"""Which of the host's interfaces are the gateway's."""

from __future__ import annotations

from gateway.records import Record


class NetworkInterfaces(Record):
    """The kernel's names; `softap` is a second one on the station's radio, if there is one."""

    station: str = "wlan0"
    ethernet: str = "eth0"
    softap: str = "ap0"
