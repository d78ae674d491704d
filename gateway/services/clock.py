"""The time of day: the host's own clock, and whether anybody vouches for it."""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from gateway.services.backoff import MOST_SENTENCES
from gateway.services.timesync import (
    END_SECONDS,
    SWITCH_ON,
    NetworkTime,
    TimeBusError,
    TimeServers,
    ask_network_time,
)
from gateway.services.timesync_bus import open_time_bus

logger = logging.getLogger("gateway.time")

# <sys/timex.h>: the state and the flag that say "nobody sets this clock".
_TIME_ERROR = 5
_STA_UNSYNC = 0x0040
# `struct timex` up to its status: modes, offset, freq, maxerror, esterror, status.
_TIMEX_HEAD = "@I4li"

TIMESYNCD_MARK = Path("/run/systemd/timesync/synchronized")
"""systemd-timesyncd touches it when it has set the clock (systemd-timesyncd.service(8))."""

# A library polls the time in a loop; the kernel's answer changes once in a boot.
_KEPT_SECONDS = 1.0
# systemd-timedated is a process that is started for the question.
_HEARD_SECONDS = 10.0

NOT_YET = (
    "the time is not known yet, and no certificate can be checked: network time is on and has "
    "not set the clock so far; `timedatectl timesync-status` tells why"
)


AsksTimedated = Callable[[bool], Awaitable[NetworkTime]]
"""Asks systemd-timedated, in a hurry if True. Raises TimeBusError."""


class UsesServers(Protocol):
    """What keeps the time servers that were asked for; `timesync.TimeServers`."""

    def use(self, servers: tuple[str, ...]) -> None:
        """Ask these from now on, () none."""

    async def close(self) -> None:
        """Take them back."""


def kernel_synchronised() -> bool | None:
    """Whether something disciplines the kernel's clock (adjtimex(2), read only).

    None for a service that may not ask (systemd's ProtectClock=).
    """
    # ctypes takes 10 ms to import: only once somebody asks for the time.
    import ctypes

    # With `modes` 0 it only reads. The buffer is larger than any architecture's structure.
    timex = ctypes.create_string_buffer(512)
    state = ctypes.CDLL(None).adjtimex(timex)
    if state < 0:
        return None
    status: int = struct.unpack_from(_TIMEX_HEAD, timex)[-1]
    return state != _TIME_ERROR and not status & _STA_UNSYNC


def host_clock(state_dir: Path) -> HostClock:
    """The clock of this machine; what it sends to timesyncd is recorded in `state_dir`."""
    return HostClock(
        servers=TimeServers(open_time_bus, state_dir, END_SECONDS),
        ask_timedated=lambda hurry: ask_network_time(open_time_bus, hurry=hurry),
    )


class _ClockOfHost:
    """What both clocks share: the host's time, and time servers that are remembered."""

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
        """Remember the time servers."""
        self._servers = servers


class SimulatedClock(_ClockOfHost):
    """A Clock that always knows the time: the host's, whoever set it."""

    @property
    def synchronised(self) -> bool:
        """True, always."""
        return True

    async def doubt(self) -> str | None:
        """None, always."""
        return None

    async def close(self) -> None:
        """Nothing is held."""


class HostClock(_ClockOfHost):
    """A Clock that is synchronised when the kernel says so, asked at most once a second.

    Where the kernel may not be asked, timesyncd's mark tells, and where there is none
    systemd-timedated, in the background. `read_kernel`, `mark`, `ask_timedated`, `read_time`
    (seconds since 1970) and `monotonic` (seconds) stand in for the host in tests.
    """

    def __init__(
        self,
        read_kernel: Callable[[], bool | None] = kernel_synchronised,
        read_time: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        mark: Path = TIMESYNCD_MARK,
        servers: UsesServers | None = None,
        ask_timedated: AsksTimedated | None = None,
    ) -> None:
        super().__init__(read_time)
        self._read_kernel = read_kernel
        self._monotonic = monotonic
        self._mark = mark
        self._time_servers = servers
        self._ask_timedated = ask_timedated
        self._synchronised = self._ever_synchronised = False
        self._ask_again = self._inquire_again = float("-inf")
        self._heard = False
        self._inquiry: asyncio.Task[None] | None = None
        self._said = deque[str](maxlen=MOST_SENTENCES)

    @property
    def synchronised(self) -> bool:
        """Whether the operating system vouches for its clock, as it said at most 1 s ago.

        Never waits. Where only systemd-timedated can tell, its answer shows at a later look.
        """
        now = self._monotonic()
        if now >= self._ask_again:
            kernel = self._read_kernel()
            self._synchronised = self._without_kernel(now) if kernel is None else kernel
            self._ever_synchronised |= self._synchronised
            self._ask_again = now + _KEPT_SECONDS
        return self._synchronised

    def use_servers(self, servers: tuple[str, ...]) -> None:
        """Have systemd-timesyncd ask these, in the background; () is its own choice."""
        super().use_servers(servers)
        if self._time_servers is not None:
            self._time_servers.use(servers)

    async def doubt(self) -> str | None:
        """Why the clock is no measure for a certificate's dates, None if it is one.

        A clock that was once set in this boot goes on being right. Where nobody ever sets it,
        it is the owner's, by hand or by a clock chip, and counts; the log says so once.
        """
        if self.synchronised or self._ever_synchronised or self._mark.exists():
            return None
        if self._ask_timedated is None:
            return None
        try:
            network_time = await self._ask_timedated(True)
        except TimeBusError as error:
            if error.late:
                return f"whether the time is known cannot be told: {error}"
            self._warn(
                f"nobody can tell whether this machine's clock is right ({error}); the dates of "
                "certificates are checked by it as it is"
            )
            return None
        if network_time.synchronised:
            self._ever_synchronised = True
        elif network_time.switched_on:
            return NOT_YET
        else:
            self._warn(
                "nobody sets this machine's clock, network time is off; the dates of certificates "
                f"are checked by the clock as it is. {SWITCH_ON} turns network time on"
            )
        return None

    async def close(self) -> None:
        """Take the time servers back; no task and no descriptor is left."""
        if self._inquiry is not None:
            self._inquiry.cancel()
            await asyncio.wait({self._inquiry})
        if self._time_servers is not None:
            await self._time_servers.close()

    def _without_kernel(self, now: float) -> bool:
        if self._mark.exists():
            return True
        if now >= self._inquire_again and self._ask_timedated is not None:
            self._inquire_again = now + _HEARD_SECONDS
            self._inquiry = asyncio.ensure_future(self._inquire(self._ask_timedated))
        return self._heard

    async def _inquire(self, ask: AsksTimedated) -> None:
        try:
            self._heard = (await ask(False)).synchronised
        except TimeBusError as error:
            self._heard = False
            logger.debug("%s", error)

    def _warn(self, sentence: str) -> None:
        """Once."""
        if sentence not in self._said:
            self._said.append(sentence)
            logger.warning("%s", sentence)
