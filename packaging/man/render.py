#!/usr/bin/python3
"""A manual page from its Markdown: packaging/man/render.py PAGE.md > PAGE

@OPTIONS@ in it is what packaging/gateway.toml says of each option, @COMMANDS@ what the program's
own --help says: so the pages cannot differ from these. Takes Debian's lowdown.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = re.compile(r"\[+[a-z_.]+\]+")
OPTION = re.compile(r"(?:# )?([a-z_]+ = .+)")


def plain(text: str) -> str:
    """Text that Markdown shows as it stands; what is between backticks it leaves alone."""
    parts = text.split("`")
    parts[::2] = (re.sub(r"([\\*_<>|\[\]])", r"\\\1", part) for part in parts[::2])
    return "`".join(parts)


def options(settings: str) -> str:
    """The options of a commented TOML file as Markdown: a heading for each table.

    A comment is about what follows it, up to the next comment: a table or options.
    """
    page: list[str] = []
    comment: list[str] = []
    terms: list[str] = []
    about = ""
    tables: set[str] = set()

    def end_of_options() -> None:
        if terms:
            page.extend([", ".join(terms), "", f":   {about}", ""])
            terms.clear()

    for line in [*settings.splitlines(), "[end]"]:
        if TABLE.fullmatch(line):
            end_of_options()
            if line in tables or line == "[end]":  # a second [[table]] is an example
                break
            tables.add(line)
            page += [f"## {plain(line)}", "", plain(" ".join(comment)), ""]
            comment = []
        elif option := OPTION.fullmatch(line):
            if comment or not terms:
                end_of_options()
                about, comment = plain(" ".join(comment)), []
            unset = " (an example; not set by default)" if line.startswith("#") else ""
            terms.append(f"**{plain(option[1])}**{unset}")
        elif line.startswith("#"):
            comment.append(line[1:].strip())
        elif not page and not terms:  # the head of the file is about the file
            comment = []
    return "\n".join(page)


def commands(parser: argparse.ArgumentParser) -> str:
    """The commands of a program and their options as Markdown: a heading for each command."""
    return "\n".join(line for part in parser._actions for line in _commands_of(part))


def _commands_of(action: argparse.Action) -> Iterator[str]:
    if not isinstance(action, argparse._SubParsersAction):
        return
    help_of = {choice.dest: choice.help or "" for choice in action._choices_actions}
    for name, command in action.choices.items():
        about = help_of[name][:1].upper() + help_of[name][1:] + "."
        yield from (f"## {name}", "", plain(about), "")
        for option in command._actions:
            if option.help is argparse.SUPPRESS or "--help" in option.option_strings:
                continue
            yield from (_term(option), "", f":   {plain(option.help or '')}", "")
        if command.epilog:
            yield from (plain(command.epilog), "")


def _term(option: argparse.Action) -> str:
    """`--baud N` as Markdown, or `FILE` of an argument without a name."""
    value = ""
    if option.nargs != 0:
        value = option.metavar if isinstance(option.metavar, str) else option.dest.upper()
        if option.choices:
            value = "|".join(map(str, option.choices))
    names = ", ".join(f"**{name}**" for name in option.option_strings)
    return " ".join(filter(None, (names, value and f"*{plain(value)}*")))


def date_of_version() -> str:
    """When this version came out, as gateway/__init__.py has it."""
    source = (ROOT / "gateway/__init__.py").read_text()
    return str(re.findall(r'^__date__ = "(.+)"$', source, re.MULTILINE)[0])


def page(source: Path) -> str:
    """The Markdown of a page with everything in its place."""
    text = source.read_text()
    if "@OPTIONS@" in text:
        text = text.replace("@OPTIONS@", options((ROOT / "packaging/gateway.toml").read_text()))
    if "@COMMANDS@" in text:
        sys.path.insert(0, str(ROOT))
        from gateway.arguments import parser

        text = text.replace("@COMMANDS@", commands(parser()))
    return text


def main() -> None:
    """Write the page that is named on the command line to standard output."""
    command = ["lowdown", "-s", "-tman", "--out-no-smarty", f"-Mdate={date_of_version()}"]
    source = page(Path(sys.argv[1]))
    made = subprocess.run(command, input=source, text=True, check=True, stdout=subprocess.PIPE)
    # Debian 12's lowdown asks for a font that groff does not have.
    sys.stdout.write(made.stdout.replace(r"\fC", r"\f(CR"))


if __name__ == "__main__":
    main()
