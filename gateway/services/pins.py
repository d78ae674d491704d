"""The ESP-01's other pins on the Pi's header, through gpiozero.

Nothing of gpiozero is imported unless a pin is configured: it takes 70 ms and 8 MiB. Without
it, or without pins to be had, the service does without, and one line of the log says why.
"""

from __future__ import annotations

import asyncio
import logging
import os
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from gateway.config import GpioOptions
from gateway.records import Record

if TYPE_CHECKING:
    from gpiozero import InputDevice, OutputDevice

T = TypeVar("T")

logger = logging.getLogger("gateway.pins")


class InputPin:
    """An input with its pull-up on, so that a wire that is not there is high.

    Satisfies ResetInput.
    """

    def __init__(self, number: int, function: str) -> None:
        from gpiozero import InputDevice

        self.name = f"GPIO{number} ({function})"
        self.told_low = False
        self._edge: Callable[[], None] | None = None
        self._device: InputDevice = InputDevice(number, pull_up=True)
        try:
            # Not when_activated, which compares levels: where the level is read after the
            # edge, it says nothing of a short pulse. gpiozero keeps the method weakly.
            self._device.pin.when_changed = self._changed
        except BaseException:
            self._device.close()
            raise

    def is_low(self) -> bool:
        """Its level now; one that cannot be read counts as high."""
        try:
            return not self._device.pin.state
        except Exception as error:
            # Whatever library there is beneath raises what it likes. In reset for ever
            # would be worse.
            logger.warning("%s cannot be read: %s", self.name, error)
            return False

    def listen(self, edge: Callable[[], None]) -> None:
        """Call `edge` at each edge, on a thread of gpiozero's."""
        self._edge = edge

    def close(self) -> None:
        """Give the pin back."""
        self._device.close()

    def _changed(self, ticks: object, state: object) -> None:
        self.told_low = not state
        if self._edge is not None:
            self._edge()


class LedPin:
    """An output with an LED, lit while it is high."""

    def __init__(self, number: int) -> None:
        from gpiozero import OutputDevice

        self.name = f"GPIO{number} (LED)"
        self._device: OutputDevice = OutputDevice(number)

    def light(self, lit: bool) -> None:
        """Switch it. Never raises: a light is not worth it."""
        try:
            self._device.value = lit
        except Exception as error:
            logger.debug("%s cannot be switched: %s", self.name, error)

    def close(self) -> None:
        """Give the pin back; it is an input then, and the LED dark."""
        self._device.close()


class Pins(Record):
    """The pins that were to be had."""

    inputs: tuple[InputPin, ...] = ()
    led: LedPin | None = None

    def close(self) -> None:
        """Give them all back."""
        for one in self.inputs:
            one.close()
        if self.led is not None:
            self.led.close()


async def open_pins(options: GpioOptions) -> Pins:
    """The configured pins, as far as they are to be had; the log names what is not."""
    if not options.used:
        return Pins()
    return await asyncio.to_thread(_open, options)


def _open(options: GpioOptions) -> Pins:
    opening = _Opening()
    # Each library that gpiozero tries in vain makes a warning.
    with warnings.catch_warnings(record=True) as tried:
        warnings.simplefilter("always")
        try:
            reset = opening.one(options.reset_pin, lambda number: InputPin(number, "RST"))
            enable = opening.one(options.enable_pin, lambda number: InputPin(number, "CH_PD"))
            led = opening.one(options.led_pin, LedPin)
        except _NoGpioError as error:
            because = str(error) or _advice([str(warning.message) for warning in tried])
            logger.warning("the pins of [gpio] are not used: %s", because)
            return Pins()
    opening.tell()
    return Pins(tuple(filter(None, (reset, enable))), led)


class _NoGpioError(Exception):
    """There are no pins at all; the message says why, as far as that is known."""


class _Opening:
    """Opens one pin after the other, and says in the end which ones would not."""

    def __init__(self) -> None:
        self._refused: dict[str, list[str]] = {}

    def one(self, number: int | None, make: Callable[[int], T]) -> T | None:
        """The pin, None if it is not configured or would not open. Raises _NoGpioError."""
        if number is None:
            return None
        try:
            from gpiozero import BadPinFactory
        except ModuleNotFoundError as error:
            raise _NoGpioError(
                "gpiozero is missing; run: sudo apt-get install python3-gpiozero"
            ) from error
        try:
            return make(number)
        except BadPinFactory as error:
            raise _NoGpioError from error
        except Exception as error:
            # Whatever library there is beneath raises what it likes.
            self._refused.setdefault(str(error), []).append(f"GPIO{number}")
            return None

    def tell(self) -> None:
        """One line for each reason."""
        for reason, names in self._refused.items():
            logger.warning("not used: %s: %s", ", ".join(names), reason)


def _advice(tried: Sequence[str]) -> str:
    """Why gpiozero found no library that gives it pins, and the command that mends it."""
    import glob
    import pwd
    from importlib.util import find_spec

    chips = sorted(glob.glob("/dev/gpiochip*"))
    if not chips:
        return "this machine has no GPIO, there is no /dev/gpiochip0"
    if not any(os.access(chip, os.R_OK | os.W_OK) for chip in chips):
        user = pwd.getpwuid(os.geteuid()).pw_name
        return f"permission denied for {chips[0]}; run: sudo usermod -aG gpio {user}; start anew"
    if find_spec("lgpio") is None:
        return "gpiozero's library is missing; run: sudo apt-get install python3-lgpio"
    folder = os.environ.get("LG_WD") or os.getcwd()
    if not os.access(folder, os.W_OK):
        return f"lgpio makes a pipe in {folder}, which cannot be written to; set LG_WD to another"
    ours = [message for message in tried if "lgpio" in message]
    return "; ".join(ours or tried) or "gpiozero has no library for them"
