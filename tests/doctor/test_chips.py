"""What is behind a line, as sysfs tells it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gateway.config import Config, UartOptions
from gateway.doctor.host import Node
from tests.doctor.fake_host import FakeHost, case_of
from tests.doctor.sick import examined


@dataclass(frozen=True)
class Uart:
    """A line as sysfs shows it, and what is said of it."""

    name: str
    driver: str
    text: str
    model: str = ""
    clock: int = 0
    kind: int = 0
    is_port: bool = False
    """Whether the kernel is one that has ports between ttys and chips."""


AUX = "platform/drivers/bcm2835-aux-uart"


@pytest.mark.parametrize(
    "uart",
    [
        Uart("ttyAMA0", "amba/drivers/uart-pl011", "PL011, up to 3000000 baud", "Zero", 48_000_000),
        Uart("ttyAMA0", "platform/drivers/pl011-axi", "PL011, up to 3125000 baud", "5", 50_000_000),
        Uart("ttyAMA3", "amba/drivers/of_news", "PL011, up to 3000000 baud", "4", 48_000_000, 32),
        Uart("ttyS0", AUX, "mini-UART, up to 230400 baud", "3", 500_000_000, 3, True),
        Uart("ttyS1", "pnp/drivers/serial", "16550A, up to 115200 baud", "", 1_843_200, 4),
        Uart("ttyUSB0", "usb-serial/drivers/ftdi_sio", "USB (FTDI)"),
        Uart("ttyACM0", "usb/drivers/cdc_acm", "USB (CDC ACM)", "4"),
        Uart("ttySC0", "spi/drivers/sc16is7xx", "sc16is7xx, up to 921600 baud", "", 14_745_600),
        Uart("ttyX0", "", "unknown"),
        Uart("pts/3", "", "a pseudo-terminal"),
    ],
    ids=lambda uart: f"{uart.name} on {uart.model or 'a PC'}",
)
def test_what_the_line_is_and_can_do(uart: Uart) -> None:
    host = FakeHost(files={}, links={})
    if uart.model:
        host.files["/proc/device-tree/model"] = f"Raspberry Pi {uart.model} Model B Rev 1.0\0"
        if uart.model == "Zero":
            host.files["/proc/device-tree/model"] = "Raspberry Pi Zero Rev 1.3\0"
    folder, chip = f"/sys/class/tty/{uart.name}", "/sys/devices/bus/chip"
    host.links[f"{folder}/device"] = f"{chip}/port" if uart.is_port else chip
    host.links[f"{chip}/port/driver"] = "/sys/bus/serial-base/drivers/port"
    if uart.driver:
        host.links[f"{chip}/driver"] = f"/sys/bus/{uart.driver}"
    host.files[f"{folder}/uartclk"] = str(uart.clock)
    host.files[f"{folder}/type"] = str(uart.kind)
    host.nodes[f"/dev/{uart.name}"] = Node(0, 20, 0o660, "dialout", device=(200, 0))
    config = Config(uart=UartOptions(f"/dev/{uart.name}"))
    texts = [each.text for each in examined(case_of(host, config)) if each.subject == "line"]
    assert texts == [f"/dev/{uart.name}: {uart.text}"]
