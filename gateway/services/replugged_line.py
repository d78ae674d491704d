"""A serial device that goes and comes back, as a USB adapter does: waited for, opened again.

What is there again is not always to be had at once: udev gives a new device to its group only
after it has made it, and a program that looks for modems may have it first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from types import TracebackType
from typing import Self

from gateway.services.api_line import Line, LineRefused, UartSettings
from gateway.services.backoff import Backoff
from gateway.services.descriptor_line import (
    LineForbidden,
    LineMissing,
    LineOfKernel,
    LineUnavailable,
)
from gateway.services.inotify import ArrivalWatch
from gateway.services.uart import PSEUDO_TERMINAL_PREFIX, is_pseudo_terminal, open_line
from gateway.services.waiting import readiness

_TERMINALS = "/dev/pts/"

PATIENCE_SECONDS = 5.0
"""What stands in the way of opening for longer than that is told, or ends the waiting."""
STEADY_SECONDS = 10.0
"""A device that was there for less is one that comes and goes: it is waited for longer."""

_FIRST_PAUSE = 0.1
_LAST_PAUSE = 5.0
_FIRST_REST = 0.5
# Between two looks, however much happens in the device's folder; udev needs a moment as well.
_SETTLING_SECONDS = 0.1

_logger = logging.getLogger("gateway.uart")


class Plug:
    """Opens the line that `--uart` names, and waits for one that is not there."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.status = f"waiting for {device}"
        """While it waits: for what, in a few words."""
        self._identity: tuple[int, ...] = ()
        self._opened_at = 0.0
        self._rest = 0.0
        self._rests = Backoff(_FIRST_REST, _LAST_PAUSE)
        self._obstacle: type[Exception] | None = None
        self._since = 0.0
        self._is_told = False

    @property
    def may_return(self) -> bool:
        """Whether a lost line of this name is worth waiting for.

        A pseudo-terminal of our own is never unplugged. And who has a number below /dev/pts
        next is somebody else: waiting would take his terminal away from him.
        """
        return not self.device.startswith((PSEUDO_TERMINAL_PREFIX, _TERMINALS))

    def open(self, settings: UartSettings) -> Line:
        """The line at `settings`, or at 115200 8N1 where the device refuses those.

        Raises LineUnavailable, or LineRefused where it takes neither. Needs a running loop.
        """
        line = _opened(self.device, settings)
        self._identity = _identity(self.device)
        self._opened_at = asyncio.get_running_loop().time()
        return line

    def lost(self) -> None:
        """The line, which is closed by now, was lost: say so once."""
        _logger.warning(
            "%s is gone (unplugged?): links and servers are closed; waiting until it is back",
            self.device,
        )
        self._obstacle, self._is_told = LineMissing, True
        self.status = f"waiting for {self.device}"
        if asyncio.get_running_loop().time() - self._opened_at < STEADY_SECONDS:
            self._rest = self._rests.next()
        else:
            self._rests.restart()
            self._rest = 0.0

    async def reopened(self, settings: UartSettings) -> Line:
        """The line, once the device is there and can be opened; see `open`.

        It is looked for when something happens in its folder, and now and then. Raises
        LineUnavailable where waiting is of no use: it is the kernel's console, or this
        process may not open it, since its rights were given to it at its start.
        """
        await asyncio.sleep(self._rest)
        pauses = Backoff(_FIRST_PAUSE, _LAST_PAUSE)
        with _Arrivals(self.device) as arrivals:
            while True:
                arrivals.arm()
                try:
                    line = self._opened_anew(settings)
                except LineOfKernel:
                    raise
                except (LineUnavailable, LineRefused) as error:
                    if self._is_new(error):
                        pauses.restart()
                    self._judge(error)
                else:
                    _logger.info("%s is there", self.device)
                    self._obstacle = None
                    return line
                await arrivals.within(pauses.next())

    def _opened_anew(self, settings: UartSettings) -> Line:
        if is_pseudo_terminal(self.device) and self._identity == _identity(self.device):
            # Where the symlink led, somebody else's terminal may be by now.
            raise LineMissing(f"{self.device} leads where it did: make it anew")
        return self.open(settings)

    def _is_new(self, obstacle: Exception) -> bool:
        """Whether something else stands in the way than before."""
        if type(obstacle) is self._obstacle:
            return False
        self._obstacle, self._is_told = type(obstacle), False
        self._since = asyncio.get_running_loop().time()
        return True

    def _judge(self, obstacle: Exception) -> None:
        """Tell what has lasted; raise it where it will not pass."""
        is_missing = isinstance(obstacle, LineMissing)
        self.status = f"waiting for {self.device}" + ("" if is_missing else f": {obstacle}")
        if self._is_told or asyncio.get_running_loop().time() - self._since < PATIENCE_SECONDS:
            return
        if isinstance(obstacle, LineForbidden):
            raise obstacle
        self._is_told = True
        _logger.warning("%s; waiting until it can be opened", obstacle)


class _Arrivals:
    """What happens in the folders in which a path begins to exist."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._watch: ArrivalWatch | None = None
        with contextlib.suppress(OSError):  # then the time alone has to do
            self._watch = ArrivalWatch()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._watch is not None:
            self._watch.close()

    def arm(self) -> None:
        """What happens from now on counts."""
        if self._watch is None:
            return
        self._watch.forget()
        # A symlink that leads nowhere yet may be made anew, or what it leads to may come.
        for path in (self._path, os.path.realpath(self._path)):
            with contextlib.suppress(OSError):  # it has just gone, or it cannot be watched
                self._watch.add_folder(_nearest_folder(path))

    async def within(self, seconds: float) -> None:
        """Wait until something has happened since `arm`, at most so long."""
        if self._watch is None:
            await asyncio.sleep(seconds)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await readiness(self._watch.descriptor, for_writing=False)
        await asyncio.sleep(_SETTLING_SECONDS)


def _opened(device: str, settings: UartSettings) -> Line:
    try:
        return open_line(device, settings)
    except LineRefused as refusal:
        line = open_line(device, UartSettings())
        _logger.error("the stored UART settings are refused (%s); using 115200 8N1", refusal)
        return line


def _identity(path: str) -> tuple[int, ...]:
    """What tells a file, or a symlink, from another that takes its place; empty for none."""
    try:
        status = os.lstat(path)
    except OSError:
        return ()
    return (status.st_dev, status.st_ino, status.st_ctime_ns)


def _nearest_folder(path: str) -> str:
    """The folder of `path`, or of those above it the first that exists."""
    folder = os.path.dirname(os.path.abspath(path))
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder
