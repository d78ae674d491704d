"""Runs Adafruit's ESP-AT library against a line: `adafruit_client.py LINE HOST PORT`.

The library is made for CircuitPython boards. A few lines stand in for the board's modules;
the library itself and its waiting are as they are. Prints what it saw as JSON.
"""

from __future__ import annotations

import json
import sys
import types
from typing import Any

import serial


class DigitalInOut:
    """A pin; none is used here."""


class Direction:
    """Directions of a pin."""

    INPUT, OUTPUT = 0, 1


def stand_in(name: str, **members: object) -> None:
    """Let `import name` find these members."""
    module = types.ModuleType(name)
    for member, value in members.items():
        setattr(module, member, value)
    sys.modules[name] = module


class Uart(serial.Serial):
    """`busio.UART` by pyserial."""


def run(line: str, host: str, port: int) -> dict[str, Any]:
    """Everything that the library can do with one link; what it returned."""
    stand_in("digitalio", DigitalInOut=DigitalInOut, Direction=Direction)
    stand_in("micropython", const=lambda value: value)
    stand_in("busio", UART=Uart)
    from adafruit_espatcontrol.adafruit_espatcontrol import ESP_ATcontrol

    uart = Uart(line, 115200, timeout=1)
    module = ESP_ATcontrol(uart, 115200)
    seen: dict[str, Any] = {"reset": module.soft_reset()}
    module.begin()
    seen["version"] = module.version
    seen["names"] = [point[1] for point in module.scan_APs()]
    # Not `remote_AP` afterwards: with Python proper it compares bytes with a str.
    module.connect({"ssid": "esp-at-sim", "password": "password"})
    seen["connected"] = module.is_connected
    seen["address"] = module.local_ip
    seen["resolved"] = module.nslookup(host)
    seen["time"] = module.sntp_time.decode()
    seen["opened"] = module.socket_connect(module.TYPE_TCP, host, port)
    seen["sent"] = module.socket_send(b"question")
    # It throws away what comes in one piece with `SEND OK`: the peer waits for this word.
    print("sent", flush=True)
    seen["received"] = module.socket_receive(timeout=5).decode()
    module.socket_disconnect()
    seen["status of a closed link"] = module.status
    module.disconnect()
    seen["status at the end"] = module.status
    uart.close()
    return seen


if __name__ == "__main__":
    # The library prints too: what this prints is the last line.
    print(json.dumps(run(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
