#!/usr/bin/python3 -I
"""Debian's changelog of this version, for packaging/build-deb: changelog [SUFFIX]

Version and date stand in gateway/__init__.py alone, what is new in CHANGELOG.md.
"""

import datetime
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def changelog(suffix: str) -> str:
    """The one entry of debian/changelog; `suffix` comes behind the version."""
    source = (ROOT / "gateway/__init__.py").read_text()
    said = dict(re.findall(r'^__(version|date)__ = "(.+)"$', source, re.MULTILINE))
    control = (ROOT / "packaging/debian/control").read_text()
    maintainer = re.findall(r"^Maintainer: (.+)$", control, re.MULTILINE)[0]
    day = datetime.datetime.fromisoformat(said["date"])
    return (
        f"esp-at-gateway ({said['version']}{suffix}) unstable; urgency=medium\n\n"
        "  * What is new is in CHANGELOG.md.\n\n"
        f" -- {maintainer}  {day:%a, %d %b %Y} 00:00:00 +0000\n"
    )


if __name__ == "__main__":
    sys.stdout.write(changelog("".join(sys.argv[1:])))
