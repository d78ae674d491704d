"""What a configured value may be: one small check a kind of value.

A check is called with a value as TOML has it and with its key, and gives the value as the
program wants it, or raises ConfigError with a sentence that says what is allowed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

Check = Callable[[object, str], Any]

_METADATA_KEY = "check"


class ConfigError(Exception):
    """The configuration cannot be used. The message is one sentence: where, what, why."""


def allowed(check: Check) -> dict[str, Check]:
    """The metadata of a dataclass field whose configured values pass `check`."""
    return {_METADATA_KEY: check}


def field_check(options: type[Any], name: str) -> Check:
    """The check that was declared for the field `name` of the dataclass `options`."""
    return next(_check(one) for one in fields(options) if one.name == name)


def _check(one: Field[Any]) -> Check:
    check: Check = one.metadata[_METADATA_KEY]
    return check


def _refusal(key: str, value: object, allowance: str) -> ConfigError:
    return ConfigError(f"{key} is {_shown(value)}, allowed {allowance}")


def _shown(value: object) -> str:
    """The value as TOML writes it, if that is short."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str | bool):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= 80 else f"{text[:77]}…"
    if isinstance(value, int) and abs(value) >= 1 << 64:
        # Python writes no number of thousands of digits, which TOML can have in hex.
        return "a number of over 64 bits"
    return str(value)


def whole(low: int, high: int) -> Check:
    """A whole number from `low` to `high`."""

    def check(value: object, key: str) -> int:
        # By its exact type, as True is an int as well.
        if type(value) is int and low <= value <= high:
            return value
        raise _refusal(key, value, f"are {low} to {high}")

    return check


def number(low: float, high: float) -> Check:
    """A number from `low` to `high`, whole or not."""

    def check(value: object, key: str) -> float:
        if isinstance(value, int | float) and type(value) is not bool and low <= value <= high:
            return float(value)
        raise _refusal(key, value, f"are {low:g} to {high:g}")

    return check


def flag(value: object, key: str) -> bool:
    """true or false."""
    if isinstance(value, bool):
        return value
    raise _refusal(key, value, "are true and false")


def word(*words: str) -> Check:
    """One of some words."""
    return choice({one: one for one in words})


def choice(words: Mapping[str, Any]) -> Check:
    """One of some words, each with what the program takes it for."""

    def check(value: object, key: str) -> Any:
        if isinstance(value, str) and value in words:
            return words[value]
        raise _refusal(key, value, "are " + ", ".join(f'"{one}"' for one in words))

    return check


def device(value: object, key: str) -> str:
    """A serial device's path, or `pty:` and the path of a symlink that is to be made."""
    if isinstance(value, str) and _is_name(value.removeprefix("pty:")):
        return value
    raise _refusal(key, value, 'is a device such as "/dev/serial0", or "pty:PATH"')


def interface(value: object, key: str) -> str:
    """A network interface's name as the kernel takes it: 1 to 15 bytes, no `/`, no space."""
    if isinstance(value, str) and re.fullmatch(r"[^/:\s]{1,15}", value) and value.isascii():
        return value
    raise _refusal(key, value, 'is a network interface such as "wlan0"')


def folder(value: object, key: str) -> Path:
    """The path of a folder, which need not exist yet."""
    if isinstance(value, str | Path) and _is_name(str(value)):
        return Path(value)
    raise _refusal(key, value, 'is a folder such as "/var/lib/esp-at-gateway"')


def _is_name(value: str) -> bool:
    return value.strip() != "" and "\0" not in value


def ssid(value: object, key: str) -> bytes:
    """The name of an access point: 1 to 32 bytes of UTF-8 (IEEE 802.11, 9.4.2.2)."""
    if isinstance(value, str) and 1 <= len(value.encode()) <= 32:
        return value.encode()
    raise _refusal(key, value, "is a text of 1 to 32 bytes")


def secret(value: object, key: str) -> bytes:
    """A text that no message repeats."""
    if isinstance(value, str) and len(value.encode()) <= 64:
        return value.encode()
    raise ConfigError(f"{key} is not a text of at most 64 bytes")


def mac_address(value: object, key: str) -> str:
    """Six pairs of hex digits with colons between them; lower case afterwards."""
    if isinstance(value, str) and re.fullmatch(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", value):
        return value.lower()
    raise _refusal(key, value, 'is an address such as "02:a7:0d:5e:00:20"')


def subnet(value: object, key: str) -> str:
    """An IPv4 network with room for a gateway and a client."""
    import ipaddress  # 5 ms, and few configure a subnet

    try:
        if isinstance(value, str) and 8 <= ipaddress.IPv4Network(value).prefixlen <= 30:
            return value
    except ValueError:
        pass
    raise _refusal(key, value, 'is a network of /8 to /30 such as "192.168.100.0/24"')


def table(options: type[Any]) -> Check:
    """A TOML table: the fields of the dataclass `options`, each with its own check.

    What the dataclass itself refuses with ConfigError gets the table's key before it.
    """

    def check(value: object, key: str) -> Any:
        if not isinstance(value, dict):
            raise ConfigError(f"{key} is {_shown(value)}, and must be a table: [{key}]")
        known = {one.name: one for one in fields(options)}
        prefix = f"{key}." if key else ""
        for name in value:
            if name not in known:
                raise ConfigError(f"{prefix}{name} is unknown, known are {', '.join(known)}")
        for name, one in known.items():
            required = one.default is MISSING and one.default_factory is MISSING
            if required and name not in value:
                raise ConfigError(f"{prefix}{name} is missing")
        checked = {
            name: _check(known[name])(item, f"{prefix}{name}") for name, item in value.items()
        }
        try:
            return options(**checked)
        except ConfigError as error:
            raise ConfigError(f"{key} {error}") from error

    return check


def tables(options: type[Any]) -> Check:
    """Any number of TOML tables of one kind, `[[key]]`; the first is #1 in a message."""
    one_table = table(options)

    def check(value: object, key: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ConfigError(f"{key} is {_shown(value)}, and must be tables: [[{key}]]")
        return tuple(one_table(item, f"{key}#{place}") for place, item in enumerate(value, 1))

    return check
