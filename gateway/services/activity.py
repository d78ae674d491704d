"""The activity LED: it flickers while bytes go over the serial line, in either direction."""

from __future__ import annotations

import asyncio
from typing import Protocol

from gateway.services.api_line import Line, LineReceiver, UartSettings

FLASH_SECONDS = 0.05
DARK_SECONDS = 0.1
"""After a flash; so steady traffic flickers, some seven times a second."""


class Light(Protocol):
    """An LED."""

    def light(self, lit: bool) -> None:
        """Switch it. Never raises."""


class Activity:
    """Lights an LED for a moment when bytes come or go, however many they are."""

    def __init__(self, light: Light) -> None:
        self._light = light
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._more = False

    def notice(self) -> None:
        """Bytes went over the line."""
        if self._timer is None:
            self._flash()
        else:
            self._more = True

    def close(self) -> None:
        """Dark; no timer is left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._light.light(False)

    def _flash(self) -> None:
        self._more = False
        self._light.light(True)
        self._timer = self._loop.call_later(FLASH_SECONDS, self._darken)

    def _darken(self) -> None:
        self._light.light(False)
        self._timer = self._loop.call_later(DARK_SECONDS, self._rested)

    def _rested(self) -> None:
        self._timer = None
        if self._more:
            self._flash()


class WatchedLine:
    """A `Line` whose traffic an LED shows. Only there where an LED is: it costs two calls."""

    def __init__(self, line: Line, activity: Activity) -> None:
        self._line = line
        self._activity = activity
        # What has nothing to show goes straight through.
        self.pause_reading = line.pause_reading
        self.resume_reading = line.resume_reading
        self.drop_output = line.drop_output
        self.seconds = line.seconds
        self.probe = line.probe
        self.change = line.change

    @property
    def settings(self) -> UartSettings:
        """The settings in force."""
        return self._line.settings

    @property
    def buffered(self) -> int:
        """Bytes written that the driver has not yet taken."""
        return self._line.buffered

    def start(self, receiver: LineReceiver) -> None:
        """Give what comes to `receiver`, instead of whoever got it before."""
        self._line.start(_Watched(receiver, self._activity))

    def write(self, data: bytes) -> None:
        """Write all of `data`, in order, sooner or later. Never blocks, never raises."""
        self._activity.notice()
        self._line.write(data)

    async def close(self) -> None:
        """Close the device; the LED stays dark."""
        self._activity.close()
        await self._line.close()


class _Watched:
    """A receiver whose incoming bytes are noticed."""

    def __init__(self, receiver: LineReceiver, activity: Activity) -> None:
        self._receiver = receiver
        self._activity = activity
        self.opened = receiver.opened
        self.drained = receiver.drained
        self.lost = receiver.lost

    def data_received(self, data: bytes) -> None:
        """Bytes came, at least one."""
        self._activity.notice()
        self._receiver.data_received(data)
