"""config.txt, the firmware's settings: what is in force on a model, and a block of our own.

Sections are filters: `[pi4]` holds for that model, `[all]` for every one. Filters of one kind
replace each other, those of different kinds must all hold (Raspberry Pi's documentation,
"Conditional filters"). Whether a filter by monitor, serial number or pin holds is not known
here: what stands below one counts as not in force. `include` is not followed, only noticed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.setup_uart.models import PiModel

# The firmware ignores what goes beyond 98 characters of a line.
BEGIN = "# esp-at-gateway: begin (setup-uart wrote this; setup-uart --undo takes it away)"
END = "# esp-at-gateway: end"
NO_END = "# the line above this block had no end"
_BEGINS = "# esp-at-gateway: begin"

_OVERLAY_KEYS = {"dtoverlay", "device_tree_overlay"}
_PARAMETER_KEYS = {"dtparam", "device_tree_param"}
_INCLUDE = "include"
# Parameters of the overlays uart0 and uart1.
_USUAL_PINS = {"txd0_pin": "14", "rxd0_pin": "15", "txd1_pin": "14", "rxd1_pin": "15"}
_MODEL_FILTER = re.compile(r"(pi|cm)\d.*")


@dataclass(frozen=True, slots=True)
class Setting:
    """One line `key=value` that holds on the model at hand; `line` counts from 1."""

    key: str
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class BootConfig:
    """The settings in force, in their order."""

    settings: tuple[Setting, ...]

    def value(self, key: str, default: str = "") -> str:
        """The last value of `key`, which is the one that holds."""
        return next((s.value for s in reversed(self.settings) if s.key == key), default)

    def overlay(self, *names: str) -> Setting | None:
        """The line that loads one of these overlays, the last one; None if none does."""
        for setting in reversed(self.settings):
            if setting.key in _OVERLAY_KEYS and re.split("[,:]", setting.value)[0] in names:
                return setting
        return None

    def includes(self) -> list[Setting]:
        """The lines that have the firmware read another file too."""
        return [setting for setting in self.settings if setting.key == _INCLUDE]

    def moved_uart(self) -> Setting | None:
        """A line that puts the UART of pins 8 and 10 on other pins, the first one."""
        for setting in self.settings:
            if setting.key in _OVERLAY_KEYS | _PARAMETER_KEYS:
                for parameter in re.split("[,:]", setting.value):
                    name, _, pin = (part.strip() for part in parameter.partition("="))
                    if name in _USUAL_PINS and pin != _USUAL_PINS[name]:
                        return setting
        return None

    def parameter(self, name: str) -> str:
        """The last value of a parameter of the base device tree; `on` where it has none."""
        value = ""
        for setting in self.settings:
            if setting.key in _PARAMETER_KEYS:
                for parameter in setting.value.split(","):
                    key, equals, given = parameter.strip().partition("=")
                    if key == name:
                        value = given if equals else "on"
        return value


def parse(text: str, model: PiModel) -> BootConfig:
    """What of `text`, a whole config.txt, is in force on `model`."""
    return BootConfig(tuple(_in_force(text, filters_of(model))))


def filters_of(model: PiModel) -> frozenset[str]:
    """The sections that hold on `model` because of what it is."""
    name = model.name.removeprefix("Raspberry Pi ")
    if name.startswith("Zero 2") or name == "Compute Module 0":
        return frozenset({"pi0", "pi02", "cm0"} if model.is_compute_module else {"pi0", "pi02"})
    if model.is_zero:
        return frozenset({"pi0", "pi0w"} if name == "Zero W" else {"pi0"})
    filters = {f"pi{model.generation}"}
    if name.startswith(("400", "500")):
        filters.add(f"pi{name[:3]}")
    if name.startswith("3 ") and "Plus" in name:
        filters.add("pi3+")
    if model.is_compute_module:
        filters.add(f"cm{model.generation}{'s' if name.endswith('4S') else ''}")
    return frozenset(filters)


def with_block(text: str, lines: Iterable[str]) -> str:
    """`text` with `lines` in a block of ours at its end, in place of a block that is there."""
    text = without_block(text)
    newline = newline_of(text)
    ours = [BEGIN, "[all]", *lines, END]
    if text and not text.endswith("\n"):
        text += newline
        ours.insert(1, NO_END)
    return text + "".join(f"{line}{newline}" for line in ours)


def without_block(text: str) -> str:
    """`text` without our block; what somebody else wrote into it stays."""
    kept: list[str] = []
    inside = False
    unended = None
    closed = any(line.strip() == END for line in lines_of(text))
    for line in lines_of(text):
        plain = line.strip()
        if plain.startswith(_BEGINS):
            inside = True
        elif inside and plain == END:
            inside = False
        elif inside and plain == NO_END:
            unended = len(kept)
        elif inside and plain in OUR_LINES:
            continue
        else:
            inside = inside and closed
            kept.append(line)
    without = "".join(kept)
    # Where something has been put below since, that needs the line to end.
    return without.removesuffix(newline_of(text)) if unended == len(kept) else without


def has_block(text: str) -> bool:
    """Whether there is a block of ours."""
    return any(line.strip().startswith(_BEGINS) for line in lines_of(text))


def lines_of(text: str) -> list[str]:
    """The lines with their ends. Only a newline ends one: a byte of an Å is no line's end."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def newline_of(text: str) -> str:
    """How the lines of `text` end: as the first one does."""
    return "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"


ENABLE_UART = "enable_uart=1"
UART0_ON = "dtparam=uart0=on"
DISABLE_BLUETOOTH = "dtoverlay=disable-bt"
SLOW_BLUETOOTH = "dtoverlay=miniuart-bt"
FIXED_CORE_CLOCK = "core_freq_fixed=1"
OUR_LINES = frozenset(
    {"[all]", ENABLE_UART, UART0_ON, DISABLE_BLUETOOTH, SLOW_BLUETOOTH, FIXED_CORE_CLOCK}
)


def _in_force(text: str, holding: frozenset[str]) -> Iterator[Setting]:
    verdicts: dict[str, bool] = {}
    for number, line in enumerate(lines_of(text), start=1):
        plain = line.strip()
        section = re.fullmatch(r"\[(.*)\]", plain)
        if section:
            _apply_filter(section[1], holding, verdicts)
        elif plain and not plain.startswith("#") and all(verdicts.values()):
            key, equals, value = plain.partition("=")
            if equals:
                yield Setting(key.strip(), value.strip(), number)
            elif plain.split()[0] == _INCLUDE:
                yield Setting(_INCLUDE, plain.removeprefix(_INCLUDE).strip(), number)


def _apply_filter(name: str, holding: frozenset[str], verdicts: dict[str, bool]) -> None:
    name = name.strip().lower()
    if name == "all":
        verdicts.clear()
    elif _MODEL_FILTER.fullmatch(name):
        verdicts["model"] = name in holding
    else:
        verdicts[re.split("[=:]", name)[0]] = False
