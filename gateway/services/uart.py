"""The serial line: a real UART (pyserial configures it), or whatever `--uart` names.

pyserial opens and configures the device; its descriptor is then read and written by the
event loop. What the driver took is read back each time, because drivers leave out in silence
what they cannot do.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import stat
import termios
from typing import TYPE_CHECKING

from gateway.services import termios2
from gateway.services.api_line import Line, LineRefused, UartSettings
from gateway.services.descriptor_line import DescriptorLine, LineUnavailable
from gateway.services.device_advice import refuse_console, unavailable
from gateway.services.pseudo_terminal import PseudoTerminal
from gateway.services.raw_terminal import make_raw

if TYPE_CHECKING:
    from serial import Serial

__all__ = ["LineRefused", "LineUnavailable", "PseudoTerminal", "SerialLine", "open_line"]

PSEUDO_TERMINAL_PREFIX = "pty:"

# What pyserial and the drivers raise for settings that they do not like; SerialException is
# an OSError.
REFUSALS = (termios.error, OSError, ValueError, OverflowError)

# A chip that cannot tell when it has sent its last bit holds no more than this.
_FIFO_BYTES = 64
_DRAIN_GRACE_SECONDS = 1.0

_PARITY_NAMES = "NOE"
_STOP_BITS = {1: 1.0, 2: 1.5, 3: 2.0}

_logger = logging.getLogger("gateway.uart")


def open_line(uart: str, settings: UartSettings) -> Line:
    """The line that `--uart` names: a device, or `pty:PATH` for a new pseudo-terminal.

    Raises LineUnavailable (no such line, not allowed, busy) or LineRefused (the device is
    there and does not take `settings`).
    """
    if uart.startswith(PSEUDO_TERMINAL_PREFIX):
        return PseudoTerminal(uart.removeprefix(PSEUDO_TERMINAL_PREFIX), settings)
    return SerialLine(uart, settings)


class SerialLine(DescriptorLine):
    """A tty device, opened for us alone. Raises LineUnavailable or LineRefused.

    A pseudo-terminal's slave (`/dev/pts/N`) is a device too: it takes any settings, and
    ignores them.
    """

    def __init__(self, device: str, settings: UartSettings) -> None:
        self._device = device
        self._port: Serial | None = None
        if is_pseudo_terminal(device):
            descriptor = _open_slave(device)
        else:
            self._port = _open_port(device)
            descriptor = self._port.fileno()
        super().__init__(descriptor, UartSettings())
        try:
            self._configure(settings)
        except LineRefused:
            self._close_device()
            raise
        self._settings = settings

    def seconds(self, count: int) -> float:
        """How long `count` bytes are on the wire, start, parity and stop bits included."""
        if self._port is None:
            return 0.0
        now = self._settings
        bits = 1 + now.data_bits + (1 if now.parity else 0) + _STOP_BITS[now.stop_bits]
        return count * bits / now.baud

    async def probe(self, settings: UartSettings) -> None:
        """Try `settings`, read them back, return to the old ones. Raises LineRefused.

        Waits until what was written has left, as `change` does.
        """
        await self._drain(_DRAIN_GRACE_SECONDS)
        self._refuse_if_gone()
        if self._port is None:
            return
        before = termios2.read(self._descriptor)
        self._configure(settings)
        self._restore(before)

    async def change(self, settings: UartSettings) -> None:
        """Wait until what was written has left, then change. Raises LineRefused.

        Waits as long as these bytes are on the wire and a second more: an end that holds its
        CTS back does not hold the change back for ever.
        """
        await self._drain(_DRAIN_GRACE_SECONDS)
        self._refuse_if_gone()
        self._configure(settings)
        self._settings = settings

    async def close(self) -> None:
        """Let what was written leave, for at most a second, and close the device."""
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError):
            await self._drain(0.0)
        self._stop()
        self._close_device()

    def _close_device(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if self._port is None:
            os.close(descriptor)
            return
        # Closing a tty waits up to 30 s for bytes that flow control holds back (setserial(8),
        # closing_wait): there must not be any.
        with contextlib.suppress(termios.error):
            termios.tcflush(descriptor, termios.TCOFLUSH)
        self._port.close()

    def _configure(self, settings: UartSettings) -> None:
        """Put `settings` in force, or leave what was in force and raise LineRefused."""
        if self._port is None:
            return
        before: termios2.Termios2 | None = None
        try:
            before = termios2.read(self._descriptor)
            self._apply(self._port, settings)
            refusal = termios2.difference(termios2.read(self._descriptor), settings)
        except REFUSALS as error:
            refusal = str(error.args[-1])
        if refusal is not None:
            if before:
                self._restore(before)
            raise LineRefused(f"{self._device} refuses {settings}: {refusal}")

    def _apply(self, port: Serial, settings: UartSettings) -> None:
        port.apply_settings(
            {
                "baudrate": settings.baud,
                "bytesize": settings.data_bits,
                "parity": _PARITY_NAMES[settings.parity],
                "stopbits": _STOP_BITS[settings.stop_bits],
                "rtscts": settings.flow != 0,
            }
        )
        termios2.ignore_breaks(self._descriptor)

    def _restore(self, before: termios2.Termios2) -> None:
        """Back to `before`; pyserial has to forget as well what it was asked for."""
        if self._port:
            with contextlib.suppress(*REFUSALS):
                self._apply(self._port, self._settings)
        try:
            termios2.write(self._descriptor, before)
        except OSError as error:
            _logger.warning("%s does not take its old settings back: %s", self._device, error)

    def _refuse_if_gone(self) -> None:
        if not self._usable:
            raise LineRefused(f"{self._device} is gone")

    async def _drain(self, grace: float) -> None:
        """Wait until the last bit has left, at most as long as that takes and `grace` seconds.

        Asks the driver now and then. tcdrain in a thread would wait for ever where flow
        control holds the line, and the thread with it.
        """
        clock = asyncio.get_running_loop().time
        wire = self.seconds(self._pending())
        deadline = clock() + (wire + grace if grace else min(wire + 0.1, 1.0))
        # No driver tells when it is done, so it has to be asked.
        while (pending := self._pending()) and clock() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(min(max(self.seconds(pending), 0.001), 0.02))
        if pending:
            _logger.warning("%s: the other end holds %d bytes back", self._device, pending)
        elif self._usable and self._port and termios2.transmitter_empty(self._descriptor) is None:
            await asyncio.sleep(max(0.0, min(self.seconds(_FIFO_BYTES), deadline - clock())))

    def _pending(self) -> int:
        """Bytes that have not left yet; 1 for whatever the chip still holds."""
        if not self._usable:
            return 0
        if self._port is None:
            return len(self._buffer)
        try:
            pending = len(self._buffer) + termios2.unsent(self._descriptor)
        except OSError:
            return 0  # the device is gone, and reading tells
        if pending == 0 and termios2.transmitter_empty(self._descriptor) is False:
            return 1
        return pending


def is_pseudo_terminal(device: str) -> bool:
    """Whether `device` is a pseudo-terminal's slave (Linux: major numbers 136 to 143)."""
    try:
        status = os.stat(device)
    except OSError:
        return False
    return stat.S_ISCHR(status.st_mode) and 136 <= os.major(status.st_rdev) <= 143


def _open_slave(device: str) -> int:
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        raise unavailable(device, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        make_raw(descriptor)
    except (OSError, termios.error) as error:
        os.close(descriptor)
        raise unavailable(device, error) from error
    return descriptor


def _open_port(device: str) -> Serial:
    import serial  # 20 ms, and a pseudo-terminal does without

    try:
        if not stat.S_ISCHR(os.stat(device).st_mode):
            raise ValueError("not a device")
        refuse_console(device)
        # An inter-byte time of 0 sets VMIN to 1: an empty read then means a hang-up.
        return serial.Serial(
            device, UartSettings().baud, timeout=0, inter_byte_timeout=0, exclusive=True
        )
    except REFUSALS as error:
        raise unavailable(device, error) from error
