"""The packages under test: what `make deb` makes, and the same as if it were older."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent.parent
NAME = "esp-at-gateway"
OLDER = "0.0.1~older"
"""A version that every other is newer than."""


def built() -> list[Path]:
    """The .debs for Debian 13, made now if the tree has changed since; minutes at first.

    Where `$ESP_AT_GATEWAY_DEBS` names a folder, the packages in there are tested instead.
    """
    if elsewhere := os.environ.get("ESP_AT_GATEWAY_DEBS"):
        return sorted(Path(elsewhere).glob("*.deb"))
    subprocess.run(["make", "--silent", "deb"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return sorted((ROOT / "dist" / "trixie").glob("*.deb"))


def digest(debs: list[Path]) -> str:
    """Another for other packages; two builds of the same tree are the same to the byte."""
    contents = hashlib.sha256()
    for deb in debs:
        contents.update(deb.read_bytes())
    return contents.hexdigest()


def version_of(deb: Path) -> str:
    """The version that it has."""
    words = ["dpkg-deb", "--field", str(deb), "Version"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def older(deb: Path, folder: Path) -> Path:
    """The same package, packed again in `folder` with the version `OLDER`."""
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
    control = tree / "DEBIAN" / "control"
    lines = control.read_text().splitlines()
    changed = [f"Version: {OLDER}" if line.startswith("Version:") else line for line in lines]
    control.write_text("\n".join(changed) + "\n")
    packed = folder / f"{NAME}_{OLDER}_all.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, packed],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return packed
