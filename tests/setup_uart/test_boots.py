"""What setup-uart makes of each model's boot folder, and that it takes it back."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from gateway.setup_uart.wanted import Bluetooth
from tests.setup_uart.boots import BOOTS, Pi

BEGIN = "# esp-at-gateway: begin (setup-uart wrote this; setup-uart --undo takes it away)"
END = "# esp-at-gateway: end"

PLAIN = ["enable_uart=1"]
OFF = ["enable_uart=1", "dtoverlay=disable-bt"]
SLOW = ["enable_uart=1", "dtoverlay=miniuart-bt", "core_freq_fixed=1"]
KEEP = ["enable_uart=1", "core_freq_fixed=1"]
PI_5 = ["dtparam=uart0=on"]

NO_CHOICE = {
    "cm1_bullseye": PLAIN,
    "cm3-plus_bookworm": PLAIN,
    "cm4s_bookworm": PLAIN,
    "pi1-a-plus_bookworm": PLAIN,
    "pi1-b-plus_bookworm": PLAIN,
    "pi1-b-rev2_bullseye": PLAIN,
    "pi2-b_bookworm": PLAIN,
    "zero_bookworm": PLAIN,
    "cm5-lite_trixie": PI_5,
    "pi5_bookworm": PI_5,
    "pi5_trixie": PI_5,
    "pi5_ubuntu-24.04": PI_5,
    "pi500_trixie": PI_5,
}
SHARED = [
    "cm4_bookworm",
    "pi3-a-plus_trixie",
    "pi3-b-plus_bookworm",
    "pi3-b_trixie",
    "pi4-b_bookworm",
    "pi4-b_bullseye",
    "pi4-b_trixie",
    "pi400_bookworm",
    "zero-2-w_trixie",
    "zero-w_bookworm",
]
CASES: list[tuple[str, Bluetooth | None, list[str]]] = [
    *((name, None, lines) for name, lines in NO_CHOICE.items()),
    *((name, None, OFF) for name in SHARED),
    *((name, Bluetooth.OFF, OFF) for name in SHARED),
    *((name, Bluetooth.SLOW, SLOW) for name in SHARED),
    *((name, Bluetooth.KEEP, KEEP) for name in SHARED),
]
NAMES = [f"{name}-{wish or 'default'}" for name, wish, _ in CASES]
# The console of a Pi 5 is on its debug connector, unless enable_uart=1 moves it to the header.
CONSOLE_STAYS = {"cm5-lite_trixie", "pi5_bookworm", "pi5_trixie", "pi500_trixie"}


def test_every_folder_is_tried() -> None:
    folders = {folder.name for folder in BOOTS.iterdir() if folder.is_dir()}
    assert folders == {*NO_CHOICE, *SHARED, "no-pi", "future-pi"}


@pytest.mark.parametrize(("name", "wish", "lines"), CASES, ids=NAMES)
def test_the_resulting_files(
    name: str, wish: Bluetooth | None, lines: list[str], tmp_path: Path
) -> None:
    pi = Pi.of(name, tmp_path / "pi")
    config, command_line, gateway = pi.config.decode(), pi.command_line, pi.gateway
    assert pi.setup(wish) == 0
    block = "".join(f"{line}\n" for line in (BEGIN, "[all]", *lines, END))
    assert pi.config.decode() == config + block
    without = command_line.replace(b"console=serial0,115200 ", b"")
    assert without != command_line
    assert pi.command_line == (command_line if name in CONSOLE_STAYS else without)
    device = "/dev/ttyAMA0" if lines is PI_5 else "/dev/serial0"
    assert pi.gateway == gateway.replace('device = "/dev/serial0"', f'device = "{device}"')
    assert tomllib.loads(pi.gateway)["uart"]["device"] == device


@pytest.mark.parametrize(("name", "wish"), [case[:2] for case in CASES], ids=NAMES)
def test_a_second_time_nothing_is_done(
    name: str, wish: Bluetooth | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pi = Pi.of(name, tmp_path / "pi")
    pi.setup(wish)
    first = pi.files()
    capsys.readouterr()
    for again in (wish, None):
        assert pi.setup(again) == 0
        assert pi.files() == first
        assert "nothing to do" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "wish"), [case[:2] for case in CASES], ids=NAMES)
def test_undo_brings_back_every_byte(name: str, wish: Bluetooth | None, tmp_path: Path) -> None:
    pi = Pi.of(name, tmp_path / "pi")
    before = pi.files()
    pi.setup(wish)
    assert pi.files() != before
    assert pi.setup(undo=True) == 0
    assert pi.files() == before


@pytest.mark.parametrize("name", ["pi4-b_trixie", "pi5_trixie"])
def test_a_dry_run_tells_all_and_changes_nothing(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pi = Pi.of(name, tmp_path / "pi")
    pi.enable("serial-getty@ttyAMA0.service")
    before = pi.files()
    assert pi.setup(dry_run=True) == 0
    assert pi.files() == before
    assert pi.commands == []
    told = capsys.readouterr().out
    added = "+dtparam=uart0=on" if name == "pi5_trixie" else "+dtoverlay=disable-bt"
    assert f"{added}\n" in told
    assert "disable serial-getty@ttyAMA0.service" in told


def test_the_boot_files_are_kept_as_they_were(tmp_path: Path) -> None:
    pi = Pi.of("pi4-b_trixie", tmp_path / "pi")
    before = pi.files()
    pi.setup(Bluetooth.OFF)
    pi.setup(Bluetooth.SLOW)
    for name in ("config.txt", "cmdline.txt"):
        backup = pi.files()[f"boot/firmware/{name}.before-esp-at-gateway"]
        assert backup == before[f"boot/firmware/{name}"]


def test_another_choice_takes_the_place_of_the_first(tmp_path: Path) -> None:
    once, twice = Pi.of("pi3-b_trixie", tmp_path / "1"), Pi.of("pi3-b_trixie", tmp_path / "2")
    once.setup(Bluetooth.KEEP)
    for wish in (Bluetooth.OFF, Bluetooth.SLOW, Bluetooth.KEEP):
        assert twice.setup(wish) == 0
    assert twice.files() == once.files()
