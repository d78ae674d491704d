"""cmdline.txt, the kernel's command line: one line, of which we take consoles out.

Everything else stays as it is, byte for byte; what was taken out is kept with its place, so
that it can be put back.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Removed:
    """A parameter that was taken out, with the blank beside it; `index` counts from 0."""

    index: int
    text: str


def without_consoles(text: str, nodes: Collection[str]) -> tuple[str, tuple[Removed, ...]]:
    """`text` without the kernel's console and debugger on `nodes`, and what was taken out."""
    line, rest = _first_line(text)
    words = list(re.finditer(r"\S+", line))
    removed: list[Removed] = []
    for index in reversed(range(len(words))):
        if not _is_console(words[index][0], nodes):
            continue
        start, end = words[index].span()
        blank = re.match(r"[ \t]*", line[end:])
        after = end + (blank.end() if blank else 0)
        if after == len(line) and index:  # the last one: the blank before it goes
            start = len(line[:start].rstrip())
        removed.append(Removed(index, line[start:after]))
        line = line[:start] + line[after:]
    return line + rest, tuple(reversed(removed))


def put_back(text: str, removed: Collection[Removed]) -> str:
    """`text` with what `without_consoles` took out, where it is not there again by now."""
    there = {word[0] for word in re.finditer(r"\S+", _first_line(text)[0])}
    for parameter in sorted(removed, key=lambda parameter: parameter.index):
        line, rest = _first_line(text)
        words = list(re.finditer(r"\S+", line))
        word = parameter.text.strip()
        if word in there:
            continue
        if parameter.index < len(words):
            place = words[parameter.index].start()
            added = parameter.text if parameter.text[-1].isspace() else f"{word} "
        elif parameter.text[0].isspace():
            place, added = len(line.rstrip()), parameter.text
        else:
            place = len(line.rstrip())
            added = f" {word}" if words else word
        text = line[:place] + added + line[place:] + rest
    return text


def early_console(text: str) -> str:
    """The parameter that makes the kernel write to a UART before it has drivers, if any."""
    found = re.search(r"(?<!\S)(earlycon|earlyprintk|console=(uart|pl011))\S*", text)
    return found[0] if found else ""


def _first_line(text: str) -> tuple[str, str]:
    end = re.search(r"\r?\n|\Z", text)
    place = end.start() if end else len(text)
    return text[:place], text[place:]


def _is_console(word: str, nodes: Collection[str]) -> bool:
    key, _, value = word.partition("=")
    if key == "kgdboc":
        return any(part in nodes for part in value.split(","))
    return key == "console" and value.split(",")[0] in nodes
