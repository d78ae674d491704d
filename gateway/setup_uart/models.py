"""The models of Raspberry Pi, as far as their UART on GPIO14 and GPIO15 (pins 8 and 10) goes.

From the kernel's device trees and Raspberry Pi's documentation; docs/uarts.md shows the same
as a table. `/dev/serial0` is, by the udev rule of Raspberry Pi OS, the UART that the device
tree calls the console: the one on the header up to the Pi 4, a connector of its own after.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MODEL_FILE = Path("/proc/device-tree/model")

PL011 = "ttyAMA0"
MINI_UART = "ttyS0"
DEBUG_UART = "ttyAMA10"

# A PL011 divides its clock by 16 at least. The firmware gives it 48 MHz, the Pi 5's I/O
# chip 50 MHz.
_FIRMWARE_CLOCK_HZ = 48_000_000
_RP1_CLOCK_HZ = 50_000_000

# The mini-UART divides the core clock by 8 at least, which would be 31 Mbaud; its FIFOs of 8
# bytes are what sets a limit. The kernel's own device trees drive Bluetooth over it at this.
MINI_UART_ADVISED_BAUD = 230_400


@dataclass(frozen=True, slots=True)
class PiModel:
    """One model. Nodes are names below /dev.

    `generation` is that of the chip: 1 for the Zero and Zero W, 3 for the Zero 2 W.
    `factory_uart` is on the header as Raspberry Pi OS comes (once `enable_uart=1` is said),
    `header_uart` with everything that setup-uart does by itself; `factory_serial0` is what
    /dev/serial0 leads to before that.
    """

    name: str
    generation: int
    factory_uart: str = PL011
    header_uart: str = PL011
    factory_serial0: str = PL011
    is_zero: bool = False
    is_compute_module: bool = False
    has_bluetooth: bool = False

    @property
    def bluetooth_on_pl011(self) -> bool:
        """Whether Bluetooth has the PL011, so that the header is left with the mini-UART."""
        return self.factory_uart == MINI_UART

    @property
    def serial0_is_debug_header(self) -> bool:
        """Whether /dev/serial0 is a connector of its own, not pins 8 and 10 (Pi 5)."""
        return self.factory_serial0 == DEBUG_UART

    @property
    def header_device(self) -> str:
        """What `[uart] device` has to name for pins 8 and 10."""
        return f"/dev/{self.header_uart}" if self.serial0_is_debug_header else "/dev/serial0"

    @property
    def pl011_max_baud(self) -> int:
        """Bits a second that a PL011 of this model does at most."""
        return (_RP1_CLOCK_HZ if self.generation >= 5 else _FIRMWARE_CLOCK_HZ) // 16

    def max_baud(self, node: str) -> int:
        """Bits a second at which `node` can be relied on: ttyS0 is the mini-UART."""
        return MINI_UART_ADVISED_BAUD if node == MINI_UART else self.pl011_max_baud


@dataclass(frozen=True, slots=True)
class _Family:
    """Models whose name begins alike and whose UARTs are alike."""

    pattern: str
    generation: int
    has_bluetooth: bool = False


# The first that fits counts, so the longer names come first. After it: " Rev 1.2" and the like.
_FAMILIES = (
    _Family(r"Compute Module 5( Lite)?", 5, has_bluetooth=True),
    _Family(r"Compute Module 4S", 4),
    _Family(r"Compute Module 4", 4, has_bluetooth=True),
    _Family(r"Compute Module 3( Plus)?", 3),
    _Family(r"Compute Module 0", 3, has_bluetooth=True),
    _Family(r"Compute Module( 1)?", 1),
    _Family(r"Zero 2( W)?", 3, has_bluetooth=True),
    _Family(r"Zero W", 1, has_bluetooth=True),
    _Family(r"Zero", 1),
    _Family(r"500( Plus|\+)?", 5, has_bluetooth=True),
    _Family(r"400", 4, has_bluetooth=True),
    _Family(r"5( Model B)?", 5, has_bluetooth=True),
    _Family(r"4( Model B)?", 4, has_bluetooth=True),
    _Family(r"3( Model [AB]( Plus|\+)?)?", 3, has_bluetooth=True),
    _Family(r"2( Model B)?", 2),
    _Family(r"Model [AB]( Plus|\+)?", 1),
)


def pi_model(text: str) -> PiModel | None:
    """The model that `text` names, the content of `/proc/device-tree/model`; None if none.

    None too for a Raspberry Pi that came after this program; see `is_raspberry_pi`.
    """
    for family in _FAMILIES:
        found = re.fullmatch(rf"(Raspberry Pi {family.pattern})( Rev .*)?", _plain(text))
        if found:
            return _model(found[1], family)
    return None


def is_raspberry_pi(text: str) -> bool:
    """Whether `text` names a Raspberry Pi, known to this program or not."""
    return _plain(text).startswith("Raspberry Pi ")


def read_model(file: Path = MODEL_FILE) -> str:
    """What the device tree calls this board; empty where there is no device tree."""
    try:
        return _plain(file.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""


def _plain(text: str) -> str:
    return text.rstrip("\0\n ")  # the kernel's strings end in a NUL


def _model(name: str, family: _Family) -> PiModel:
    has_rp1 = family.generation >= 5  # its Bluetooth has a UART of its own
    factory = MINI_UART if family.has_bluetooth and not has_rp1 else PL011
    return PiModel(
        name=name,
        generation=family.generation,
        factory_uart=factory,
        factory_serial0=DEBUG_UART if has_rp1 else factory,
        is_zero="Zero" in name,
        is_compute_module="Compute Module" in name,
        has_bluetooth=family.has_bluetooth,
    )
