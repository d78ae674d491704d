"""The world itself does what the other tests rely on."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.namespaces.world import FAR, NAME, OWNER, World


def test_a_world_has_a_network_and_leaves_this_machine_alone(tmp_path: Path) -> None:
    """The owner's connection is up, the far end answers, and nothing is left behind."""
    resolver = Path("/etc/resolv.conf").read_text()
    interfaces = subprocess.check_output(("ip", "-brief", "link"))
    with World(tmp_path) as world:
        assert world.active() == OWNER
        assert world.autoconnects()
        assert world.run("getent", "ahostsv4", NAME).split()[0] == FAR
        assert Path("/etc/resolv.conf").read_text() == resolver
        keeper = world._keeper.pid
        namespace = Path(f"/proc/{keeper}/ns/mnt").readlink()
    # What was killed and is no child of ours may take a moment to be gone.
    world.until(lambda: namespace not in set(_mount_namespaces()), seconds=5)
    assert Path("/etc/resolv.conf").read_text() == resolver
    assert subprocess.check_output(("ip", "-brief", "link")) == interfaces


def test_network_manager_comes_and_goes(world: World) -> None:
    """It can be stopped and started, and so can the bus below it."""
    world.stop_network_manager()
    world.start_network_manager()
    assert world.active() == OWNER
    world.kill_bus()
    world.start_bus()
    world.start_network_manager()
    assert world.active() == OWNER


def _mount_namespaces() -> list[Path]:
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                found.append((process / "ns" / "mnt").readlink())
            except OSError:
                continue  # it has just ended
    return found
