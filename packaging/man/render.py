#!/usr/bin/python3
"""A manual page from its Markdown: packaging/man/render.py PAGE.md > PAGE

Where gateway.toml(5) says @OPTIONS@ come the options as packaging/gateway.toml has them, so
that the page and the file cannot differ. Takes Debian's lowdown.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = re.compile(r"\[+([a-z_.]+)\]+")
OPTION = re.compile(r"(?:# )?([a-z_]+ = .+)")


def options(settings: str) -> str:
    """The options of a commented TOML file as Markdown: one heading for each table."""
    page: list[str] = []
    about: list[str] = []
    seen: set[str] = set()
    for line in settings.splitlines():
        if table := TABLE.fullmatch(line):
            if line in seen:  # a second [[table]] only shows another example
                break
            seen.add(line)
            page += [f"## {line}", "", " ".join(about), ""]
            about = []
        elif option := OPTION.fullmatch(line):
            page += [f"**{option[1]}**", "", f":   {' '.join(about)}", ""]
            about = []
        elif line.startswith("#"):
            about.append(line[1:].strip())
        elif page or not line:
            about = about if page else []
    return "\n".join(page)


def main() -> None:
    """Write the page that is named on the command line to standard output."""
    source = Path(sys.argv[1])
    text = source.read_text()
    if "@OPTIONS@" in text:
        settings = (ROOT / "packaging/gateway.toml").read_text()
        text = text.replace("@OPTIONS@", options(settings))
    subprocess.run(["lowdown", "-s", "-tman"], input=text, text=True, check=True)


if __name__ == "__main__":
    main()
