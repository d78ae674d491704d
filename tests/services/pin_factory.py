"""Pins in memory, which a test drives: gpiozero's own mock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    """The pins of a Pi; all that were opened are given back at the end."""
    made = MockFactory()
    Device.pin_factory = made
    yield made
    made.reset()
    Device.pin_factory = None


def drive(pin: Any, *, low: bool) -> None:
    """Bring a pin to a level, told on a thread of its own, as every library does."""
    thread = threading.Thread(target=pin.drive_low if low else pin.drive_high)
    thread.start()
    thread.join()


def edge(pin: Any) -> None:
    """An edge whose level is read when the pulse is over, as RPi.GPIO does it."""
    thread = threading.Thread(target=pin._call_when_changed)
    thread.start()
    thread.join()
