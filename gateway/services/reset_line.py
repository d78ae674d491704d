"""RST and CH_PD: the pins by which the microcontroller holds the module in reset, low.

An edge, whichever it is, means that the line has been low: some of gpiozero's factories read
the level only after the edge, when a short pulse is over. So an edge is a reset, and the level
is looked at once the line is quiet, to find out whether the reset is over too. Edges that come
before that belong to the same reset, a bouncing button's for one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from gateway.services.api import Network, Wanted
from gateway.services.api_line import Line, LineLost

logger = logging.getLogger("gateway.pins")

QUIET_SECONDS = 0.05
"""A reset is over when all its pins are high and had no edge for so long; an ESP-01 takes more."""
LOOK_AGAIN_SECONDS = 0.25
"""While a pin is low it is read so often: an edge can be lost in a burst of them."""
OFF_SECONDS = 1.0
"""Held for so long the module counts as switched off: it leaves the network."""


class ResetInput(Protocol):
    """An input of the module, low in reset."""

    @property
    def name(self) -> str:
        """What the log calls it: `GPIO17 (RST)`."""

    @property
    def told_low(self) -> bool:
        """The level that its last edge told."""

    def is_low(self) -> bool:
        """Its level now. Never blocks, never raises."""

    def listen(self, edge: Callable[[], None]) -> None:
        """Call `edge` at each edge from now on, on whatever thread."""


class ResetLine:
    """All reset inputs together: one that is low holds the module in reset.

    Needs a running loop.
    """

    def __init__(self, inputs: Sequence[ResetInput]) -> None:
        self._inputs = tuple(inputs)
        self._loop = asyncio.get_running_loop()
        self._on_reset: Callable[[], None] | None = None
        self._released = asyncio.Event()
        self._released.set()
        self._quiet_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._edge_is_told = False
        self._by = ""
        self._waits_for_edge = False
        self._closed = False
        for one in self._inputs:
            one.listen(partial(self._edge_on_any_thread, one.name))
        self._by = self.holders
        if self._by:
            self._edge()

    @property
    def in_reset(self) -> bool:
        """Whether a reset has begun and is not over."""
        return not self._released.is_set()

    @property
    def holders(self) -> str:
        """The names of the pins that are low now; empty where none is."""
        return ", ".join(one.name for one in self._inputs if one.is_low())

    def listen(self, on_reset: Callable[[], None] | None) -> None:
        """Call `on_reset` at the begin of each reset from now on; None calls nobody."""
        self._on_reset = on_reset

    async def released(self) -> None:
        """Wait until no reset is under way."""
        await self._released.wait()

    def close(self) -> None:
        """No timer is left, and no edge counts any more."""
        self._closed = True
        self._on_reset = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _edge_on_any_thread(self, name: str) -> None:
        # One callback under way is enough: a pin that toggles for ever must not fill the loop.
        if not self._edge_is_told:
            self._edge_is_told = True
            self._by = name
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._edge)

    def _edge(self) -> None:
        self._edge_is_told = self._waits_for_edge = False
        if self._closed:
            return
        self._quiet_at = self._loop.time() + QUIET_SECONDS
        if not self.in_reset:
            logger.info("reset by %s", self._by)
            self._released.clear()
            if self._on_reset is not None:
                self._on_reset()
        self._look_at(self._quiet_at)

    def _look_at(self, moment: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= moment:
                return  # it comes sooner, and sees then that it is too early
            self._timer.cancel()
        self._timer = self._loop.call_at(moment, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._loop.time() < self._quiet_at:
            self._look_at(self._quiet_at)
        elif any(one.is_low() for one in self._inputs):
            self._look_at(self._loop.time() + LOOK_AGAIN_SECONDS)
        elif any(one.told_low for one in self._inputs) and not self._waits_for_edge:
            # High, and its rising edge is still to be told: it would be one more reset.
            self._waits_for_edge = True
            self._look_at(self._loop.time() + LOOK_AGAIN_SECONDS)
        else:
            self._released.set()


async def out_of_reset(reset: ResetLine, line: Line, network: Network) -> None:
    """Return once no reset is under way; nothing is answered until then.

    A module that is held for long leaves the network, and its owner's comes back. Raises
    LineLost where the line is lost meanwhile.
    """
    if not reset.in_reset:
        return
    deaf = _Deaf()
    line.start(deaf)
    over = asyncio.ensure_future(_released(reset, network))
    try:
        both: set[asyncio.Future[Any]] = {over, deaf.is_lost}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if deaf.is_lost.done():
            cause = deaf.is_lost.result()
            raise LineLost(cause) from cause
    finally:
        over.cancel()
        await asyncio.wait({over})
        network.end()


async def _released(reset: ResetLine, network: Network) -> None:
    try:
        async with asyncio.timeout(OFF_SECONDS):
            await reset.released()
    except TimeoutError:
        logger.info("held in reset by %s: nothing is answered", reset.holders or "its pins")
        switch_off(network)
        await reset.released()


def switch_off(network: Network) -> None:
    """Leave the network, as a module without power; `end` it before the next session."""
    # As after the factory: no access point of ours, and the owner's where he has one.
    network.begin(_Silent(), Wanted(), None)


class _Deaf:
    """Reads a line and throws away what comes."""

    def __init__(self) -> None:
        self.is_lost: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Nobody hears it."""

    def opened(self) -> None:
        """Nobody answers."""

    def drained(self) -> None:
        """Nobody waits for it."""

    def lost(self, cause: Exception) -> None:
        """The device is gone: that ends the waiting."""
        if not self.is_lost.done():
            self.is_lost.set_result(cause)


class _Silent:
    """Hears of the network and tells nobody; what holds is told anew after the reset."""

    def station_connected(self) -> None:
        """Told to nobody."""

    def station_got_address(self) -> None:
        """Told to nobody."""

    def station_lost(self) -> None:
        """Told to nobody."""

    def ethernet_connected(self) -> None:
        """Told to nobody."""

    def ethernet_got_address(self, ip: str) -> None:
        """Told to nobody."""

    def ethernet_lost(self) -> None:
        """Told to nobody."""
