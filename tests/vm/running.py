"""From nothing to a machine that has just booted: seconds where its snapshot is kept."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.vm import disk_image
from tests.vm.disk_image import Variant
from tests.vm.machine import Machine, MachineError, arguments

READY = "ready"
"""The snapshot of a guest whose services are all up."""

_BARE = """
systemctl is-system-running --wait
systemctl is-active --quiet vm-radios || { systemctl --failed; exit 1; }
"""

NFT_ONCE = """
# NetworkManager gives nft a second: too little for the first time on an emulated processor.
nft 'add table ip first; add chain ip first nat { type nat hook postrouting priority srcnat; };
     add rule ip first nat ip saddr 192.0.2.0/24 masquerade;
     add chain ip first on { type filter hook forward priority filter; };
     add rule ip first on ct state { established, related } accept; delete table ip first'
"""

_FURNISHED = f"""
systemctl is-system-running --wait
systemctl is-active --quiet vm-radios NetworkManager || {{ systemctl --failed; exit 1; }}
for _ in $(seq 120); do
    nmcli -t -f DEVICE,STATE device | grep -qx 'eth0:connected' && break
    sleep 0.5
done
{NFT_ONCE}
# The scan of the start is over, too.
nmcli device wifi list --rescan yes
nmcli -t -f DEVICE,STATE device | grep -qx 'eth0:connected'
"""

_ALL_UP = {Variant.BARE: _BARE, Variant.FURNISHED: _FURNISHED}
"""When the guest is ready to be kept."""


@dataclass(frozen=True)
class Step:
    """What is done with the booted machine once, and kept as a snapshot of that name.

    It is done anew when `recipe` has changed, which is to tell all that decides what comes of it.
    """

    name: str
    recipe: str
    take: Callable[[Machine], None]


@contextlib.contextmanager
def running(variant: Variant = Variant.FURNISHED, step: Step | None = None) -> Iterator[Machine]:
    """A machine of our own, booted, with radios and nothing on the air, or after the step.

    Two may run at once, a third waits: each keeps a processor busy.

    Raises CannotRun where this host cannot have one.
    """
    image = disk_image.ready_image(variant)
    with disk_image.one_of(image, ("first", "second")), _scratch_folder() as folder:
        warm = _warm_disk(image, variant)
        with disk_image.locked(image):
            if not warm.exists():
                _boot_once(image, warm, _ALL_UP[variant])
            if step is not None:
                warm = _stepped(image, warm, step)
        disk = _copy(warm, folder)
        with Machine(image, disk, folder, step.name if step else READY) as machine:
            yield machine


def _copy(warm: Path, folder: Path) -> Path:
    disk = folder / "disk.qcow2"
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", warm, disk], check=True)
    return disk


@contextlib.contextmanager
def _scratch_folder() -> Iterator[Path]:
    """For disk, logs and sockets, whose paths must be short."""
    with tempfile.TemporaryDirectory(prefix="gateway-vm-") as folder:
        yield Path(folder)


def _warm_disk(image: Path, variant: Variant) -> Path:
    """Where the snapshot is kept: it fits one QEMU and one command line."""
    version = subprocess.run(
        ["qemu-system-x86_64", "--version"], check=True, capture_output=True, text=True
    ).stdout
    words = arguments(image, Path("."))
    return image / f"ready-{disk_image.fingerprint(version, _ALL_UP[variant], *words)}.qcow2"


def _boot_once(image: Path, warm: Path, all_up: str) -> None:
    """Boot from the image and keep what came of it."""
    print("Booting the virtual machine once, about 2 minutes ...")
    for old in image.glob("ready-*.qcow2"):
        old.unlink()
    with _scratch_folder() as folder:
        disk = folder / "disk.qcow2"
        create = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b"]
        subprocess.run([*create, image / "root.img", disk], check=True)
        with Machine(image, disk, folder) as machine:
            try:
                machine.run(all_up, seconds=300)
            except Exception as error:
                console = (folder / "console.log").read_text(errors="replace")
                raise MachineError(f"{error}\nThe console ends with:\n{console[-3000:]}") from error
            machine.run("sync")
            machine.save(READY)
        _keep(disk, warm)


def _stepped(image: Path, warm: Path, step: Step) -> Path:
    """The disk with what came of the step, made now if need be."""
    after = image / f"{step.name}-{disk_image.fingerprint(warm.name, step.recipe)}.qcow2"
    if after.exists():
        return after
    for old in image.glob(f"{step.name}-*.qcow2"):
        old.unlink()
    with _scratch_folder() as folder:
        disk = _copy(warm, folder)
        with Machine(image, disk, folder, READY) as machine:
            machine.forget(READY)
            step.take(machine)
            machine.run("sync")
            machine.save(step.name)
        _keep(disk, after)
    return after


def _keep(disk: Path, place: Path) -> None:
    half = place.with_suffix(".half")
    shutil.copyfile(disk, half)
    os.replace(half, place)
