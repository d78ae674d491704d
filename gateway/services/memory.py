"""How much memory the service can still have, for `AT+SYSRAM?` (contract, section 2)."""

from __future__ import annotations

from pathlib import Path

from gateway.services.api import ServiceError


class AvailableMemory:
    """Bytes that could be allocated without swapping, as the kernel estimates them."""

    def __init__(self) -> None:
        self._least: int | None = None

    def __call__(self) -> tuple[int, int]:
        """What is available now, and the least that was found so far. Raises ServiceError."""
        now = _available()
        self._least = now if self._least is None else min(self._least, now)
        return now, self._least


def _available() -> int:
    try:
        table = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError as error:
        raise ServiceError(f"/proc/meminfo cannot be read: {error.strerror}") from None
    for row in table.splitlines():
        if row.startswith("MemAvailable:"):
            return int(row.split()[1]) * 1024
    return 0
