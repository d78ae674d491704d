"""setup-uart at the bench: what it refuses, what it does to units, how it fails."""

from __future__ import annotations

import errno
import json
import os
import re
import tomllib
from pathlib import Path

import pytest

from gateway import cli
from gateway.setup_uart.wanted import Bluetooth
from tests.setup_uart.boots import GATEWAY as GATEWAY_TOML
from tests.setup_uart.boots import Pi

GETTY = "serial-getty@{}.service"
RECORD = "esp-at-gateway-undo.json"


@pytest.fixture
def pi(tmp_path: Path) -> Pi:
    return Pi.of("pi4-b_trixie", tmp_path / "pi")


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no-pi", 'not a Raspberry Pi ("QEMU QEMU Virtual Machine"): nothing to set up'),
        ("future-pi", 'this version does not know ("Raspberry Pi 7 Model B Rev 1.0")'),
    ],
)
def test_what_is_no_pi_is_refused(
    name: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pi = Pi.of(name, tmp_path / "pi")
    before = pi.files()
    assert pi.setup() == 1
    assert pi.files() == before
    told = capsys.readouterr().err
    assert sentence in told
    assert "set [uart] device in" in told


def test_a_boot_partition_that_is_not_mounted(pi: Pi, capsys: pytest.CaptureFixture[str]) -> None:
    for file in (pi.root / "boot/firmware").iterdir():
        file.unlink()
    before = pi.files()
    assert "boot/config.txt" in before  # the image's hint at the other folder
    assert pi.setup() == 1
    assert pi.files() == before
    assert "sudo mount /boot/firmware" in capsys.readouterr().err


def test_config_txt_behind_a_link(pi: Pi) -> None:
    (pi.root / "boot/config.txt").unlink()
    (pi.root / "boot/firmware").rename(pi.root / "boot/card")
    (pi.root / "boot/config.txt").symlink_to("card/config.txt")
    assert pi.setup() == 0
    assert (pi.root / "boot/config.txt").is_symlink()
    assert b"disable-bt" in (pi.root / "boot/card/config.txt").read_bytes()
    assert b"serial0" not in (pi.root / "boot/card/cmdline.txt").read_bytes()


@pytest.mark.parametrize("undo", [False, True])
def test_gateway_toml_behind_a_link(undo: bool, tmp_path: Path) -> None:
    pi = Pi.of("pi5_trixie", tmp_path / "pi")
    if undo:
        pi.setup()
    link, real = pi.root / GATEWAY_TOML, pi.root / "srv/mine.toml"
    real.parent.mkdir()
    link.rename(real)
    link.symlink_to("../../srv/mine.toml")
    assert pi.setup(undo=undo) == 0
    assert link.is_symlink()
    device = "/dev/serial0" if undo else "/dev/ttyAMA0"
    assert tomllib.loads(real.read_text())["uart"]["device"] == device


def test_a_link_out_of_a_mounted_card_is_not_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pi = Pi.of("pi5_trixie", tmp_path / "pi")
    (pi.root / GATEWAY_TOML).rename(tmp_path / "this-machines.toml")
    (pi.root / GATEWAY_TOML).symlink_to(tmp_path / "this-machines.toml")
    before = pi.files()
    assert pi.setup() == 1
    assert pi.files() == before
    assert "is a link out of" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["boot/firmware/config.txt", "boot/firmware/cmdline.txt", GATEWAY_TOML]
)
def test_a_folder_in_place_of_a_file(
    name: str | Path, pi: Pi, capsys: pytest.CaptureFixture[str]
) -> None:
    (pi.root / name).unlink()
    (pi.root / name).mkdir()
    before = pi.files()
    assert pi.setup() == 1
    assert pi.files() == before
    told = capsys.readouterr().err
    assert (
        told == f"esp-at-gateway: {pi.root / name} is a folder: move it away, then run this again\n"
    )


