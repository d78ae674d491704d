"""`esp-at-gateway monitor`: shows the conversation of a running service as it goes."""

from gateway.monitor.program import run

__all__ = ["run"]
