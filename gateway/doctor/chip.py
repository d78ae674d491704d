"""What is behind a serial line, as sysfs tells it."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.doctor.case import Case
from gateway.setup_uart.models import PiModel

# <linux/serial_core.h>, as far as it says more than the driver's name does.
_PORT_TYPES = {4: "16550A", 32: "PL011"}
_DRIVERS = {
    "uart-pl011": "PL011",
    "pl011-axi": "PL011",
    "bcm2835-aux-uart": "mini-UART",
    "ftdi_sio": "USB (FTDI)",
    "cp210x": "USB (CP210x)",
    "ch341-uart": "USB (CH340)",
    "ch341": "USB (CH340)",
    "pl2303": "USB (PL2303)",
    "cdc_acm": "USB (CDC ACM)",
    "serial8250": "16550",
    "of_serial": "16550",
    "dw-apb-uart": "16550",
}
# From Linux 6.6 on a port is a device of its own between the tty and the chip.
_SERIAL_CORE = ("port", "ctrl")


@dataclass(frozen=True, slots=True)
class Chip:
    """What is behind the line: its kind in people's words, its driver, bits a second at most."""

    kind: str
    driver: str
    max_baud: int | None


def chip_of(case: Case, name: str, model: PiModel | None) -> Chip:
    """What sysfs tells about /dev/`name`."""
    if name.startswith("pts/"):
        return Chip("a pseudo-terminal", "", None)
    folder = f"/sys/class/tty/{name}"
    driver = _driver(case, folder)
    kind = _DRIVERS.get(driver) or _PORT_TYPES.get(_number(case, f"{folder}/type")) or driver
    if name == "ttyS0" and model is not None and model.generation < 5:
        kind = "mini-UART"  # it passes for a 16550
    # A UART divides its clock by 16 at least; the mini-UART's driver doubles its clock for that.
    clock = _number(case, f"{folder}/uartclk")
    top = clock // 16 if clock >= 16 * 110 else None
    if model is not None and kind in ("PL011", "mini-UART"):
        top = min(top or model.max_baud(name), model.max_baud(name))
    return Chip(kind or "unknown", driver, top)


def _driver(case: Case, folder: str) -> str:
    """The name of the driver that has the chip; empty where the kernel does not tell."""
    device = case.host.resolved(f"{folder}/device")
    while device.startswith("/sys/devices/"):
        found = case.host.resolved(f"{device}/driver")
        if found.startswith("/sys/bus/"):
            name = found.rpartition("/")[2]
            if name not in _SERIAL_CORE:
                return name
        device = device.rpartition("/")[0]
    return ""


def _number(case: Case, path: str) -> int:
    try:
        return int(case.host.read(path))
    except (OSError, ValueError):
        return 0
