"""The gateway's own program on pins in memory: `pinned_gateway.py FIFO run …`.

A line of the FIFO drives a pin: `low 17`, `high 17`, `pulse 17`.
"""

from __future__ import annotations

import sys
import threading

from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from gateway import cli


def drive(fifo: str, factory: MockFactory) -> None:
    """Carry out what is written into the FIFO, until it is closed."""
    with open(fifo, encoding="ascii") as orders:
        for order in orders:
            word, number = order.split()
            pin = factory.pin(int(number))
            if word in ("low", "pulse"):
                pin.drive_low()
            if word in ("high", "pulse"):
                pin.drive_high()


def main() -> int:
    """Serve as the program does, while another thread drives the pins."""
    factory = Device.pin_factory = MockFactory()
    threading.Thread(target=drive, args=(sys.argv[1], factory), daemon=True).start()
    return cli.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
