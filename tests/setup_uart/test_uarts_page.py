"""docs/uarts.md says of each model what the program goes by."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.setup_uart.models import MINI_UART_ADVISED_BAUD, pi_model
from gateway.setup_uart.wanted import Bluetooth
from tests.setup_uart.test_models import MODELS

PAGE = (Path(__file__).parent.parent.parent / "docs/uarts.md").read_text(encoding="utf-8")
ROWS = [
    (name, cells[1:])
    for line in PAGE.splitlines()
    if "Mbaud |" in line
    for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
    for name in re.findall(r"`([^`]+)`", cells[0])
]


@pytest.mark.parametrize(("name", "cells"), ROWS, ids=[name for name, _ in ROWS])
def test_a_row_says_what_the_model_has(name: str, cells: list[str]) -> None:
    model = pi_model(f"Raspberry Pi {name} Rev 1.0")
    assert model is not None
    at_first, ahead, serial0, bluetooth, speed = cells
    assert f"`{model.factory_uart}`" in at_first
    assert ("mini-UART" in at_first) == model.bluetooth_on_pl011
    assert ahead == f"PL011, `{model.header_uart}`"
    assert serial0 == f"`{model.factory_serial0}`"
    assert bluetooth == (
        "has the PL011"
        if model.bluetooth_on_pl011
        else "has one of its own"
        if model.has_bluetooth
        else "none"
    )
    assert speed == f"{model.pl011_max_baud / 1e6:g} Mbaud"


def test_every_model_has_a_row() -> None:
    names = {text.removeprefix("Raspberry Pi ").partition(" Rev")[0] for text in MODELS}
    assert {name for name, _ in ROWS} == names


def test_every_choice_has_its_cost() -> None:
    assert all(f"\n| `{choice}` | " in PAGE for choice in Bluetooth)
    assert f"{MINI_UART_ADVISED_BAUD} baud" in PAGE
