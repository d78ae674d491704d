"""The kinds of arguments: each turns one field of a line into a value, or raises ATError.

A parameter is declared where its command is (`Integer("mode", 0, 3)`); `optional` ones may be
left out, in the middle by an empty field, and then give `default`.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from gateway.at.errors import ATError
from gateway.at.syntax import unescape, unquote
from gateway.records import Record

_MOST_DIGITS = 20
_HOST = re.compile(r"[A-Za-z0-9_.\-]{1,253}")
_NUMERIC = re.compile(r"[0-9.]+")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_HEX_PAIRS = re.compile(rb"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})*|([0-9A-Fa-f]{2})*")


class Parameter(Record, kw_only=True):
    """What all kinds have in common. `error` is the line before ERROR where there is one.

    What is given for a `secret` one is shown nowhere.
    """

    optional: bool = False
    default: Any = None
    error: str = ""
    secret: bool = False

    @property
    def form(self) -> str:
        """How the documentation writes it."""
        return f"[<{self.label}>]" if self.optional else f"<{self.label}>"

    @property
    def label(self) -> str:
        """The name it was declared with."""
        return str(getattr(self, "name", "link"))

    def convert(self, field: bytes) -> Any:
        """The value of `field`, which is not empty unless a quoted text may be."""
        raise NotImplementedError

    def refuse(self, what: str) -> ATError:
        """The error to raise for a field that does not fit."""
        lines = (self.error,) if self.error else ()
        return ATError(*lines, cause=f"{self.label}: {what}")


class Integer(Parameter):
    """A decimal number from `low` to `high`; a sign is legal only where `low` is below 0.

    `above` is the error line for a number over `high`, where it differs.
    """

    name: str
    low: int
    high: int
    above: str = ""

    def convert(self, field: bytes) -> int:
        """The number. ATError if it is none, or outside the range."""
        digits = field[1:] if self.low < 0 and field.startswith(b"-") else field
        if not digits.isdigit() or len(digits) > _MOST_DIGITS:
            raise self.refuse("not a decimal number")
        number = int(field)
        if number > self.high and self.above:
            raise ATError(self.above, cause=f"{self.name} is {number}, at most {self.high}")
        if not self.low <= number <= self.high:
            raise self.refuse(f"{number} is not in {self.low} to {self.high}")
        return number


class Choice(Parameter):
    """One of a few numbers."""

    name: str
    values: tuple[int, ...]

    def convert(self, field: bytes) -> int:
        """The number. ATError if it is not one of the values."""
        if not field.isdigit() or len(field) > _MOST_DIGITS or int(field) not in self.values:
            raise self.refuse(f"not one of {', '.join(map(str, self.values))}")
        return int(field)


class Switch(Parameter):
    """0 or 1, as a bool."""

    name: str

    def convert(self, field: bytes) -> bool:
        """True for 1. ATError for anything but the digits 0 and 1."""
        if field not in (b"0", b"1"):
            raise self.refuse("neither 0 nor 1")
        return field == b"1"


class Keyword(Parameter):
    """One of some quoted words, exactly as spelled."""

    name: str
    words: tuple[str, ...]

    def convert(self, field: bytes) -> str:
        """The word. ATError if it is unquoted or another."""
        text = unquote(field)
        if text is None or text.decode("latin-1") not in self.words:
            raise self.refuse(f"not one of {', '.join(self.words)} in quotes")
        return text.decode("latin-1")


class Bare(Parameter):
    """A word that must stand there as it is, without quotes."""

    name: str
    word: str

    def convert(self, field: bytes) -> str:
        """The word. ATError for any other."""
        if field != self.word.encode():
            raise self.refuse(f"not the word {self.word}")
        return self.word


class Text(Parameter):
    """A quoted string of `low` to `high` bytes, counted after unescaping."""

    name: str
    low: int
    high: int

    def convert(self, field: bytes) -> bytes:
        """The bytes, escapes undone. ATError if unquoted, too short or too long."""
        raw = unquote(field)
        if raw is None:
            raise self.refuse("not a string in double quotes")
        text = unescape(raw)
        if not self.low <= len(text) <= self.high:
            raise self.refuse(f"{len(text)} bytes long, allowed are {self.low} to {self.high}")
        return text


class Host(Parameter):
    """A quoted host name or address; never unescaped (contract, section 1)."""

    name: str = "host"

    def convert(self, field: bytes) -> str:
        """The text. ATError where it can be neither a name nor an IPv4 address."""
        raw = unquote(field)
        text = raw.decode("latin-1") if raw is not None else ""
        if not _HOST.fullmatch(text):
            raise self.refuse("neither a host name nor an address in double quotes")
        if _NUMERIC.fullmatch(text) and not _is_ipv4(text):
            raise self.refuse("not an IPv4 address")
        return text


class HostLabel(Parameter):
    """A quoted host name of one label (RFC 1123, section 2.1), at most 32 characters."""

    name: str = "host name"

    def convert(self, field: bytes) -> str:
        """The name. ATError where it is no label, or too long."""
        text = (unquote(field) or b"").decode("latin-1")
        if len(text) > 32 or not _LABEL.fullmatch(text):
            raise self.refuse("not a label of at most 32 letters, digits and inner hyphens")
        return text


class IPv4(Parameter):
    """A quoted IPv4 address. `unspecified` lets 0.0.0.0 through, for the handler to judge."""

    name: str
    unspecified: bool = False

    def convert(self, field: bytes) -> str:
        """Dotted decimal. ATError for anything else."""
        text = (unquote(field) or b"").decode("latin-1")
        if not _is_ipv4(text):
            raise self.refuse("not an IPv4 address in double quotes")
        if text == "0.0.0.0" and not self.unspecified:
            raise self.refuse("0.0.0.0 is no address")
        return text


class Netmask(Parameter):
    """A quoted network mask: ones, then zeros."""

    name: str = "netmask"

    def convert(self, field: bytes) -> str:
        """Dotted decimal. ATError for what is no mask."""
        text = (unquote(field) or b"").decode("latin-1")
        if _is_ipv4(text):
            inverse = ~int(ipaddress.IPv4Address(text)) & 0xFFFFFFFF
            if inverse & (inverse + 1) == 0 and inverse != 0xFFFFFFFF:
                return text
        raise self.refuse("not a network mask in double quotes")


class MacAddress(Parameter):
    """A quoted MAC: 12 hex digits, colons anywhere skipped (contract, section 3)."""

    name: str
    unicast: bool = True

    def convert(self, field: bytes) -> str:
        """Lower case with colons. ATError if it is none, zero, or multicast where unfit."""
        digits = (unquote(field) or b"").replace(b":", b"").lower()
        if not re.fullmatch(rb"[0-9a-f]{12}", digits):
            raise self.refuse("not 12 hex digits in double quotes")
        mac = bytes.fromhex(digits.decode())
        if self.unicast and (mac[0] & 1 or not any(mac)):
            raise self.refuse("a multicast or zero address")
        return mac.hex(":")


class Fingerprint(Parameter):
    """A quoted certificate fingerprint: 20 bytes (SHA-1) or 32 (SHA-256), hex, `:` between."""

    name: str = "fingerprint"

    def convert(self, field: bytes) -> bytes:
        """The bytes. ATError for another length or form."""
        text = unquote(field) or b""
        if _HEX_PAIRS.fullmatch(text):
            value = bytes.fromhex(text.replace(b":", b"").decode())
            if len(value) in (20, 32):
                return value
        raise self.refuse("not 20 or 32 bytes in hex")


class Link(Parameter):
    """A link id, read only while multiplexing is on; without it the value is 0.

    `highest` is 5 where that means all. `stray` is the error line for an id that comes
    without multiplexing; None lets it count as the next argument.
    """

    highest: int = 4
    stray: str | None = ""

    def convert(self, field: bytes) -> int:
        """The id. ATError if it is none."""
        if len(field) != 1 or not b"0" <= field <= b"%d" % self.highest:
            raise self.refuse("not a link id")
        return field[0] - 0x30

    def reject_stray(self, field: bytes) -> None:
        """Raise the error for a `field` that is an id though multiplexing is off."""
        if self.stray and len(field) == 1 and b"0" <= field <= b"5":
            raise ATError(self.stray, cause="a link id, but AT+CIPMUX is 0")


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
