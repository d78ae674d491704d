"""What the station's tests share: its addresses, and the pair that asks for one."""

from __future__ import annotations

from tests.commands.dialog import Pair

HARDWARE_MAC = "02:a7:0d:5e:00:10"
LEASED = ("192.168.100.18", "192.168.100.1", "255.255.255.0")
NOWHERE = ("0.0.0.0",) * 3


def addresses(name: str, address: tuple[str, ...]) -> Pair:
    """The pair that asks for an address, gateway and mask."""
    rows = zip(("ip", "gateway", "netmask"), address, strict=True)
    text = "".join(f'+{name}:{field}:"{value}"⏎' for field, value in rows)
    return f"AT+{name}?", f"{text}⏎OK⏎"
