"""What is looked at: one gateway of this machine, its configuration and its service."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.config import DEFAULT_PATH, Config
from gateway.doctor.host import Account, Host
from gateway.services.api_settings import Settings

SERVICE_USER = "esp-at-gateway"

_PROPERTIES = (
    "LoadState ActiveState SubState Result StatusText MainPID User UnitFileState "
    "ActiveEnterTimestamp DevicePolicy DeviceAllow"
).split()


@dataclass(frozen=True, slots=True)
class Service:
    """What systemd says of the gateway's unit. `silence` is why it says nothing."""

    unit: str
    properties: Mapping[str, str] = field(default_factory=dict)
    silence: str = ""

    @property
    def unit_in_shell(self) -> str:
        """The unit for a command: an instance's name may have a backslash in it."""
        return shlex.quote(self.unit)

    @property
    def is_installed(self) -> bool:
        """Whether there is such a unit, of use or not."""
        return self.properties.get("LoadState") not in (None, "", "not-found")

    @property
    def user(self) -> str | None:
        """Whom the unit runs as; None where systemd cannot tell."""
        is_read = self.properties.get("LoadState") == "loaded"
        return (self.properties.get("User") or "root") if is_read else None

    @property
    def is_running(self) -> bool:
        """Whether its process is there, or about to be."""
        return self.properties.get("ActiveState") in ("active", "activating", "reloading")

    @property
    def pid(self) -> int | None:
        """The main process, if it runs."""
        text = self.properties.get("MainPID", "")
        return int(text) if text.isdecimal() and text != "0" else None

    @property
    def started(self) -> float | None:
        """When it became active, in seconds since 1970."""
        text = self.properties.get("ActiveEnterTimestamp", "").removeprefix("@")
        return float(text) if text.isdecimal() else None


@dataclass(frozen=True, slots=True)
class Case:
    """All that a check is given.

    `file` is the configuration's, which need not exist; `fault` is why it cannot be used, and
    `config` holds the defaults then. `settings` are the stored ones, the factory's where there
    are none or they are not for our eyes. `account` is whom the gateway runs as, or None where
    that user is missing.
    """

    host: Host
    file: Path
    config: Config
    service: Service
    account: Account | None
    fault: str | None = None
    settings: Settings = field(default_factory=Settings)
    instance: str | None = None

    @property
    def file_in_shell(self) -> str:
        """The configuration's file for a command."""
        return shlex.quote(str(self.file))

    @property
    def device(self) -> str:
        """The serial line."""
        return self.config.uart.device

    @property
    def node_name(self) -> str:
        """The kernel's name of the line: `ttyAMA0`, or `pts/3`."""
        return self.host.resolved(self.device).removeprefix("/dev/")

    @property
    def is_pseudo_terminal(self) -> bool:
        """Whether the line is one that the gateway makes for itself."""
        return self.device.startswith("pty:")

    @property
    def user(self) -> str:
        """Whom the gateway runs as, by name."""
        return self.account.name if self.account else SERVICE_USER

    @property
    def options(self) -> str:
        """What a command of ours needs to speak of the same gateway: ` --instance …` or nothing."""
        if self.instance:
            return f" --instance {shlex.quote(self.instance)}"
        return "" if self.file == DEFAULT_PATH else f" --config {shlex.quote(str(self.file))}"

    def path(self, name: str) -> str:
        """A file of the state directory."""
        return str(self.config.storage.state_dir / name)


def ask_service(host: Host, unit: str) -> Service:
    """What systemd says of `unit`."""
    names = ",".join(_PROPERTIES)
    done = host.run("systemctl", "show", "--timestamp=unix", f"--property={names}", "--", unit)
    if not done.succeeded:
        return Service(unit, silence=done.complaint)
    lines = (line.partition("=") for line in done.output.splitlines())
    properties: dict[str, str] = {}
    for name, _, value in lines:
        # DeviceAllow= comes once for each device.
        properties[name] = f"{properties[name]}\n{value}" if name in properties else value
    return Service(unit, properties)


def account_of(host: Host, service: Service) -> Account | None:
    """Whom the gateway runs as: as the unit says, or who is asking where there is no unit."""
    if service.user is not None:
        return host.account(service.user)
    return host.account(SERVICE_USER) or host.caller
