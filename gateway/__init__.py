"""esp-at-gateway: a Raspberry Pi that answers AT commands as an ESP-01 would."""

__version__ = "0.2.0"
__date__ = "2026-11-22"
