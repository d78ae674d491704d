"""A systemd-timesyncd and a systemd-timedated on a private bus, which say what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final

import sdbus
from sdbus.sd_bus_internals import SdBusInterface, SdBusMessage

from gateway.services.network.bus_loop import BusLoop
from gateway.services.timesync_bus import (
    TIMEDATE,
    TIMEDATE_PATH,
    TIMESYNC,
    TIMESYNC_MANAGER,
    TIMESYNC_PATH,
)

HANGS_AFTER: Final = 10.0  # seconds


class News(logging.Handler):
    """Lets a test wait for what is logged or done. Collects what is logged from INFO on."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[tuple[int, str]] = []
        self._event = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """A line of the log."""
        self.lines.append((record.levelno, record.getMessage()))
        self.tell()

    def tell(self) -> None:
        """Something was done."""
        self._event.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what is told makes `condition` true."""
        async with asyncio.timeout(HANGS_AFTER):
            while not condition():
                await self._event.wait()
                self._event.clear()

    def __enter__(self) -> News:
        logger = logging.getLogger("gateway.time")
        logger.setLevel(logging.INFO)
        logger.addHandler(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        logging.getLogger("gateway.time").removeHandler(self)
        logging.getLogger("gateway.time").setLevel(logging.NOTSET)


@dataclass
class TimeSyncDaemon:
    """systemd-timesyncd. `answer` is an error's name and text, or "never"; None does it."""

    news: News
    runtime_servers: list[str] = field(default_factory=list)
    answer: tuple[str, str] | str | None = None
    asked: list[list[str]] = field(default_factory=list)

    async def appear(self) -> None:
        """Run, with no memory of an earlier run."""
        self.runtime_servers = []
        self._bus = sdbus.sd_bus_open_system()
        self._loop = BusLoop(self._bus, lambda: None)
        self._exported = SdBusInterface()
        flags = sdbus.DbusUnprivilegedFlag
        self._exported.add_method("SetRuntimeNTPServers", "as", [], "", [], flags, self._set)
        self._exported.add_property("RuntimeNTPServers", "as", self._show, None, 0)
        self._bus.add_interface(self._exported, TIMESYNC_PATH, TIMESYNC_MANAGER)
        await self._bus.request_name_async(TIMESYNC, 0)

    def vanish(self) -> None:
        """Be gone."""
        if self._exported.slot is not None:
            self._exported.slot.close()
        self._loop.close()
        self._bus.close()
        del self._bus, self._loop, self._exported

    def _show(self, message: SdBusMessage) -> None:
        message.append_data("as", self.runtime_servers)

    async def _set(self, message: SdBusMessage) -> None:
        with contextlib.suppress(sdbus.SdBusLibraryError):  # it vanished meanwhile
            self._answer(message)
        self.news.tell()

    def _answer(self, message: SdBusMessage) -> None:
        (servers,) = message.parse_to_tuple()
        self.asked.append(servers)
        if self.answer == "never":
            return
        if isinstance(self.answer, tuple):
            message.create_error_reply(*self.answer).send()
            return
        self.runtime_servers = servers
        message.create_reply().send()


@dataclass
class TimeDateDaemon:
    """systemd-timedated."""

    switched_on: bool = False
    synchronised: bool = False

    async def appear(self) -> None:
        """Run."""
        self._bus = sdbus.sd_bus_open_system()
        self._loop = BusLoop(self._bus, lambda: None)
        self._exported = SdBusInterface()
        for name, kept in (("NTP", "switched_on"), ("NTPSynchronized", "synchronised")):
            self._exported.add_property(name, "b", self._showing(kept), None, 0)
        self._bus.add_interface(self._exported, TIMEDATE_PATH, TIMEDATE)
        await self._bus.request_name_async(TIMEDATE, 0)

    def vanish(self) -> None:
        """Be gone."""
        if self._exported.slot is not None:
            self._exported.slot.close()
        self._loop.close()
        self._bus.close()
        del self._bus, self._loop, self._exported

    def _showing(self, kept: str) -> Callable[[SdBusMessage], None]:
        return lambda message: message.append_data("b", getattr(self, kept))
