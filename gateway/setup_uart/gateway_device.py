"""`[uart] device` in gateway.toml: read, and changed with everything else left as it is."""

from __future__ import annotations

import re
import tomllib

from gateway.setup_uart.boot_config import lines_of, newline_of

DEFAULT_DEVICE = "/dev/serial0"

_TABLE = re.compile(r"[ \t]*\[")
_UART_TABLE = re.compile(r"[ \t]*\[[ \t]*uart[ \t]*\][ \t]*(#.*)?")
# Other ways to write the two names, which TOML has.
_ODD_UART = re.compile(r"[ \t]*(\[[ \t]*)?(['\"]?)uart\2[ \t]*[.=\]]")
_ODD_DEVICE = re.compile(r"[ \t]*['\"]?device\b")
_DEVICE = re.compile(r"([ \t]*device[ \t]*=[ \t]*)(\"[^\"]*\"|'[^']*')(.*)", re.DOTALL)


def device_of(text: str) -> str:
    """The device that `text`, a whole gateway.toml, names. Raises ValueError if it is broken."""
    try:
        uart = tomllib.loads(text).get("uart", {})
    except RecursionError:
        raise ValueError("too many brackets in one another") from None
    device = uart.get("device", DEFAULT_DEVICE) if isinstance(uart, dict) else None
    if not isinstance(device, str):
        raise ValueError("[uart] device is not a text")
    return device


def with_device(text: str, device: str) -> str:
    """`text` with this device instead. Raises ValueError where that cannot be done safely."""
    newline = newline_of(text)
    if text and not text.endswith("\n"):
        text += newline
    lines = lines_of(text)
    own = f'device = "{device}"{newline}'
    header = next((n for n, line in enumerate(lines) if _UART_TABLE.fullmatch(line.strip())), None)
    if header is None:
        changed = f"{text}{newline}[uart]{newline}{own}"
    else:
        changed = "".join(_in_table(lines, header, device, own))
    try:
        done = device_of(changed) == device
    except ValueError:
        done = False
    if not done:
        number = _odd_line(lines)
        where = f"line {number}" if number else "[uart] device"
        raise ValueError(
            f"{where} is written in a way that is not changed here, and has to name {device}"
        )
    return changed


def _odd_line(lines: list[str]) -> int | None:
    """The line, counted from 1, that a person would look at to change the device."""
    inside = False
    found = None
    for number, line in enumerate(lines, start=1):
        if _ODD_UART.match(line):
            inside, found = True, number
        elif _TABLE.match(line):
            inside = False
        elif inside and _ODD_DEVICE.match(line):
            return number
    return found


def _in_table(lines: list[str], header: int, device: str, own: str) -> list[str]:
    for number in range(header + 1, len(lines)):
        if _TABLE.match(lines[number]):
            break
        found = _DEVICE.fullmatch(lines[number])
        if found:
            return [*lines[:number], f'{found[1]}"{device}"{found[3]}', *lines[number + 1 :]]
    return [*lines[: header + 1], own, *lines[header + 1 :]]
