"""What config.txt has to say so that pins 8 and 10 are a UART, and which names lead to it."""

from __future__ import annotations

from enum import StrEnum

from gateway.setup_uart import boot_config as boot
from gateway.setup_uart.models import MINI_UART, MINI_UART_ADVISED_BAUD, PL011, PiModel

_OFF = ("disable-bt", "pi3-disable-bt")
_SLOW = ("miniuart-bt", "pi3-miniuart-bt")


class Bluetooth(StrEnum):
    """What becomes of Bluetooth where it has the PL011."""

    OFF = "off"
    SLOW = "slow"
    KEEP = "keep"


COSTS = {
    Bluetooth.OFF: "Bluetooth is off; pins 8 and 10 get the PL011, with parity and any speed",
    Bluetooth.SLOW: "Bluetooth stays on the mini-UART, slow and no good for sound; pins 8 and 10 "
    "get the PL011; the core clock is fixed",
    Bluetooth.KEEP: "Bluetooth stays as it is; pins 8 and 10 get the mini-UART: no parity, 8 bytes "
    "of buffer, so "
    f"keep to {MINI_UART_ADVISED_BAUD} baud at most; the core clock is fixed",
}


def header_node(bluetooth: Bluetooth | None) -> str:
    """What is on pins 8 and 10 in the end; None stands for a model without the choice."""
    return MINI_UART if bluetooth is Bluetooth.KEEP else PL011


def chosen(config: boot.BootConfig) -> tuple[Bluetooth, int] | None:
    """What this config.txt makes of Bluetooth, and in which line; None if it says nothing."""
    off = config.overlay(*_OFF)
    if off:
        return Bluetooth.OFF, off.line
    slow = config.overlay(*_SLOW)
    return (Bluetooth.SLOW, slow.line) if slow else None


def missing_lines(
    model: PiModel, config: boot.BootConfig, bluetooth: Bluetooth | None
) -> list[str]:
    """The lines that config.txt lacks."""
    if model.serial0_is_debug_header:
        return [] if _uart0_is_on(config) else [boot.UART0_ON]
    missing = [] if config.value("enable_uart") == "1" else [boot.ENABLE_UART]
    if bluetooth is Bluetooth.OFF and not config.overlay(*_OFF):
        missing.append(boot.DISABLE_BLUETOOTH)
    if bluetooth is Bluetooth.SLOW and not config.overlay(*_SLOW):
        missing.append(boot.SLOW_BLUETOOTH)
    if bluetooth in (Bluetooth.SLOW, Bluetooth.KEEP) and not _core_clock_is_fixed(config):
        missing.append(boot.FIXED_CORE_CLOCK)
    return missing


def _uart0_is_on(config: boot.BootConfig) -> bool:
    switches = (config.parameter("uart0"), config.parameter("uart0_console"))
    return "on" in switches or (
        "off" not in switches and config.overlay("uart0", "uart0-pi5") is not None
    )


def _core_clock_is_fixed(config: boot.BootConfig) -> bool:
    fixed = "1" in (config.value("core_freq_fixed"), config.value("force_turbo"))
    lowest = config.value("core_freq_min")
    return fixed or (lowest != "" and lowest == config.value("core_freq"))


def console_nodes(model: PiModel, config: boot.BootConfig) -> frozenset[str]:
    """The names by which the kernel's console or a login prompt would reach the header.

    Up to the Pi 4 the firmware itself changes ttyAMA0 to ttyS0, so all names are meant. On a
    Pi 5 `serial0` is the debug connector, where a console disturbs nobody, unless the console
    was moved to the header: by `uart0_console`, or by `enable_uart=1` with a firmware of 2025.
    """
    if not model.serial0_is_debug_header:
        return frozenset({"serial0", PL011, MINI_UART})
    moved = config.parameter("uart0_console") == "on" or config.value("enable_uart") == "1"
    return frozenset({"serial0", PL011} if moved else {PL011})
