"""The guests' disk images: made by `image/build`, kept in a cache folder outside the tree.

A changed recipe has another name, so that the next run makes a new image.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import TextIO

RECIPE = Path(__file__).parent / "image"

# What is called → the Debian package that brings it.
HOST_PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "zstd": "zstd",
    "newuidmap": "uidmap",
    "/usr/share/seabios/bios-256k.bin": "seabios",
    "/usr/lib/ipxe/qemu/efi-virtio.rom": "ipxe-qemu",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}


class Variant(Enum):
    """Which guest: with all that the gateway needs, or bare, for the package to bring it."""

    FURNISHED = "furnished"
    BARE = "bare"


class CannotRun(Exception):
    """The virtual machine cannot be had on this machine; one sentence that says what to do."""


def cache_folder() -> Path:
    """Where images and Debian packages are kept; `$XDG_CACHE_HOME` moves it."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "esp-at-gateway" / "vm"


def fingerprint(*folders_and_words: Path | str) -> str:
    """A short name for the content of files and for words: another content, another name."""
    digest = hashlib.sha256()
    for item in folders_and_words:
        if isinstance(item, str):
            digest.update(item.encode() + b"\0")
            continue
        for file in sorted(path for path in item.rglob("*") if path.is_file()):
            digest.update(str(file.relative_to(item)).encode() + b"\0")
            digest.update(f"{file.stat().st_mode & 0o111:o}".encode() + b"\0")
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def install_host_packages() -> None:
    """As root install what is missing on this machine; else raise CannotRun, which names it."""
    missing = sorted(
        package
        for needed, package in HOST_PACKAGES.items()
        if not (Path(needed).exists() if needed.startswith("/") else shutil.which(needed))
    )
    if not missing:
        return
    if os.geteuid() != 0:
        raise CannotRun(
            f"Debian packages are missing, please type: sudo apt-get install {' '.join(missing)}"
        )
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=environment)
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    subprocess.run(install, check=True, env=environment)


def ready_image(variant: Variant = Variant.FURNISHED) -> Path:
    """The folder with `root.img`, `vmlinuz` and `initrd.img`, made now if need be (minutes).

    Raises CannotRun.
    """
    install_host_packages()
    folder = cache_folder() / f"{fingerprint(RECIPE)}-{variant.value}"
    with locked(cache_folder()):
        if not (folder / "root.img").exists():
            print(f"Making the virtual machine's image in {folder}, about 3 minutes ...")
            _build(folder, variant)
            _forget_others(folder)
    return folder


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Nobody else who asks the same is in here meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def one_of(folder: Path, names: tuple[str, ...]) -> Iterator[None]:
    """As many may be in here at once as there are names."""
    with contextlib.ExitStack() as stack:
        locks = [stack.enter_context(open(folder / f".lock-{name}", "w")) for name in names]
        while not any(map(_locked_now, locks)):
            time.sleep(1)  # whoever has it keeps it for minutes
        yield


def _locked_now(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _build(folder: Path, variant: Variant) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "build.log"
    with open(log, "wb") as output:
        built = subprocess.run(
            [RECIPE / "build", folder, cache_folder() / "debs", variant.value],
            env=os.environ | {"PYTHON": sys.executable},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    if built.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
        raise CannotRun(f"The virtual machine's image cannot be made, {log} ends with:\n{tail}")


def _forget_others(folder: Path) -> None:
    """Delete the images of recipes that are no more: each takes more than a gigabyte."""
    kept = {"debs"} | {f"{fingerprint(RECIPE)}-{variant.value}" for variant in Variant}
    for other in folder.parent.iterdir():
        if other.is_dir() and other.name not in kept:
            shutil.rmtree(other)


def main() -> int:
    """Make the images, and say where they are."""
    try:
        for variant in Variant:
            print(ready_image(variant))
    except CannotRun as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
