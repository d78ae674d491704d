"""The AT prompt on a serial line: `esp-at-gateway console`."""

from gateway.console.program import run

__all__ = ["run"]
