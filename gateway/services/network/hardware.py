"""What the kernel says of an interface, for as long as NetworkManager says nothing."""

from __future__ import annotations

from pathlib import Path

_INTERFACES = Path("/sys/class/net")
_NO_ADDRESS = "00:00:00:00:00:00"


def exists(interface: str) -> bool:
    """Whether the kernel has an interface of that name."""
    return (_INTERFACES / interface).exists()


def hardware_address(interface: str) -> str:
    """Its MAC address, lower case with colons; all zeros if there is no such interface."""
    try:
        return (_INTERFACES / interface / "address").read_text("ascii").strip().lower()
    except (OSError, ValueError):
        return _NO_ADDRESS
