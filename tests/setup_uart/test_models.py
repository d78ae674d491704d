"""Each model by the name that its device tree gives it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.setup_uart.models import PiModel, is_raspberry_pi, pi_model, read_model

# generation, UART on the header at first, what /dev/serial0 is at first, Bluetooth
PL011_ALONE = ("ttyAMA0", "ttyAMA0", False)
SHARED = ("ttyS0", "ttyS0", True)
WITH_RP1 = ("ttyAMA0", "ttyAMA10", True)
MODELS = {
    "Raspberry Pi Model A Rev 2": (1, PL011_ALONE),
    "Raspberry Pi Model B Rev 1": (1, PL011_ALONE),
    "Raspberry Pi Model A Plus Rev 1.1": (1, PL011_ALONE),
    "Raspberry Pi Model B Plus Rev 1.2": (1, PL011_ALONE),
    "Raspberry Pi Compute Module Rev 1.0": (1, PL011_ALONE),
    "Raspberry Pi Zero Rev 1.3": (1, PL011_ALONE),
    "Raspberry Pi Zero W Rev 1.1": (1, SHARED),
    "Raspberry Pi Zero 2 W Rev 1.0": (3, SHARED),
    "Raspberry Pi 2 Model B Rev 1.2": (2, PL011_ALONE),
    "Raspberry Pi 3 Model B Rev 1.2": (3, SHARED),
    "Raspberry Pi 3 Model B Plus Rev 1.3": (3, SHARED),
    "Raspberry Pi 3 Model A Plus Rev 1.0": (3, SHARED),
    "Raspberry Pi Compute Module 3 Rev 1.0": (3, PL011_ALONE),
    "Raspberry Pi Compute Module 3 Plus Rev 1.0": (3, PL011_ALONE),
    "Raspberry Pi Compute Module 0 Rev 1.0": (3, SHARED),
    "Raspberry Pi 4 Model B Rev 1.5": (4, SHARED),
    "Raspberry Pi 400 Rev 1.0": (4, SHARED),
    "Raspberry Pi Compute Module 4 Rev 1.1": (4, SHARED),
    "Raspberry Pi Compute Module 4S Rev 1.0": (4, PL011_ALONE),
    "Raspberry Pi 5 Model B Rev 1.1": (5, WITH_RP1),
    "Raspberry Pi 500 Rev 1.0": (5, WITH_RP1),
    "Raspberry Pi Compute Module 5 Rev 1.0": (5, WITH_RP1),
    "Raspberry Pi Compute Module 5 Lite Rev 1.0": (5, WITH_RP1),
}


@pytest.mark.parametrize(("text", "expected"), MODELS.items(), ids=MODELS)
def test_what_a_model_has(text: str, expected: tuple[int, tuple[str, str, bool]]) -> None:
    model = pi_model(f"{text}\0")
    assert model is not None
    found = (model.factory_uart, model.factory_serial0, model.has_bluetooth)
    assert (model.generation, found) == expected
    assert model.name == text.partition(" Rev")[0]
    assert model.header_uart == "ttyAMA0"
    assert model.is_compute_module == ("Compute Module" in text)
    assert model.is_zero == ("Zero" in text)


def model_of(text: str) -> PiModel:
    model = pi_model(text)
    assert model is not None
    return model


def test_where_the_header_is() -> None:
    four, five = (
        model_of("Raspberry Pi 4 Model B Rev 1.4"),
        model_of("Raspberry Pi 5 Model B Rev 1.0"),
    )
    assert (four.header_device, five.header_device) == ("/dev/serial0", "/dev/ttyAMA0")
    assert five.serial0_is_debug_header
    assert not four.serial0_is_debug_header
    assert four.bluetooth_on_pl011
    assert not five.bluetooth_on_pl011


def test_speeds() -> None:
    four, five = (
        model_of("Raspberry Pi 4 Model B Rev 1.4"),
        model_of("Raspberry Pi 5 Model B Rev 1.0"),
    )
    assert four.max_baud("ttyAMA0") == four.pl011_max_baud == 3_000_000
    assert five.max_baud("ttyAMA0") == 3_125_000
    assert four.max_baud("ttyS0") == 230_400


@pytest.mark.parametrize("text", ["", "\0", "QEMU Virtual Machine\0", "BeagleBone Black", "Pi 4"])
def test_what_is_none(text: str) -> None:
    assert pi_model(text) is None
    assert not is_raspberry_pi(text)


def test_a_model_of_tomorrow_is_a_raspberry_pi_that_is_not_known() -> None:
    assert pi_model("Raspberry Pi 7 Model B Rev 1.0\0") is None
    assert is_raspberry_pi("Raspberry Pi 7 Model B Rev 1.0\0")


def test_the_device_trees_text_ends_in_a_nul(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"Raspberry Pi Zero W Rev 1.1\0")
    assert read_model(tmp_path / "model") == "Raspberry Pi Zero W Rev 1.1"
    assert read_model(tmp_path / "none") == ""
