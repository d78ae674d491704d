"""A serial line for the console: pyserial opens it, one thread reads it."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable

from gateway.console.conversation import Conversation

IDLE = 0.1
"""Seconds of silence after which the beginning of a line is shown as it is."""

DEFAULT_BAUD = 115200


class Port:
    """A serial device, or a pseudo-terminal, open for this program alone (an advisory lock).

    Raises OSError (pyserial's own SerialException is one) and ValueError for a device or a
    baud rate that cannot be had.
    """

    def __init__(self, path: str, baud: int | None = None) -> None:
        import serial

        self._serial = serial.Serial(
            path, baud or DEFAULT_BAUD, timeout=0, write_timeout=5, exclusive=True
        )
        self._wake = os.eventfd(0)

    def set_baud(self, baud: int) -> None:
        """Speak at another rate. Raises OSError or ValueError for one that cannot be had."""
        self._serial.baudrate = baud

    def read(self, timeout: float | None) -> bytes:
        """Bytes that came, b"" after `timeout` seconds or `wake`. Raises OSError when gone."""
        descriptor = self._serial.fileno()
        ready, _, _ = select.select([descriptor, self._wake], [], [], timeout)
        if descriptor not in ready:
            return b""
        data = os.read(descriptor, 4096)
        if not data:
            raise OSError("the device has gone")
        return data

    def write(self, data: bytes) -> None:
        """Write all of `data`. Raises OSError when the device is gone or takes nothing for 5 s."""
        self._serial.write(data)

    def wake(self) -> None:
        """End a `read` that is waiting."""
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Close the device."""
        self._serial.close()
        os.close(self._wake)


class Talk:
    """A conversation over a port. `show` gets the text that came, in the reader's thread.

    `lost` is called, in that thread too, when the device goes away or `show` has nobody to
    write to any more; `cause` tells why.
    """

    def __init__(
        self,
        port: Port,
        conversation: Conversation,
        show: Callable[[str], None],
        lost: Callable[[], None],
    ) -> None:
        self.port = port
        self.conversation = conversation
        self.cause: OSError | None = None
        self._show = show
        self._lost = lost
        self._changed = threading.Condition()
        self._ending = False
        self._reader = threading.Thread(target=self._read, name="console reader", daemon=True)
        self._reader.start()

    def send(self, line: str) -> bytes:
        """Send a typed line and give the bytes that were sent. Raises OSError."""
        with self._changed:
            data = self.conversation.send(line)
        self.port.write(data)
        return data

    def wait(self, condition: Callable[[Conversation], bool], seconds: float) -> bool:
        """Wait until `condition` holds; False when it does not in time or the device goes."""
        with self._changed:
            self._changed.wait_for(
                lambda: condition(self.conversation) or self.cause is not None, seconds
            )
            return condition(self.conversation)

    def close(self) -> None:
        """End the reader's thread and close the port."""
        self._ending = True
        self.port.wake()
        self._reader.join()
        self.port.close()

    def _read(self) -> None:
        try:
            while not self._ending:
                self._pass_on(self.port.read(IDLE if self.conversation.incomplete else None))
        except OSError as error:
            with self._changed:
                self.cause = error
                self._changed.notify_all()
            self._lost()

    def _pass_on(self, data: bytes) -> None:
        with self._changed:
            conversation = self.conversation
            text = conversation.receive(data) if data else conversation.settle()
            if text:
                self._show(text)
            self._changed.notify_all()
