"""The part that every serial line shares: bytes between a descriptor and the event loop.

The loop watches the non-blocking descriptor itself. Nothing stands between `os.read` and the
receiver, nor between `write` and `os.write`: this is the way of every byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios

from gateway.services.api_line import LineReceiver, UartSettings

# One read takes what a tty can have waiting (its line discipline holds 4 KiB).
READ_SIZE = 4096


class LineUnavailable(Exception):
    """The line cannot be opened. The message is one sentence that says what to do next."""


class LineMissing(LineUnavailable):
    """There is no such device; it may yet come."""


class LineForbidden(LineUnavailable):
    """This process may not open it."""


class LineOfKernel(LineUnavailable):
    """The kernel's console: not to be had before a reboot."""


class DescriptorLine:
    """Reads and writes one non-blocking descriptor on the event loop; base of the lines.

    Takes over `descriptor` (the subclass closes it) and remembers `settings`.
    """

    def __init__(self, descriptor: int, settings: UartSettings) -> None:
        self._descriptor = descriptor
        self._settings = settings
        self._buffer = bytearray()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._receiver: LineReceiver | None = None
        self._reading = False
        self._paused = False
        self._usable = True
        # whether anybody takes what is written; what nobody takes is dropped, as on a wire
        self._heard = True
        self._cause: Exception | None = None

    @property
    def settings(self) -> UartSettings:
        """The settings in force."""
        return self._settings

    @property
    def buffered(self) -> int:
        """Bytes written that the driver has not yet taken."""
        return len(self._buffer)

    def start(self, receiver: LineReceiver) -> None:
        """Give what comes to `receiver`, instead of whoever got it before.

        Needs a running loop. Reading is on, even if the receiver before had paused it. Where
        the device is lost already, the one before may not have listened: it is told again.
        """
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        if self._cause is not None:
            self._loop.call_soon(self._lose, self._cause)
            return
        self.resume_reading()
        if self._buffer:
            self._watch_output()

    def write(self, data: bytes) -> None:
        """Write all of `data`, in order, sooner or later. Never blocks, never raises.

        Where nobody hears it, it is dropped.
        """
        if not self._heard:
            return
        buffer = self._buffer
        if buffer:
            buffer += data
            return
        try:
            sent = os.write(self._descriptor, data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._lose_soon(error)
            return
        if sent < len(data):
            buffer += memoryview(data)[sent:]
            self._watch_output()

    def drop_output(self) -> None:
        """Throw away what was written and has not left yet."""
        if self._usable:
            self._empty_driver()
        if self._buffer:
            self._buffer.clear()
            self._output_empty()

    def pause_reading(self) -> None:
        """Read no more, so that the driver's own flow control holds the other end back."""
        self._paused = True
        self._unwatch_input()

    def resume_reading(self) -> None:
        """Read again."""
        self._paused = False
        self._watch_input()

    def _watch_input(self) -> None:
        if self._loop and self._usable and not self._paused and not self._reading:
            self._loop.add_reader(self._descriptor, self._readable)
            self._reading = True

    def _unwatch_input(self) -> None:
        if self._reading and self._loop:
            self._loop.remove_reader(self._descriptor)
            self._reading = False

    def _watch_output(self) -> None:
        if self._loop:
            self._loop.add_writer(self._descriptor, self._writable)

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._read_failed(error)
            return
        if data:
            self._deliver(data)
        else:
            self._read_failed(OSError("the device hung up"))

    def _writable(self) -> None:
        buffer = self._buffer
        try:
            sent = os.write(self._descriptor, buffer)
        except (BlockingIOError, InterruptedError):
            self._write_stalled()
            return
        except OSError as error:
            self._lose(error)
            return
        del buffer[:sent]
        if not buffer:
            self._output_empty()

    def _deliver(self, data: bytes) -> None:
        if self._receiver:
            self._receiver.data_received(data)

    def _read_failed(self, error: Exception) -> None:
        self._lose(error)

    def _empty_driver(self) -> None:
        """Throw away what the driver has taken and not sent; a lost device tells elsewhere."""
        with contextlib.suppress(termios.error):
            termios.tcflush(self._descriptor, termios.TCOFLUSH)

    def _write_stalled(self) -> None:
        """The driver was ready and took nothing; a pseudo-terminal wants to know why."""

    def _output_empty(self) -> None:
        """Nothing more is buffered: watch no more, and tell whoever waits for it."""
        if self._loop:
            self._loop.remove_writer(self._descriptor)
        if self._receiver:
            self._receiver.drained()

    def _lose_soon(self, error: Exception) -> None:
        # The caller is in the middle of writing and must not be called back from within.
        self._usable = self._heard = False
        if self._loop:
            self._loop.call_soon(self._lose, error)

    def _lose(self, error: Exception) -> None:
        receiver = self._receiver
        self._cause = error
        self._stop()
        if receiver:
            receiver.lost(error)

    def _stop(self) -> None:
        """For good: nothing is watched, kept or told any more. The descriptor stays open."""
        self._usable = self._heard = False
        self._unwatch_input()
        if self._loop:
            self._loop.remove_writer(self._descriptor)
        self._buffer.clear()
        self._receiver = None
