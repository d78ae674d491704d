"""docs/commands.md from the command table: `python -m gateway.documentation` prints it.

A row for each form of a command: how it is written, its sentence of help, what its arguments
may be, and behind the first form how the command differs from the ESP_ATMod firmware.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator

from gateway.at.params import (
    Bare,
    Choice,
    Fingerprint,
    Host,
    HostLabel,
    Integer,
    IPv4,
    Keyword,
    Link,
    MacAddress,
    Netmask,
    Parameter,
    Switch,
    Text,
)
from gateway.at.table import Command, Commands
from gateway.commands import addresses, basic, clock, ethernet, links, servers, softap, station, tls
from gateway.documentation_texts import DIFFERENCES, INTRODUCTION, MEANINGS, NOTES, THE_LINE

SECTIONS: tuple[tuple[str, tuple[Commands, ...]], ...] = (
    ("Basic", (basic.commands,)),
    ("Wi-Fi station", (station.commands, addresses.commands)),
    ("SoftAP", (softap.commands,)),
    ("Ethernet", (ethernet.commands,)),
    ("Links, servers and time", (links.commands, servers.commands, clock.commands)),
    ("TLS", (tls.commands,)),
)
"""The manual's sections from 2 on, in order, and whose commands each holds."""

_SUFFIXES = ("", "_CUR", "_DEF")
_HEAD = (
    "| command | what it does | arguments | otherwise than ESP_ATMod 0.5.0 |\n|---|---|---|---|\n"
)


def main() -> int:
    """Print the document."""
    sys.stdout.write(document())
    return 0


def document() -> str:
    """The whole of docs/commands.md, in Markdown."""
    parts = [INTRODUCTION, THE_LINE]
    for number, (title, tables) in enumerate(SECTIONS, start=2):
        parts.append(f"## {number}. {title}\n")
        if title in NOTES:
            parts.append(f"{NOTES[title]}\n")
        parts.append(_HEAD + "".join(_rows([command for table in tables for command in table])))
    return "\n".join(parts)


def name_of(command: Command) -> str:
    """The command's name without form and suffix: `AT+CWMODE` of `AT+CWMODE_CUR?`."""
    return re.sub(r"_(CUR|DEF)$", "", command.spelling.rstrip("?="))


def _rows(commands: Iterable[Command]) -> Iterator[str]:
    """A table's rows: forms of one name together, in the order in which names first came."""
    names: dict[str, dict[tuple[str, object], list[Command]]] = {}
    for command in commands:
        form = command.spelling[-1] if command.spelling[-1] in "?=" else ""
        forms = names.setdefault(name_of(command), {})
        forms.setdefault((form, command.handler), []).append(command)
    for name, forms in names.items():
        difference = DIFFERENCES.get(name, "")
        for (form, _), spelled in forms.items():
            cells = (
                _spelling(name, form, spelled),
                f"{spelled[0].help}.",
                _arguments(name, spelled[0].parameters),
                difference,
            )
            yield "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"
            difference = ""


def _spelling(name: str, form: str, spelled: Iterable[Command]) -> str:
    """How one form is written: one line for the three suffixes, else one for each there is."""
    commands = list(spelled)
    arguments = _syntax(commands[0].parameters)
    suffixes = {command.prefix[len(name) - len("AT") :] for command in commands}
    if suffixes == set(_SUFFIXES):
        return f"`{name}[_CUR/_DEF]{form}{arguments}`"
    there = (suffix for suffix in _SUFFIXES if suffix in suffixes)
    return "<br>".join(f"`{name}{suffix}{form}{arguments}`" for suffix in there)


def _syntax(parameters: Iterable[Parameter]) -> str:
    """The arguments as they stand behind `=`; in brackets what may be left out."""
    text, closing, separator = "", "", ""
    several = list(parameters)
    for parameter in several:
        if isinstance(parameter, Link) and len(several) > 1:
            text += "[<link>,]"
            continue
        if parameter.optional:
            text += "["
            closing += "]"
        text += separator + _placeholder(parameter)
        separator = ","
    return text + closing


def _placeholder(parameter: Parameter) -> str:
    if isinstance(parameter, Bare):
        return parameter.word
    if isinstance(parameter, Integer | Choice | Switch | Link):
        return f"<{parameter.label}>"
    return f'"<{parameter.label}>"'


def _arguments(name: str, parameters: Iterable[Parameter]) -> str:
    """What each argument may be, each label once."""
    said = {
        f"{parameter.label}: {_values(parameter)}{_remarks(name, parameter)}": None
        for parameter in parameters
        if not isinstance(parameter, Bare)
    }
    return "<br>".join(said)


def _remarks(name: str, parameter: Parameter) -> str:
    """In brackets: what the values mean, and which one counts if it is left out."""
    label = parameter.label
    remarks = [MEANINGS.get(f"{name} {label}") or MEANINGS.get(label, "")]
    if parameter.optional and parameter.default is not None:
        remarks.append(f"{int(parameter.default)} if left out")
    text = "; ".join(filter(None, remarks))
    return f" ({text})" if text else ""


def _values(parameter: Parameter) -> str:
    """What an argument may be, in words. Raises TypeError for a kind that is not known here."""
    match parameter:
        case Integer(low=low, high=high) | Text(low=low, high=high):
            unit = " bytes" if isinstance(parameter, Text) else ""
            return f"{low} to {high}{unit}"
        case Choice(values=values):
            return _alternatives(map(str, values))
        case Switch():
            return "0 or 1"
        case Keyword(words=words):
            return _alternatives(words)
        case Link(highest=highest):
            every = ", 5 for all" if highest > 4 else ""
            return f"0 to 4{every}, with `AT+CIPMUX=1` and only then"
        case MacAddress(unicast=unicast):
            return "12 hex digits, colons anywhere" + (", not multicast" if unicast else "")
    for kind, words_of_kind in _IN_WORDS.items():
        if isinstance(parameter, kind):
            return words_of_kind
    raise TypeError(f"{type(parameter).__name__} is not described in gateway/documentation.py")


_IN_WORDS: dict[type[Parameter], str] = {
    Fingerprint: "20 or 32 bytes in hex, with `:` between them or without",
    Host: "a host name or an IPv4 address",
    HostLabel: "1 to 32 letters, digits and inner hyphens",
    IPv4: "an IPv4 address",
    Netmask: "a network mask",
}


def _alternatives(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}"


if __name__ == "__main__":
    sys.exit(main())
