"""Reaching the service's socket, and what to do where that fails."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gateway.config import Config, ConfigError, load
from gateway.services.api_trace import SOCKET_NAME

GROUP = "esp-at-gateway"
_LONGEST = 1 << 20


class Unreachable(Exception):
    """Nobody can be listened to. The message is one sentence that says what to do next."""


@dataclass(frozen=True, slots=True)
class Service:
    """A gateway to listen to: its socket, and the unit that runs it."""

    path: Path
    unit: str = "esp-at-gateway"


def find(config: Path | None, instance: str | None, path: Path | None) -> Service:
    """The service of a configuration file, of an instance, or at a socket.

    Raises ConfigError where a configuration that is named cannot be read.
    """
    unit = f"esp-at-gateway@{instance}" if instance else "esp-at-gateway"
    if path is not None:
        return Service(path, unit)
    if instance is not None:
        return Service(Path(f"/run/esp-at-gateway-{instance}") / SOCKET_NAME, unit)
    try:
        folder = load(config).storage.runtime_dir
    except ConfigError:
        if config is not None:
            raise
        folder = Config().storage.runtime_dir  # not readable for everybody, and seldom changed
    return Service(folder / SOCKET_NAME, unit)


def connect(service: Service) -> socket.socket:
    """A connection to the service. Raises Unreachable."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(service.path))
    except OSError as error:
        connection.close()
        raise Unreachable(_advice(service, error)) from error
    return connection


def lines(connection: socket.socket) -> Iterator[bytes]:
    """The records, a line each, until the service ends."""
    with connection, connection.makefile("rb") as records:
        # a line without its end is one that the service did not live to finish
        while (record := _next(records)).endswith(b"\n"):
            yield record


def _next(records: BinaryIO) -> bytes:
    try:
        return records.readline(_LONGEST)
    except ConnectionError:
        return b""


def _advice(service: Service, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return _not_permitted(service)
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
        unit = shlex.quote(service.unit)
        return (
            f"no gateway listens at {service.path}: sudo systemctl start {unit} "
            f"(why it does not run: journalctl -u {unit})"
        )
    return f"{service.path} cannot be connected to: {error.strerror or error}"


def _not_permitted(service: Service) -> str:
    user, group = _user(), _group_of(service.path.parent)
    if group is None or group.gr_name == "root":
        return f"{service.path} is not for {user}: use sudo"
    if user in group.gr_mem:
        return f"you are in the group {group.gr_name} only since your login: log in anew"
    return (
        f"you are not in the group {group.gr_name}: sudo usermod -aG {group.gr_name} {user}, "
        f"then log in anew; or use sudo"
    )


def _user() -> str:
    """Who we are by the number that counts, whatever the environment says."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return "$USER"


def _group_of(folder: Path) -> grp.struct_group | None:
    """The group that may listen, as far as that can be found out."""
    try:
        return grp.getgrgid(folder.stat().st_gid)
    except (OSError, KeyError):
        pass
    try:
        return grp.getgrnam(GROUP)
    except KeyError:
        return None
