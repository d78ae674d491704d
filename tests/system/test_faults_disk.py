"""A disk that is really full, or really read-only, under the state directory."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.faulty_host import MountedGateway, gateway_on_small_disk
from tests.system.line_client import JOINED, OK, PASSWORD, SSID

ERROR = b"\r\nERROR\r\n"

STORING = (
    "AT+CWMODE=3",
    "AT+CWMODE_DEF=2",
    "AT+CWAUTOCONN=0",
    'AT+CIPDNS_DEF=1,"192.0.2.7"',
    'AT+CIPSTAMAC_DEF="02:00:00:00:00:01"',
    'AT+CIPETH_DEF="10.1.2.3"',
    "AT+UART_DEF=9600,8,1,0,0",
    "AT+CIPSSLCERTMAX=9",
    "AT+RESTORE",
)


class Disk:
    """The disk of a gateway's state directory, as it stands."""

    def __init__(self, gateway: MountedGateway) -> None:
        self._gateway = gateway
        self.folder = gateway.seen(gateway.state)
        self._filler = self.folder / "filler"

    def fill(self) -> None:
        """Not a byte is left, nor will be for the file that is replaced."""
        with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(512))
        assert os.statvfs(self.folder).f_bavail == 0

    def make_read_only(self) -> None:
        """As the kernel does with a broken SD card."""
        self._gateway.run_inside("mount", "-o", "remount,ro", str(self._gateway.state))

    def mend(self) -> None:
        """There is room, and it may be written to."""
        self._gateway.run_inside("mount", "-o", "remount,rw", str(self._gateway.state))
        self._filler.unlink(missing_ok=True)

    def files(self) -> dict[str, bytes]:
        """What is stored."""
        files = (each for each in self.folder.iterdir() if each != self._filler)
        return {each.name: each.read_bytes() for each in files}


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        (Disk.fill, "No space left on device; make room there: df -h"),
        (Disk.make_read_only, "Read-only file system; a worn SD card"),
    ],
    ids=["full", "read-only"],
)
def test_nothing_is_stored_and_nothing_is_lost(
    trouble: Callable[[Disk], None], why: str, tmp_path: Path
) -> None:
    with gateway_on_small_disk(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        client.ask("AT+CWMODE=1")
        client.ask('AT+CIPDNS_DEF=1,"192.0.2.1"')
        disk = Disk(gateway)
        before = disk.files()
        assert list(before) == ["settings.json"]
        trouble(disk)
        for command in STORING:
            client.ask(command, ERROR)
        assert disk.files() == before
        # what is in force is what it was, and what need not be stored can still be set
        client.ask("AT+CWMODE?", b"+CWMODE:1\r\n" + OK)
        client.ask("AT+UART?", b"+UART:115200,8,1,0,0\r\nOK\r\n")
        client.ask('AT+CIPDNS_CUR=1,"192.0.2.9"')
        client.ask("AT+CIPDNS_DEF?", b"+CIPDNS_DEF:192.0.2.1\r\n" + OK)
        # a join that cannot be stored is a join, and says so
        client.ask(f'AT+CWJAP_DEF="{SSID}","{PASSWORD}"', JOINED + ERROR)
        disk.mend()
        client.ask("AT+CWMODE_DEF=3")
        stored = disk.files()
        assert list(stored) == ["settings.json"]
        settings = json.loads(stored["settings.json"])["settings"]
        assert (settings["mode"], settings["dns"], settings["access_point"]) == (
            3,
            ["192.0.2.1"],
            None,
        )
        assert gateway.ends() == 0
    assert f"the settings could not be stored in {gateway.state}: {why}" in gateway.log
    assert PASSWORD not in gateway.log
    assert "Traceback" not in gateway.log


def test_it_starts_on_a_disk_that_is_full_and_read_only(tmp_path: Path) -> None:
    """A file that cannot be read can then not be set aside: it stays, and that is said."""
    gateway = MountedGateway(tmp_path)
    (gateway.state / "settings.json").write_text("{")
    gateway.mount_first(f"mount --bind -o ro '{gateway.state}' '{gateway.state}'")
    with gateway, gateway.connect() as client:
        client.greet()
        client.ask("AT+CWMODE=3", ERROR)
        client.ask("AT+CWMODE_CUR=3")
        assert gateway.ends() == 0
    assert "and cannot be set aside: Read-only file system" in gateway.log
    assert (gateway.state / "settings.json").read_text() == "{"
