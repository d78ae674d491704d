"""The ESP-01's other pins through gpiozero, and a machine that has none."""

from __future__ import annotations

import asyncio
import builtins
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from gpiozero import LED, BadPinFactory, Device, PinFactoryFallback
from gpiozero.pins.mock import MockFactory, MockPin

from gateway.config import GpioOptions
from gateway.services.pins import Pins, open_pins
from gateway.services.reset_line import ResetLine
from tests.services.pin_factory import drive, edge, factory

__all__ = ["factory"]

ROOT = Path(__file__).parent.parent.parent
ALL_THREE = GpioOptions(reset_pin=17, enable_pin=27, led_pin=22)


def opened(options: GpioOptions = ALL_THREE) -> Pins:
    return asyncio.run(open_pins(options))


def test_inputs_have_a_pull_up_and_the_led_is_dark(factory: MockFactory) -> None:
    pins = opened()
    assert [pin.name for pin in pins.inputs] == ["GPIO17 (RST)", "GPIO27 (CH_PD)"]
    assert [factory.pin(number).pull for number in (17, 27)] == ["up", "up"]
    assert not any(pin.is_low() for pin in pins.inputs)
    assert (factory.pin(22).function, factory.pin(22).state) == ("output", False)
    pins.close()
    assert factory.pin(22).function == "input"


def test_what_is_not_configured_is_not_touched(factory: MockFactory) -> None:
    pins = opened(GpioOptions(enable_pin=27))
    assert [pin.name for pin in pins.inputs] == ["GPIO27 (CH_PD)"]
    assert pins.led is None
    assert list(factory.pins) == [27] or len(factory.pins) == 1
    pins.close()


def test_the_led_is_switched(factory: MockFactory) -> None:
    pins = opened(GpioOptions(led_pin=22))
    assert pins.led is not None
    pins.led.light(True)
    assert factory.pin(22).state
    pins.led.light(False)
    assert not factory.pin(22).state
    pins.close()
    pins.led.light(True)  # of a pin that was given back: nothing is raised


def test_levels_and_edges_reach_the_reset_line(factory: MockFactory) -> None:
    async def main() -> None:
        pins = await open_pins(ALL_THREE)
        line, resets = ResetLine(pins.inputs), asyncio.Event()
        line.listen(resets.set)
        async with asyncio.timeout(10):
            drive(factory.pin(17), low=True)
            await resets.wait()
            assert line.holders == "GPIO17 (RST)"
            drive(factory.pin(17), low=False)
            await line.released()
            resets.clear()
            # The level was never seen low.
            edge(factory.pin(27))
            await resets.wait()
            assert line.holders == ""
            await line.released()
        line.close()
        pins.close()

    asyncio.run(main())


def test_a_pin_that_cannot_be_read_holds_nothing(
    factory: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = opened()
    drive(factory.pin(17), low=True)
    assert pins.inputs[0].is_low()

    def fail(pin: MockPin) -> bool:
        raise OSError("gone")

    monkeypatch.setattr(MockPin, "_get_state", fail)
    assert not pins.inputs[0].is_low()
    monkeypatch.undo()
    pins.close()


def test_a_pin_in_use_is_named_and_the_others_work(
    factory: MockFactory, caplog: pytest.LogCaptureFixture
) -> None:
    mine = LED(17)
    pins = opened()
    assert [pin.name for pin in pins.inputs] == ["GPIO27 (CH_PD)"]
    assert pins.led is not None
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("not used: GPIO17: ")
    pins.close()
    mine.close()


def test_a_pin_without_edges_is_not_used(
    factory: MockFactory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(pin: MockPin) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(MockPin, "_enable_event_detect", fail)
    assert opened(GpioOptions(reset_pin=17, enable_pin=27)).inputs == ()
    assert caplog.messages == ["not used: GPIO17, GPIO27: [Errno 22] Invalid argument"]
    monkeypatch.undo()
    LED(17).close()  # it was given back


def no_factory(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        warnings.warn("Falling back from lgpio: no chip", PinFactoryFallback, stacklevel=2)
        raise BadPinFactory("Unable to load any default pin factory!")

    monkeypatch.setattr(Device, "pin_factory", None)
    monkeypatch.setattr(Device, "_default_pin_factory", staticmethod(fail))


@pytest.mark.parametrize(
    ("chips", "allowed", "library", "folder", "sentence"),
    [
        ([], True, True, True, "this machine has no GPIO, there is no /dev/gpiochip0"),
        (
            ["/dev/gpiochip0"],
            False,
            True,
            True,
            "permission denied for /dev/gpiochip0; run: sudo usermod -aG gpio root; start anew",
        ),
        (
            ["/dev/gpiochip0"],
            True,
            False,
            True,
            "gpiozero's library is missing; run: sudo apt-get install python3-lgpio",
        ),
        (
            ["/dev/gpiochip0"],
            True,
            True,
            False,
            "lgpio makes a pipe in /nowhere, which cannot be written to; set LG_WD to another",
        ),
        (["/dev/gpiochip0"], True, True, True, "Falling back from lgpio: no chip"),
    ],
)
def test_without_gpio_one_line_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    chips: list[str],
    allowed: bool,
    library: bool,
    folder: bool,
    sentence: str,
) -> None:
    no_factory(monkeypatch)
    monkeypatch.setattr("glob.glob", lambda pattern: chips)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if library else None)
    monkeypatch.setattr("pwd.getpwuid", lambda number: type("Root", (), {"pw_name": "root"}))
    monkeypatch.setenv("LG_WD", "/nowhere")

    def access(path: str, mode: int) -> bool:
        return folder if path == "/nowhere" else allowed

    monkeypatch.setattr(os, "access", access)
    assert opened() == Pins()
    assert caplog.messages == [f"the pins of [gpio] are not used: {sentence}"]


def test_without_gpiozero_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "gpiozero":
            raise ModuleNotFoundError("No module named 'gpiozero'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert opened() == Pins()
    monkeypatch.undo()
    assert caplog.messages == [
        "the pins of [gpio] are not used: gpiozero is missing; "
        "run: sudo apt-get install python3-gpiozero"
    ]


def test_without_a_pin_gpiozero_is_not_imported() -> None:
    program = (
        "import asyncio, sys, gateway.cli, gateway.daemon\n"
        "from gateway.config import Config\n"
        "from gateway.services.pins import open_pins\n"
        "asyncio.run(open_pins(Config().gpio))\n"
        "print('gpiozero' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    "message",
    [
        "gpiozero is missing",
        "this machine has no GPIO",
        "permission denied for /dev/gpiochip0",
        "gpiozero's library is missing",
        "lgpio makes a pipe in ",
        "not used: GPIO17: ",
    ],
)
def test_messages_that_are_explained_are_the_programs_own(message: str) -> None:
    source = (ROOT / "gateway/services/pins.py").read_text(encoding="utf-8")
    assert message.strip() in (ROOT / "docs/pins.md").read_text(encoding="utf-8")
    in_code = message.replace("/dev/gpiochip0", "{chips[0]}").replace("GPIO17", "%s")
    assert in_code in source
