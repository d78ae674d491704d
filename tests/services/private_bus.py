"""A message bus of a test's own, in place of the system's."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

CONFIGURATION = """
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


def address_in(folder: Path) -> str:
    """Where a bus in `folder` listens, as DBUS_SYSTEM_BUS_ADDRESS has it."""
    return f"unix:path={folder / 'bus'}"


@contextlib.contextmanager
def bus_daemon(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A bus that listens in `folder`, until it is left; skips the test where there is none."""
    program = shutil.which("dbus-daemon")
    if program is None:
        pytest.skip("dbus-daemon is not installed (Debian package dbus)")
    (folder / "bus").unlink(missing_ok=True)
    configuration = folder / "bus.conf"
    configuration.write_text(CONFIGURATION.format(socket=folder / "bus"))
    with subprocess.Popen(
        [program, f"--config-file={configuration}", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as daemon:
        try:
            assert daemon.stdout is not None
            daemon.stdout.readline()  # it listens once it has said so
            yield daemon
        finally:
            daemon.kill()
