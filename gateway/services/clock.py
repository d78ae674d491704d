"""The time of day: the host's own clock, and whether the kernel vouches for it."""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Callable
from pathlib import Path

_log = logging.getLogger(__name__)

# <sys/timex.h>: the state and the flag that say "nobody sets this clock".
_TIME_ERROR = 5
_STA_UNSYNC = 0x0040
# `struct timex` up to its status: modes, offset, freq, maxerror, esterror, status.
_TIMEX_HEAD = "@I4li"

# systemd-timesyncd touches this file when it has set the clock (systemd-timesyncd.service(8)).
_TIMESYNCD_MARK = Path("/run/systemd/timesync/synchronized")

# A library polls the time in a loop; the kernel's answer changes once in a boot.
_KEPT_SECONDS = 1.0


def kernel_synchronised() -> bool:
    """Whether something disciplines the kernel's clock (adjtimex(2), read only).

    A service that may not ask the kernel (systemd's ProtectClock=) goes by the mark that
    systemd-timesyncd leaves.
    """
    # ctypes takes 10 ms to import: only once somebody asks for the time.
    import ctypes

    # With `modes` 0 it only reads. The buffer is larger than any architecture's structure.
    timex = ctypes.create_string_buffer(512)
    state = ctypes.CDLL(None).adjtimex(timex)
    if state < 0:
        return _TIMESYNCD_MARK.exists()
    status: int = struct.unpack_from(_TIMEX_HEAD, timex)[-1]
    return state != _TIME_ERROR and not status & _STA_UNSYNC


class _ClockOfHost:
    """What both clocks share: the host's time, and time servers that are only remembered."""

    def __init__(self, read_time: Callable[[], float] = time.time) -> None:
        self._read_time = read_time
        self._servers: tuple[str, ...] = ()

    @property
    def servers(self) -> tuple[str, ...]:
        """The time servers last asked for; () is the system's own choice."""
        return self._servers

    def unix_time(self) -> float:
        """Seconds since 1970-01-01 00:00 UTC."""
        return self._read_time()

    def use_servers(self, servers: tuple[str, ...]) -> None:
        """Remember the time servers. The host goes on asking its own."""
        self._servers = servers
        _log.debug("time servers: %s", ", ".join(servers) or "the system's own")


class SimulatedClock(_ClockOfHost):
    """A Clock that always knows the time: the host's, whoever set it."""

    @property
    def synchronised(self) -> bool:
        """True, always."""
        return True


class HostClock(_ClockOfHost):
    """A Clock that is synchronised when the kernel says so, asked at most once a second.

    `read_kernel`, `read_time` (seconds since 1970) and `monotonic` (seconds) stand in for
    the host in tests.
    """

    def __init__(
        self,
        read_kernel: Callable[[], bool] = kernel_synchronised,
        read_time: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(read_time)
        self._read_kernel = read_kernel
        self._monotonic = monotonic
        self._synchronised = False
        self._ask_again = float("-inf")

    @property
    def synchronised(self) -> bool:
        """Whether the kernel vouches for its clock, as it said at most 1 s ago."""
        now = self._monotonic()
        if now >= self._ask_again:
            self._synchronised = self._read_kernel()
            self._ask_again = now + _KEPT_SECONDS
        return self._synchronised