def test_a_file_that_cannot_be_read_is_named(pi: Pi, capsys: pytest.CaptureFixture[str]) -> None:
    file = pi.boot / "config.txt"
    file.unlink()
    file.symlink_to("config.txt")
    assert pi.setup() == 1
    assert f"esp-at-gateway: {file}: Too many levels of symbolic links" in capsys.readouterr().err


def test_only_root_may(
    pi: Pi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    before = pi.files()
    assert pi.setup(live=True) == 1
    assert pi.files() == before
    assert "run it with sudo" in capsys.readouterr().err
    assert pi.setup(live=True, dry_run=True) == 0


def test_a_read_only_boot_partition(
    pi: Pi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(target))

    before = pi.files()
    monkeypatch.setattr("os.replace", refuse)
    assert pi.setup() == 1
    assert pi.files() == before
    told = capsys.readouterr().err
    assert f"sudo mount -o remount,rw {pi.boot}" in told
    assert "nothing was changed" in told


@pytest.mark.parametrize("undo", [False, True])
@pytest.mark.parametrize("failing", range(5))
def test_a_failure_in_the_middle_leaves_what_was_there(
    undo: bool, failing: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pi = Pi.of("pi5_ubuntu-24.04", tmp_path / "pi")
    if undo:
        pi.setup()
        failing %= 3  # the record is taken away, and no backup written
    before = pi.files()
    renames = iter(range(99))
    rename = os.replace

    def replace(source: Path, target: Path) -> None:
        if next(renames) == failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(target))
        rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr("os.replace", replace)
        assert pi.setup(undo=undo) == 1
    assert next(renames) > failing
    assert pi.files() == before
    assert pi.setup(undo=undo) == 0
    assert pi.files() != before


def test_a_full_card_is_seen_before_a_file_is_replaced(
    pi: Pi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = pi.files()
    monkeypatch.setattr("os.fsync", refuse)
    assert pi.setup() == 1
    assert pi.files() == before
    record = pi.boot / RECORD  # the first file that is written
    assert f"{record}: No space left on device; nothing was changed" in capsys.readouterr().err


def test_modes_stay(pi: Pi) -> None:
    (pi.boot / "config.txt").chmod(0o640)
    pi.setup()
    assert (pi.boot / "config.txt").stat().st_mode & 0o777 == 0o640


@pytest.mark.usefixtures("as_root")
def test_login_prompts_end_and_come_back(pi: Pi) -> None:
    pi.enable(GETTY.format("ttyS0"))
    pi.enable(GETTY.format("ttyUSB0"))
    pi.running = {GETTY.format("ttyS0"), GETTY.format("ttyAMA0"), GETTY.format("ttyUSB0")}
    assert pi.setup(live=True) == 0
    assert pi.commands == [
        "systemctl disable --now serial-getty@ttyS0.service",
        "systemctl stop serial-getty@ttyAMA0.service",
    ]
    pi.running.clear()
    assert pi.setup(live=True) == 0
    assert pi.commands == []
    assert pi.setup(live=True, undo=True) == 0
    assert pi.commands == ["systemctl enable serial-getty@ttyS0.service"]


@pytest.mark.usefixtures("as_root")
def test_a_pi_5_keeps_the_prompt_on_its_debug_connector(tmp_path: Path) -> None:
    pi = Pi.of("pi5_trixie", tmp_path / "pi")
    pi.running = {GETTY.format("ttyAMA10"), GETTY.format("serial0")}
    pi.enable(GETTY.format("serial0"))
    assert pi.setup(live=True) == 0
    assert pi.commands == []


def test_on_a_mounted_card_units_are_those_of_the_card(pi: Pi) -> None:
    pi.enable(GETTY.format("ttyS0"))
    pi.running = {GETTY.format("ttyAMA0")}
    assert pi.setup() == 0
    assert pi.commands == ["systemctl --root=ROOT disable serial-getty@ttyS0.service"]


@pytest.mark.parametrize(
    ("wish", "disabled"), [(Bluetooth.OFF, True), (Bluetooth.SLOW, False), (Bluetooth.KEEP, False)]
)
def test_what_attaches_bluetooth_ends_with_it(wish: Bluetooth, disabled: bool, pi: Pi) -> None:
    pi.enable("hciuart.service")
    assert pi.setup(wish) == 0
    assert pi.commands == ["systemctl --root=ROOT disable hciuart.service"] * disabled
    assert pi.setup(undo=True) == 0
    assert pi.commands == ["systemctl --root=ROOT enable hciuart.service"] * disabled


def test_bluetooth_that_is_wanted_after_all_is_attached_again(pi: Pi) -> None:
    pi.enable("hciuart.service")
    before = pi.files()
    pi.setup(Bluetooth.OFF)
    assert pi.setup(Bluetooth.SLOW) == 0
    assert pi.commands == ["systemctl --root=ROOT enable hciuart.service"]
    assert pi.setup(Bluetooth.SLOW) == 0
    assert pi.commands == []
    assert pi.setup(undo=True) == 0
    assert pi.commands == []
    assert pi.files() == before


def test_a_command_that_fails_is_named(pi: Pi, capsys: pytest.CaptureFixture[str]) -> None:
    pi.enable(GETTY.format("ttyS0"))
    pi.failing = {GETTY.format("ttyS0")}
    assert pi.setup() == 1
    assert "run it again: sudo systemctl" in capsys.readouterr().out
    assert b"disable-bt" in pi.config


def test_a_restart_is_told_of_until_it_has_been(pi: Pi, capsys: pytest.CaptureFixture[str]) -> None:
    due = "once the Pi has started anew"
    pi.setup()
    assert due in capsys.readouterr().out
    pi.setup()
    assert due in capsys.readouterr().out
    (pi.root / "run/esp-at-gateway-restart-due").unlink()  # as /run is empty after a start
    pi.setup()
    assert due not in capsys.readouterr().out


def test_no_restart_for_gateway_toml_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pi = Pi.of("pi5_trixie", tmp_path / "pi")
    pi.config += b"dtparam=uart0=on\n"
    assert pi.setup() == 0
    told = capsys.readouterr().out
    assert "sudo systemctl restart esp-at-gateway" in told
    assert "started anew" not in told


def test_nothing_to_undo(pi: Pi, capsys: pytest.CaptureFixture[str]) -> None:
    before = pi.files()
    assert pi.setup(undo=True) == 0
    assert pi.files() == before
    assert "Nothing to undo." in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"consoles": 1}',
        "[" * 100_000,
        *(
            f'{{"consoles": [{{"index": {index}, "text": "{text}"}}], "device_before": "", '
            '"device_after": "", "disabled_units": []}'
            for index, text in (("Infinity", "rw "), ("-9", "rw "), ("0", ""), ("0", "a b "))
        ),
        json.dumps(
            {
                "consoles": [],
                "device_before": "",
                "device_after": "",
                "disabled_units": ["evil.service"],
            }
        ),
    ],
)
def test_a_record_that_is_broken_is_not_followed(
    text: str, pi: Pi, capsys: pytest.CaptureFixture[str]
) -> None:
    pi.setup()
    (pi.boot / RECORD).write_text(text)
    before = pi.files()
    assert pi.setup(undo=True) == 1
    assert pi.files() == before
    assert pi.commands == []
    told = capsys.readouterr().err
    assert RECORD in told
    assert "before-esp-at-gateway" in told


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("uart_2ndstage=1", "firmware is told"),
        ("enable_rp1_uart=1", "firmware is told"),
        ("upstream_kernel=1", "upstream kernel"),
        ("include extra.txt", "includes extra.txt, which is not looked at"),
        ("[pi4]\n  include  a b.txt ", "includes a b.txt, which is not looked at"),
        ("dtoverlay=uart0,txd0_pin=32,rxd0_pin=33", "(dtoverlay=uart0,txd0_pin=32,rxd0_pin=33)"),
        ("dtoverlay=uart1,txd1_pin=32", "puts a UART on other pins"),
        ("dtoverlay=uart0\ndtparam=rxd0_pin=37,txd0_pin=14", "puts a UART on other pins"),
    ],
)
def test_what_may_be_in_the_way_is_told(
    line: str, word: str, pi: Pi, capsys: pytest.CaptureFixture[str]
) -> None:
    pi.config += f"{line}\n".encode()
    pi.setup(dry_run=True)
    assert word in capsys.readouterr().out


