"""From the command line's options to the case."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from gateway import config
from gateway.config import Config, ConfigError
from gateway.doctor.case import Case, account_of, ask_service
from gateway.doctor.host import Host
from gateway.services import settings
from gateway.services.api_settings import Settings

_UNIT = "esp-at-gateway"


def load_case(host: Host, file: Path | None, instance: str | None) -> Case:
    """The gateway of this configuration file or instance, the machine's usual one for None.

    A configuration that cannot be used is the case's `fault`; its defaults are looked at.
    """
    unit = f"{_UNIT}@{instance}" if instance else _UNIT
    if instance and file is None:
        file = config.DEFAULT_PATH.with_name(f"{instance}.toml")
    fault: str | None = None
    try:
        loaded = config.load(file)
    except ConfigError as error:
        fault = str(error)
        loaded = Config().with_options(state_dir=config.state_dir_of(file))
    if instance:
        loaded = _of_instance(loaded, instance)
    service = ask_service(host, unit)
    return Case(
        host=host,
        file=file or config.DEFAULT_PATH,
        config=loaded,
        service=service,
        account=account_of(host, service),
        fault=fault,
        settings=_stored(host, loaded),
        instance=instance,
    )


def _of_instance(loaded: Config, instance: str) -> Config:
    """What the template's unit says on its command line: the line, and a state of its own."""
    return replace(
        loaded,
        uart=replace(loaded.uart, device=f"/dev/{_unescaped(instance)}"),
        storage=replace(loaded.storage, state_dir=Path(f"/var/lib/{_UNIT}-{instance}")),
    )


def _unescaped(instance: str) -> str:
    """systemd.unit(5), `%I`: a dash is a slash, `\\x2d` is a dash."""
    slashed = instance.replace("-", "/")
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), slashed)


def _stored(host: Host, loaded: Config) -> Settings:
    """The stored settings; the factory's where they cannot be read, which check_storage tells."""
    try:
        return settings.parse(host.read(str(loaded.storage.state_dir / settings.FILE_NAME)))
    except (OSError, ValueError):
        return Settings()
