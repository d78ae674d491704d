"""Files that an owner has written in: consoles in any form, ends of lines, choices made before."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from gateway.setup_uart.wanted import Bluetooth
from tests.setup_uart.boots import Pi

BLOCK = re.compile(rb"# esp-at-gateway: begin.*?\n(.*)# esp-at-gateway: end\r?\n", re.DOTALL)


def block_of(pi: Pi) -> list[str]:
    """The lines of our block but for its ends and `[all]`; none where there is no block."""
    found = BLOCK.search(pi.config)
    return found[1].decode().split()[1:] if found else []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"console=serial0,115200 console=tty1 rw\n", b"console=tty1 rw\n"),
        (b"console=ttyAMA0,115200 kgdboc=ttyAMA0,115200 rw\n", b"rw\n"),
        (b"rw console=tty1 console=ttyS0,115200n8r\n", b"rw console=tty1\n"),
        (b"console=serial0\n", b"\n"),
        (b"console=serial0", b""),
        (b"rw  quiet\tconsole=serial0,9600\tsplash ", b"rw  quiet\tsplash "),
        (b"rw console=serial0,115200 console=ttyS0,9600", b"rw"),
        (b"rw console=serial0,115200\r\n", b"rw\r\n"),
        (b"console=serial0 rw console=serial0 quiet\n", b"rw quiet\n"),
        (b"rw console=serial0 console=serial0", b"rw"),
        (b"rw console=serial0\nconsole=serial0 below\n", b"rw\nconsole=serial0 below\n"),
    ],
)
def test_consoles_go_and_come_back(before: bytes, after: bytes, tmp_path: Path) -> None:
    pi = Pi.of("pi4-b_trixie", tmp_path / "pi")
    pi.command_line = before
    assert pi.setup() == 0
    assert pi.command_line == after
    assert pi.setup(undo=True) == 0
    assert pi.command_line == before


@pytest.mark.parametrize(
    "kept",
    [
        b"console=tty1 rw quiet\n",
        b"console=ttyUSB0,115200 rw\n",
        b"myconsole=serial0,115200 console=ttyS01 rw\n",
        "rw label=Kök\n".encode("latin-1"),
    ],
)
def test_other_parameters_stay(kept: bytes, tmp_path: Path) -> None:
    pi = Pi.of("pi4-b_trixie", tmp_path / "pi")
    pi.command_line = kept
    assert pi.setup() == 0
    assert pi.command_line == kept


def test_a_pi_5_with_its_console_on_the_header(tmp_path: Path) -> None:
    pi = Pi.of("pi5_trixie", tmp_path / "pi")
    pi.command_line = b"console=ttyAMA0,115200 console=serial0,115200 rw\n"
    pi.setup()
    assert pi.command_line == b"console=serial0,115200 rw\n"
    pi.setup(undo=True)
    pi.config += b"dtparam=uart0_console\n"
    pi.setup()
    assert pi.command_line == b"rw\n"
    assert block_of(pi) == []


@pytest.mark.parametrize(
    "there",
    [
        "dtparam=uart0=on",
        "dtparam=i2c_arm=on,uart0=on",
        "dtparam=uart0",
        "dtoverlay=uart0-pi5",
        "dtoverlay=uart0-pi5,ctsrts",
        "[pi5]\ndtparam=uart0=on",
        "[cm4]\n[all]\ndtparam=uart0=on",
        "[gpio4=1]\n[all]\ndtparam=uart0=on",
    ],
)
def test_what_is_in_force_already_is_not_said_again(there: str, tmp_path: Path) -> None:
    pi = Pi.of("pi5_trixie", tmp_path / "pi")
    pi.config += f"{there}\n".encode()
    before = pi.config
    assert pi.setup() == 0
    assert pi.config == before


@pytest.mark.parametrize(
    "there",
    [
        "#dtparam=uart0=on",
        "dtparam=uart0=off",
        "dtparam=uart0=on\ndtparam=uart0=off",
        "dtoverlay=uart0-pi5\ndtparam=uart0=off",
        "[pi4]\ndtparam=uart0=on",
        "[none]\ndtparam=uart0=on",
        "[gpio4=1]\ndtparam=uart0=on",
        "[gpio4=1]\n[pi5]\ndtparam=uart0=on",
        "[0x12345678]\ndtparam=uart0=on",
        "dtparam=uart01=on",
        "enable_uart=1",
    ],
)
def test_what_is_not_in_force_is_said(there: str, tmp_path: Path) -> None:
    pi = Pi.of("pi5_trixie", tmp_path / "pi")
    pi.config += f"{there}\n".encode()
    assert pi.setup() == 0
    assert block_of(pi) == ["dtparam=uart0=on"]


@pytest.mark.parametrize(
    ("name", "section", "holds"),
    [
        ("pi3-b_trixie", "pi3", True),
        ("pi3-b_trixie", "pi3+", False),
        ("pi3-b-plus_bookworm", "pi3+", True),
        ("pi4-b_trixie", "pi400", False),
        ("pi400_bookworm", "pi4", True),
        ("pi400_bookworm", "pi400", True),
        ("cm4_bookworm", "cm4", True),
        ("cm4_bookworm", "pi4", True),
        ("cm4s_bookworm", "cm4s", True),
        ("cm4s_bookworm", "cm4", False),
        ("zero_bookworm", "pi0", True),
        ("zero_bookworm", "pi1", False),
        ("zero_bookworm", "pi0w", False),
        ("zero-w_bookworm", "pi0w", True),
        ("zero-2-w_trixie", "pi02", True),
        ("zero-2-w_trixie", "pi3", False),
        ("pi1-b-plus_bookworm", "pi1", True),
        ("pi2-b_bookworm", "pi2", True),
        ("cm3-plus_bookworm", "pi3", True),
    ],
)
def test_sections_by_model(name: str, section: str, holds: bool, tmp_path: Path) -> None:
    pi = Pi.of(name, tmp_path / "pi")
    pi.config += f"[{section}]\nenable_uart=1\n".encode()
    assert pi.setup() == 0
    assert ("enable_uart=1" not in block_of(pi)) == holds


def test_a_later_enable_uart_0_is_overruled(tmp_path: Path) -> None:
    pi = Pi.of("pi4-b_trixie", tmp_path / "pi")
    pi.config += b"enable_uart=1\nenable_uart=0\n"
    pi.setup()
    assert "enable_uart=1" in block_of(pi)


@pytest.mark.parametrize(
    ("line", "added"),
    [
        ("dtoverlay=disable-bt", ["enable_uart=1"]),
        ("dtoverlay=pi3-disable-bt", ["enable_uart=1"]),
        ("dtoverlay=miniuart-bt", ["enable_uart=1", "core_freq_fixed=1"]),
        ("dtoverlay=miniuart-bt\nforce_turbo=1", ["enable_uart=1"]),
        ("dtoverlay=miniuart-bt\ncore_freq=250\ncore_freq_min=250", ["enable_uart=1"]),
    ],
)
def test_what_the_owner_chose_of_bluetooth_stays(
    line: str, added: list[str], tmp_path: Path
) -> None:
    pi = Pi.of("pi3-b_trixie", tmp_path / "pi")
    pi.config += f"{line}\n".encode()
    assert pi.setup() == 0
    assert block_of(pi) == added


def test_a_wish_against_the_owners_own_line_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pi = Pi.of("pi3-b_trixie", tmp_path / "pi")
    pi.config += b"dtoverlay=disable-bt\n"
    before = pi.files()
    assert pi.setup(Bluetooth.SLOW) == 1
    assert pi.files() == before
    number = pi.config.count(b"\n")
    assert f"line {number} of config.txt" in capsys.readouterr().err


def test_paired_devices_are_not_cut_off_without_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pi = Pi.of("pi4-b_trixie", tmp_path / "pi")
    (pi.root / "var/lib/bluetooth/DC:A6:32:00:00:01/00:1F:20:00:00:02").mkdir(parents=True)
    before = pi.files()
    assert pi.setup() == 1
    assert pi.files() == before
    told = capsys.readouterr().err
    assert all(f"--bluetooth {choice}" in told for choice in Bluetooth)
    assert pi.setup(Bluetooth.OFF) == 0
    assert pi.setup() == 0


def test_crlf_stays_crlf(tmp_path: Path) -> None:
    pi = Pi.of("pi4-b_trixie", tmp_path / "pi")
    pi.config = pi.config.replace(b"\n", b"\r\n")
    before = pi.config
    pi.setup()
    assert pi.config.startswith(before)
    assert pi.config.count(b"\n") == pi.config.count(b"\r\n") > before.count(b"\n")
    pi.setup(undo=True)
    assert pi.config == before


@pytest.mark.parametrize(
    "text", [b"dtparam=audio=on", b"[all]\r\ndtparam=audio=on", b"[all]\ndtparam=audio=on\r"]
)
def test_a_last_line_without_an_end(
    text: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pi = Pi.of("pi4-b_trixie", tmp_path / "pi")
    pi.config = text
    before = pi.files()
    pi.setup()
    assert re.match(
        rb"dtparam=audio=on\r*\n# esp-at-gateway: begin", pi.config[text.index(b"dtp") :]
    )
    first = pi.config
    pi.setup(Bluetooth.SLOW)
    pi.setup(Bluetooth.OFF)
    assert pi.config == first
    capsys.readouterr()
    pi.setup(undo=True)
    assert pi.files() == before
    assert "somebody else" not in capsys.readouterr().out


def test_a_last_line_without_an_end_ends_where_something_is_below(tmp_path: Path) -> None:
    pi = Pi.of("pi4-b_trixie", tmp_path / "pi")
    pi.config = b"dtparam=audio=on"
    pi.setup()
    pi.config += b"dtparam=spi=on\n"
    pi.setup(undo=True)
    assert pi.config == b"dtparam=audio=on\ndtparam=spi=on\n"


def test_only_line_ends_end_lines(tmp_path: Path) -> None:
    pi = Pi.of("pi5_trixie", tmp_path / "pi")
    pi.config += "# Ådtparam=uart0=on\n# \x0cdtparam=uart0=on\n".encode()
    before = pi.config
    pi.setup()
    assert block_of(pi) == ["dtparam=uart0=on"]
    pi.setup(undo=True)
    assert pi.config == before


def test_an_empty_config(tmp_path: Path) -> None:
    pi = Pi.of("zero_bookworm", tmp_path / "pi")
    pi.config = b""
    pi.setup()
    assert block_of(pi) == ["enable_uart=1"]
    pi.setup(undo=True)
    assert pi.config == b""


def test_undo_leaves_what_the_owner_did_since(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pi = Pi.of("pi5_ubuntu-24.04", tmp_path / "pi")
    config, command_line, gateway = pi.config, pi.command_line, pi.gateway
    pi.setup()
    pi.config = b"# mine\n" + pi.config.replace(
        b"dtparam=uart0=on", b"dtparam=uart0=on\ndtoverlay=mine"
    )
    pi.command_line = b"video=mine " + pi.command_line
    pi.gateway = pi.gateway.replace("baud = 115200", "baud = 9600")
    assert pi.setup(undo=True) == 0
    assert pi.config == b"# mine\n" + config + b"dtoverlay=mine\n"
    assert sorted(pi.command_line.split()) == sorted([*command_line.split(), b"video=mine"])
    assert pi.gateway == gateway.replace("baud = 115200", "baud = 9600")
    assert "config.txt.before-esp-at-gateway" in capsys.readouterr().out


def test_undo_leaves_a_device_that_the_owner_named_since(tmp_path: Path) -> None:
    pi = Pi.of("pi5_trixie", tmp_path / "pi")
    pi.setup()
    pi.gateway = pi.gateway.replace("/dev/ttyAMA0", "/dev/ttyUSB0")
    pi.setup(undo=True)
    assert tomllib.loads(pi.gateway)["uart"]["device"] == "/dev/ttyUSB0"


def test_undo_does_not_double_a_console_that_is_back(tmp_path: Path) -> None:
    pi = Pi.of("pi4-b_trixie", tmp_path / "pi")
    before = pi.command_line
    pi.setup()
    pi.command_line = before
    pi.setup(undo=True)
    assert pi.command_line == before


def test_undo_does_not_double_a_console_that_was_taken_out_twice(tmp_path: Path) -> None:
    pi = Pi.of("pi4-b_trixie", tmp_path / "pi")
    pi.command_line = b"console=serial0,115200 rw\n"
    pi.setup()
    pi.command_line = b"rw console=serial0,115200\n"  # as an update of the system may do
    pi.setup()
    assert pi.command_line == b"rw\n"
    pi.setup(undo=True)
    assert pi.command_line == b"console=serial0,115200 rw\n"


def test_a_block_whose_end_is_gone_takes_nothing_else_with_it(tmp_path: Path) -> None:
    pi = Pi.of("pi4-b_trixie", tmp_path / "pi")
    before = pi.config
    pi.setup()
    pi.config = pi.config.replace(b"# esp-at-gateway: end\n", b"mine=1\n[all]\nenable_uart=1\n")
    pi.setup(undo=True)
    assert pi.config == before + b"mine=1\n[all]\nenable_uart=1\n"


def test_a_device_of_the_owners_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pi = Pi.of("pi5_trixie", tmp_path / "pi")
    pi.gateway = pi.gateway.replace("/dev/serial0", "/dev/ttyUSB0")
    assert pi.setup() == 0
    assert tomllib.loads(pi.gateway)["uart"]["device"] == "/dev/ttyUSB0"
    assert "names /dev/ttyUSB0, and that stays" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "[uart]\n",
        "[uart]",
        "[uart]\nbaud = 9600\n[log]\nlevel = 'info'\n",
        "[uart]\r\ndevice = '/dev/serial0' # the Pi's\r\nbaud = 9600\r\n",
        'reply_style = "readme"',
        '[softap]\ndevice = "/dev/serial0"\n',
    ],
)
def test_the_device_is_named_in_any_gateway_toml(text: str, tmp_path: Path) -> None:
    pi = Pi.of("pi5_trixie", tmp_path / "pi")
    (pi.root / "etc/esp-at-gateway/gateway.toml").write_bytes(text.encode())
    had = tomllib.loads(text)
    assert pi.setup() == 0
    now = tomllib.loads((pi.root / "etc/esp-at-gateway/gateway.toml").read_bytes().decode())
    assert now.pop("uart") == {**had.pop("uart", {}), "device": "/dev/ttyAMA0"}
    assert {key: value for key, value in now.items() if key != "uart"} == had


def test_a_broken_gateway_toml_is_told_before_anything_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pi = Pi.of("pi5_trixie", tmp_path / "pi")
    pi.gateway = "[uart\n"
    before = pi.files()
    assert pi.setup() == 1
    assert pi.files() == before
    assert "gateway.toml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('uart = { device = "/dev/serial0" }\n', 1),
        ('reply_style = "readme"\nuart = { baud = 9600 }\n', 2),
        ('# a\nuart.device = "/dev/serial0"\n', 2),
        ('"uart".device = "/dev/serial0"\n', 1),
        ('[uart]\nbaud = 9600\n"device" = "/dev/serial0"\n', 3),
        ('[log]\nlevel = "info"\n["uart"]\nbaud = 9600\ndevice = "/dev/serial0"\n', 5),
        ('[uart]\ndevice = """/dev/serial0"""\n', 2),
        ('["uart"]\nbaud = 9600', 1),
    ],
)
def test_a_form_that_cannot_be_changed_is_left_to_the_owner(
    text: str, line: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pi = Pi.of("pi5_trixie", tmp_path / "pi")
    pi.gateway = text
    before = pi.files()
    assert pi.setup() == 1
    assert pi.files() == before
    assert capsys.readouterr().err == (
        f"esp-at-gateway: gateway.toml: line {line} is written in a way that is not changed here, "
        "and has to name /dev/ttyAMA0: mend it, then run this again\n"
    )


def test_brackets_without_end_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pi = Pi.of("pi5_trixie", tmp_path / "pi")
    pi.gateway = f"uart = {'[' * 9999}"
    assert pi.setup() == 1
    assert "gateway.toml: too many brackets" in capsys.readouterr().err


def test_without_udevs_rule_the_device_is_named_itself(tmp_path: Path) -> None:
    pi = Pi.of("pi4-b_trixie", tmp_path / "pi")
    (pi.root / "etc/udev/rules.d/99-com.rules").unlink()
    pi.setup(Bluetooth.KEEP)
    assert tomllib.loads(pi.gateway)["uart"]["device"] == "/dev/ttyS0"
    pi.setup(Bluetooth.OFF)
    assert tomllib.loads(pi.gateway)["uart"]["device"] == "/dev/ttyAMA0"
    pi.setup(undo=True)
    assert tomllib.loads(pi.gateway)["uart"]["device"] == "/dev/serial0"


@pytest.mark.parametrize(
    ("leads_to", "device"),
    [("ttyAMA0", "/dev/serial0"), ("ttyS0", "/dev/ttyAMA0"), (None, "/dev/ttyAMA0")],
)
def test_where_serial0_does_not_lead_to_the_header(
    leads_to: str | None, device: str, tmp_path: Path
) -> None:
    pi = Pi.of("pi4-b_trixie", tmp_path / "pi")
    (pi.root / "dev").mkdir()
    (pi.root / "dev/ttyAMA0").touch()
    if leads_to:
        (pi.root / "dev/serial0").symlink_to(leads_to)
    pi.setup()
    assert tomllib.loads(pi.gateway)["uart"]["device"] == "/dev/serial0"
    pi.setup()  # the restart has not been yet: what /dev shows is of no account
    assert tomllib.loads(pi.gateway)["uart"]["device"] == "/dev/serial0"
    (pi.root / "run/esp-at-gateway-restart-due").unlink()
    pi.setup()
    assert tomllib.loads(pi.gateway)["uart"]["device"] == device
    pi.setup(undo=True)
    assert tomllib.loads(pi.gateway)["uart"]["device"] == "/dev/serial0"


def test_udevs_rule_is_taken_for_there_where_its_link_is(tmp_path: Path) -> None:
    pi = Pi.of("pi4-b_trixie", tmp_path / "pi")
    (pi.root / "etc/udev/rules.d/99-com.rules").unlink()
    (pi.root / "dev").mkdir()
    (pi.root / "dev/serial0").symlink_to("ttyS0")
    pi.setup()
    assert tomllib.loads(pi.gateway)["uart"]["device"] == "/dev/serial0"


def test_another_file_for_the_kernels_command_line(tmp_path: Path) -> None:
    pi = Pi.of("pi4-b_trixie", tmp_path / "pi")
    stock = pi.command_line
    pi.config += b"cmdline=mine.txt\nos_prefix=current/\n"
    (pi.boot / "current").mkdir()
    (pi.boot / "current/mine.txt").write_bytes(b"console=serial0,115200 rw\n")
    pi.setup()
    assert (pi.boot / "current/mine.txt").read_bytes() == b"rw\n"
    assert pi.command_line == stock


def test_a_command_line_file_that_no_prefix_is_put_before(tmp_path: Path) -> None:
    pi = Pi.of("pi4-b_trixie", tmp_path / "pi")
    pi.config += b"cmdline=/cmdline.txt\nos_prefix=current/\n"
    (pi.boot / "current").mkdir()
    (pi.boot / "current/cmdline.txt").write_bytes(b"console=serial0,115200 rw\n")
    pi.setup()
    assert (pi.boot / "current/cmdline.txt").read_bytes() == b"console=serial0,115200 rw\n"
    assert b"serial0" not in pi.command_line