@pytest.mark.parametrize(
    "line",
    [
        "#include extra.txt",
        "[none]\ninclude extra.txt",
        "included=1",
        "includes",
        "dtoverlay=uart0,txd0_pin=14,rxd0_pin=15",
        "dtoverlay=uart3,ctsrts",
        "[pi5]\ndtoverlay=uart0,txd0_pin=32",
    ],
)
def test_what_is_not_in_the_way_is_not_told(
    line: str, pi: Pi, capsys: pytest.CaptureFixture[str]
) -> None:
    pi.config += f"{line}\n".encode()
    pi.setup(dry_run=True)
    assert "Note:" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "own", "wish", "told"),
    [
        ("pi4-b_trixie", b"", None, True),
        ("pi4-b_trixie", b"", Bluetooth.OFF, True),
        ("pi4-b_trixie", b"", Bluetooth.SLOW, False),
        ("pi4-b_trixie", b"dtoverlay=disable-bt\n", None, False),
        ("pi5_trixie", b"", None, False),
        ("zero_bookworm", b"", None, False),
    ],
)
def test_that_bluetooth_goes_is_a_line_of_its_own_with_the_way_back(
    name: str,
    own: bytes,
    wish: Bluetooth | None,
    told: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pi = Pi.of(name, tmp_path / "pi")
    pi.config += own
    line = re.compile(
        r"^Attention: this switches Bluetooth off.*: sudo esp-at-gateway (.*)$", re.MULTILINE
    )
    pi.setup(wish, dry_run=True)
    assert bool(line.search(capsys.readouterr().out)) == told
    pi.setup(wish)
    found = line.search(capsys.readouterr().out)
    assert bool(found) == told
    if found:
        assert cli.main([*found[1].split(), "--root", str(pi.root)]) == 0
        assert b"disable-bt" not in pi.config
        pi.setup(Bluetooth.OFF)
        assert line.search(capsys.readouterr().out)
    pi.setup()
    assert not line.search(capsys.readouterr().out)
    pi.setup(undo=True)
    assert not line.search(capsys.readouterr().out)


def test_an_early_console_is_told_and_left(pi: Pi, capsys: pytest.CaptureFixture[str]) -> None:
    pi.command_line = b"earlycon=pl011,mmio32,0xfe201000 rw\n"
    pi.setup()
    assert "earlycon=pl011,mmio32,0xfe201000" in capsys.readouterr().out
    assert pi.command_line == b"earlycon=pl011,mmio32,0xfe201000 rw\n"


def test_the_command(pi: Pi, capsys: pytest.CaptureFixture[str]) -> None:
    before = pi.files()
    assert cli.main(["setup-uart", "--root", str(pi.root), "--bluetooth", "slow"]) == 0
    assert b"dtoverlay=miniuart-bt" in pi.config
    assert "+dtoverlay=miniuart-bt\n" in capsys.readouterr().out
    assert cli.main(["setup-uart", "--root", str(pi.root), "--undo"]) == 0
    assert pi.files() == before


def test_on_this_machine_it_tells_what_to_do_instead(capsys: pytest.CaptureFixture[str]) -> None:
    if Path("/proc/device-tree/model").exists():
        pytest.skip("this machine has a device tree")
    assert cli.main(["setup-uart", "--dry-run"]) == 1
    assert "set [uart] device in /etc/esp-at-gateway/gateway.toml" in capsys.readouterr().err
