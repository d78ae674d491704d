"""The gateway as the package installs it: systemd's service, with the host on its line."""

from __future__ import annotations

import time

from tests.vm.at_client import AtClient
from tests.vm.gateway_on_serial import GatewayOnSerial
from tests.vm.machine import Machine
from tests.vm.package.packages import NAME

UNIT = f"{NAME}.service"
CONFIGURATION = f"/etc/{NAME}/gateway.toml"
CERTIFICATES = f"/etc/{NAME}/certs"
STATE = f"/var/lib/{NAME}"

# What systemd says of a unit that a test has ended by force; all else is to be silent.
WORSE_THAN_INFO = "journalctl -q -o short-precise -p notice -b"


class InstalledService(GatewayOnSerial):
    """`systemctl start esp-at-gateway`, and what systemd and the journal say of it."""

    def __init__(self, machine: Machine, client: AtClient, unit: str = UNIT) -> None:
        super().__init__(machine, client)
        self.unit = unit

    def start(self) -> None:
        """Start it; systemd returns when it is ready."""
        self.machine.run(f"systemctl start {self.unit}")

    def stop(self) -> None:
        """Stop it; systemd returns when it is gone."""
        self.machine.run(f"systemctl stop {self.unit}")

    def restart(self) -> None:
        """Stop it, and start it again."""
        self.machine.run(f"systemctl restart {self.unit}")

    def signal(self, name: str) -> None:
        """Send a signal to the main process, as `systemctl kill` does."""
        self.machine.run(f"systemctl kill --signal={name} --kill-whom=main {self.unit}")

    def listening(self, seconds: float = 60) -> float:
        """`ready` comes, and the echo is off then; the seconds until `ready`."""
        begun = time.monotonic()
        self.client.until(b"\r\nready\r\n", seconds)
        took = time.monotonic() - begun
        self.quiet()
        return took

    def quiet(self) -> None:
        """Switch the echo off; notifications that come meanwhile are dropped."""
        self.client.send(b"ATE0\r\n")
        self.client.until(b"ATE0\r\n")
        self.client.until(b"\r\nOK\r\n")

    def shown(self, name: str) -> str:
        """A property of the unit."""
        shown = self.machine.run(f"systemctl show --value --property={name} {self.unit}")
        return shown.output.strip()

    def started_within(self) -> float:
        """Seconds from the start of the unit until it was ready, as systemd measured it."""
        begun = int(self.shown("InactiveExitTimestampMonotonic"))
        return (int(self.shown("ActiveEnterTimestampMonotonic")) - begun) / 1e6

    def log(self) -> str:
        """What the program wrote to the journal, and what systemd wrote about it."""
        return self.machine.run(f"journalctl -q -o short-precise -b -u {self.unit}").output

    def complaints(self) -> str:
        """What in the journal of this boot is worse than info, of the service or about it."""
        whose = f"_SYSTEMD_UNIT={self.unit} + UNIT={self.unit} + SYSLOG_IDENTIFIER={NAME}"
        return self.machine.run(f"journalctl -q -o short-precise -b -p notice {whose}").output

    def refusals(self) -> str:
        """What in the journal of this boot was refused to anybody for want of a right."""
        wanted = "'avc:|apparmor=.DENIED|permission denied|operation not permitted|not authorized'"
        shown = self.machine.run(f"journalctl -q -b | grep -iE {wanted}", check=False)
        return shown.output
