"""The gateway in the guest, as its own user, on the serial line that the host has an end of."""

from __future__ import annotations

import io
import shlex
import tarfile
from collections.abc import Sequence
from pathlib import Path

from tests.vm.at_client import AtClient
from tests.vm.machine import Machine

ROOT = Path(__file__).parent.parent.parent
PLACE = "/opt/esp-at-gateway"
UNIT = USER = "esp-at-gateway"
STATE = "/var/lib/esp-at-gateway"
CONFIGURATION = f"{PLACE}/gateway.toml"


def push_source(machine: Machine) -> None:
    """Put this tree's `gateway` and `tests` into the guest, compiled."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        for name in ("gateway", "tests", "pyproject.toml"):
            archive.add(ROOT / name, arcname=name, filter=_source_only)
    machine.run(f"tar -xzf - --no-same-owner -C {PLACE}", data=packed.getvalue())
    # The gateway's user may not write here, and would compile at every start.
    machine.run(f"cd {PLACE} && python3 -m compileall -q gateway tests", seconds=180)


def _source_only(item: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in item.name else item


class GatewayOnSerial:
    """`python3 -m gateway run` as a systemd unit, with `client` at the other end of its line.

    `configuration` is TOML, `after_stop` a command that systemd runs once the process is
    gone, however it went. `properties` are more of the unit's, `uart` another line.
    """

    def __init__(
        self,
        machine: Machine,
        client: AtClient,
        *,
        network: str = "networkmanager",
        configuration: str = "",
        after_stop: str = "",
        uart: str = "/dev/ttyS1",
        properties: Sequence[str] = (),
    ) -> None:
        self.client = client
        self.machine = machine
        self._network = network
        self._configuration = configuration
        self._after_stop = after_stop
        self._uart = uart
        self._properties = properties

    def start(self) -> None:
        """Start it and return at once; `ready` says when it serves."""
        self.machine.run(f"cat > {CONFIGURATION}", data=self._configuration.encode())
        properties = [f"--uid={USER}", f"--working-directory={PLACE}"]
        properties += [f"--property={each}" for each in self._properties]
        if self._after_stop:
            properties.append(f"--property=ExecStopPost={self._after_stop}")
        command = [
            *("systemd-run", "--quiet", f"--unit={UNIT}", "--collect", *properties),
            *("python3", "-m", "gateway", "run", "--config", CONFIGURATION),
            *("--uart", self._uart, "--network", self._network, "--state-dir", STATE),
            *("--log-level", "debug"),
        ]
        self.machine.run(shlex.join(command))

    def greeted(self, *more: bytes, seconds: float = 60) -> None:
        """Hear `ready`, what Ethernet says after it, and `more`; switch the echo off."""
        self.client.until(b"\r\nready\r\n", seconds)
        wired = (rb"\+ETH_CONNECTED", rb"\+ETH_GOT_IP:10\.88\.0\.\d+")
        self.client.hear(*wired, *more, seconds=seconds)
        self.client.send(b"ATE0\r\n")
        self.client.until(b"ATE0\r\n\r\nOK\r\n")

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        self.machine.run(f"systemctl stop {UNIT}")

    def kill(self) -> None:
        """`kill -9`, and wait until systemd has seen it."""
        self.machine.run(
            f"systemctl kill --signal=KILL --kill-whom=main {UNIT}; "
            f"while systemctl is-active --quiet {UNIT}; do sleep 0.1; done",
            seconds=90,
        )

    def log(self) -> str:
        """What it wrote to the journal since the machine was booted."""
        return gateway_log(self.machine)


def gateway_log(machine: Machine) -> str:
    """What the gateway wrote to the journal."""
    return machine.run(f"journalctl -q -o short-precise -u {UNIT}").output


def manager_log(machine: Machine) -> str:
    """The last of what NetworkManager and wpa_supplicant wrote to the journal."""
    units = "-u NetworkManager -u wpa_supplicant"
    return machine.run(f"journalctl -q -o short-precise -n 80 {units}").output
