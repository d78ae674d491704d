"""What a configured value may be: one small check a kind of value.

A check is called with a value as TOML has it and with its key, and gives the value as the
program wants it, or raises ConfigError with a sentence that says what is allowed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
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


def refusal(key: str, value: object, allowance: str) -> ConfigError:
    """`uart.baud is 99, allowed are 110 to 4000000`, with the value as TOML writes it."""
    return ConfigError(f"{key} is {_shown(value)}, allowed {allowance}")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str | bool):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= 80 else f"{text[:77]}…"
    return str(value)


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `low` to `high`."""

    low: int
    high: int

    def __call__(self, value: object, key: str) -> int:
        if type(value) is int and self.low <= value <= self.high:
            return value
        raise refusal(key, value, f"are {self.low} to {self.high}")


@dataclass(frozen=True, slots=True)
class Number:
    """A number from `low` to `high`, whole or not."""

    low: float
    high: float

    def __call__(self, value: object, key: str) -> float:
        if type(value) in (int, float) and self.low <= value <= self.high:  # type: ignore[operator]
            return float(value)  # type: ignore[arg-type]
        raise refusal(key, value, f"are {self.low:g} to {self.high:g}")


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    def __call__(self, value: object, key: str) -> bool:
        if isinstance(value, bool):
            return value
        raise refusal(key, value, "are true and false")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words, each with what the program takes it for."""

    words: Mapping[str, Any]

    @classmethod
    def of(cls, *words: str) -> Choice:
        """Words that stand for themselves."""
        return cls({word: word for word in words})

    def __call__(self, value: object, key: str) -> Any:
        if isinstance(value, str) and value in self.words:
            return self.words[value]
        raise refusal(key, value, "are " + ", ".join(f'"{word}"' for word in self.words))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.strip() != "" and "\0" not in value


@dataclass(frozen=True, slots=True)
class Device:
    """A serial device's path, or `pty:` and the path of a symlink that is to be made."""

    def __call__(self, value: object, key: str) -> str:
        if isinstance(value, str) and _is_name(value.removeprefix("pty:")):
            return value
        raise refusal(key, value, 'is a device such as "/dev/serial0", or "pty:PATH"')


@dataclass(frozen=True, slots=True)
class Folder:
    """The path of a folder, which need not exist yet."""

    def __call__(self, value: object, key: str) -> Path:
        if isinstance(value, str | Path) and _is_name(str(value)):
            return Path(value)
        raise refusal(key, value, 'is a folder such as "/var/lib/esp-at-gateway"')


@dataclass(frozen=True, slots=True)
class Ssid:
    """The name of an access point: 1 to 32 bytes of UTF-8 (IEEE 802.11, 9.4.2.2)."""

    def __call__(self, value: object, key: str) -> bytes:
        if isinstance(value, str) and 1 <= len(value.encode()) <= 32:
            return value.encode()
        raise refusal(key, value, "is a text of 1 to 32 bytes")


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that no message repeats."""

    def __call__(self, value: object, key: str) -> bytes:
        if isinstance(value, str) and len(value.encode()) <= 64:
            return value.encode()
        raise ConfigError(f"{key} is not a text of at most 64 bytes")


@dataclass(frozen=True, slots=True)
class MacAddress:
    """Six pairs of hex digits with colons between them; lower case afterwards."""

    def __call__(self, value: object, key: str) -> str:
        if isinstance(value, str) and re.fullmatch(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", value):
            return value.lower()
        raise refusal(key, value, 'is an address such as "02:a7:0d:5e:00:20"')


@dataclass(frozen=True, slots=True)
class Subnet:
    """An IPv4 network with room for a gateway and a client."""

    def __call__(self, value: object, key: str) -> str:
        import ipaddress  # 5 ms, and few configure a subnet

        try:
            if isinstance(value, str) and 8 <= ipaddress.IPv4Network(value).prefixlen <= 30:
                return value
        except ValueError:
            pass
        raise refusal(key, value, 'is a network of /8 to /30 such as "192.168.100.0/24"')


@dataclass(frozen=True, slots=True)
class Table:
    """A TOML table: the fields of the dataclass `options`, each with its own check.

    What the dataclass itself refuses with ConfigError gets the table's key before it.
    """

    options: type[Any]

    def __call__(self, value: object, key: str) -> Any:
        if not isinstance(value, dict):
            raise ConfigError(f"{key} is {_shown(value)}, and must be a table: [{key}]")
        known = {one.name: one for one in fields(self.options)}
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
            return self.options(**checked)
        except ConfigError as error:
            raise ConfigError(f"{key} {error}") from error


@dataclass(frozen=True, slots=True)
class Tables:
    """Any number of TOML tables of one kind, `[[key]]`; the first is #1 in a message."""

    options: type[Any]

    def __call__(self, value: object, key: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ConfigError(f"{key} is {_shown(value)}, and must be tables: [[{key}]]")
        table = Table(self.options)
        return tuple(table(item, f"{key}#{number}") for number, item in enumerate(value, 1))
