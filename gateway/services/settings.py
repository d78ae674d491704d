"""What is in force and what is stored, and the one file that keeps it.

The file is JSON with a version, mode 0600, in the state directory, and replaced whole.
"""

from __future__ import annotations

import asyncio
import json
import logging
import types
import typing
from dataclasses import MISSING, fields, is_dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

from gateway.services.api_ranges import OutOfRange
from gateway.services.api_settings import Settings, SettingsError
from gateway.services.atomic_file import Unreadable, read_file, remedy, replace_file, set_aside

VERSION = 1
FILE_NAME = "settings.json"

_NAMES = {bool: "true or false", int: "a whole number", str: "a text", bytes: "a text"}

logger = logging.getLogger("gateway.settings")


class StoredSettings:
    """The settings of one gateway, loaded from `directory`. Satisfies SettingsBook.

    A file that is unreadable, holds what no command stores, or is of a later version, is set
    aside as `settings.json.bad` and the factory's settings count. Raises OSError where the
    machine is out of descriptors or memory.
    """

    def __init__(self, directory: Path) -> None:
        self._file = directory / FILE_NAME
        self._writing = asyncio.Lock()
        # A write that failed may have replaced the file all the same.
        self._disk_in_doubt = False
        self.stored = _load(self._file)
        self.in_force = self.stored
        self.current = _View(self, reads_stored=False, stores=False)
        self.default = _View(self, reads_stored=True, stores=True)
        self.plain = _View(self, reads_stored=False, stores=True)

    def reset(self) -> None:
        """What is in force falls back to what is stored."""
        self.in_force = self.stored

    async def restore_factory(self) -> None:
        """Store the factory's settings. Raises SettingsError."""
        await self.store(Settings())

    async def store(self, settings: Settings) -> None:
        """Make `settings` the stored ones; they are on the disk on return.

        Finishes even when the caller is cancelled. Raises SettingsError.
        """
        if settings == self.stored and not self._disk_in_doubt:
            return
        storing = asyncio.ensure_future(self._store(settings))
        try:
            await asyncio.shield(storing)
        except asyncio.CancelledError:
            storing.add_done_callback(_tell_failure)
            raise

    async def settled(self) -> None:
        """Wait until nothing is being written."""
        async with self._writing:
            pass

    async def _store(self, settings: Settings) -> None:
        async with self._writing:
            try:
                await asyncio.to_thread(_write, self._file, settings)
            except OSError as error:
                self._disk_in_doubt = True
                raise SettingsError(
                    f"the settings could not be stored in {self._file.parent}: "
                    f"{remedy(error, self._file.parent)}"
                ) from error
            self.stored, self._disk_in_doubt = settings, False
        logger.info("settings stored")


class _View:
    """StoredSettings as one suffix sees it."""

    def __init__(self, book: StoredSettings, *, reads_stored: bool, stores: bool) -> None:
        self._book = book
        self.reads_stored = reads_stored
        self.stores = stores

    @property
    def values(self) -> Settings:
        """What a query answers."""
        return self._book.stored if self.reads_stored else self._book.in_force

    async def change(self, **changes: Any) -> None:
        """Set fields where this suffix sets them. Raises SettingsError."""
        if self.stores:
            await self._book.store(replace(self._book.stored, **changes))
        self._book.in_force = replace(self._book.in_force, **changes)


def _tell_failure(storing: asyncio.Future[None]) -> None:
    """Put into the journal what nobody waits for any more."""
    error = None if storing.cancelled() else storing.exception()
    if error is not None:
        logger.error("%s", error)


def _check(settings: Settings) -> None:
    """Raise SettingsError for what would be set aside when it is loaded, and lost with all else."""
    from gateway.services.settings_checks import check

    try:
        check(settings)
    except ValueError as error:
        raise SettingsError(f"cannot be stored: {error}") from error


def _load(file: Path) -> Settings:
    try:
        text = read_file(file)
    except FileNotFoundError:
        return Settings()
    except Unreadable as error:
        return _set_aside(file, str(error))
    try:
        return parse(text)
    except ValueError as error:
        return _set_aside(file, str(error))


def parse(text: str) -> Settings:
    """The settings that a file of this text holds. Raises ValueError: which key, and why."""
    from gateway.services.settings_checks import check

    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError(str(error)) from error
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise ValueError(f"its version is not {VERSION}, as this esp-at-gateway writes it")
    settings = _decode(Settings, content.get("settings"), "")
    assert isinstance(settings, Settings)
    check(settings)
    return settings


def _set_aside(file: Path, why: str) -> Settings:
    kept = set_aside(file)
    logger.error("settings unreadable (%s), %s; factory settings are used", why, kept)
    return Settings()


def _write(file: Path, settings: Settings) -> None:
    _check(settings)
    text = json.dumps({"version": VERSION, "settings": _encode(settings)}, indent=1)
    replace_file(file, text)


def _encode(value: Any) -> Any:
    """JSON of a value: bytes as latin-1 text, data classes as objects."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    return value


def _decode(kind: Any, value: Any, key: str) -> Any:
    """The reverse of `_encode`; `key` is where `value` stands, "" for all of it.

    Raises ValueError, with the key, for what does not fit.
    """
    if isinstance(kind, types.UnionType):
        if value is None:
            return None
        kind = next(part for part in typing.get_args(kind) if part is not type(None))
    if is_dataclass(kind) and isinstance(kind, type):
        return _decode_fields(kind, value, key)
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{key} is not a list")
        inner = typing.get_args(kind)[0]
        return tuple(_decode(inner, item, f"{key}[{n}]") for n, item in enumerate(value))
    if kind is bytes and isinstance(value, str):
        return _as_bytes(value, key)
    if isinstance(kind, type) and issubclass(kind, IntEnum):
        return _member(kind, _decode(int, value, key), key)
    if type(value) is not kind:
        raise ValueError(f"{key} is not {_NAMES[kind]}")
    return value


def _decode_fields(kind: type[Any], value: Any, key: str) -> Any:
    """A data class, of an object with some of its fields."""
    from gateway.services.settings_checks import shown

    if not isinstance(value, dict):
        raise ValueError(f"{key or 'settings'} is not an object")
    prefix = f"{key}." if key else ""
    hints = typing.get_type_hints(kind)
    # Not by the hints, which know the class's own variables too.
    if unknown := value.keys() - {each.name for each in fields(kind)}:
        raise ValueError(f"{prefix}{shown(min(unknown))} is unknown")
    for each in fields(kind):
        required = each.default is MISSING and each.default_factory is MISSING
        if required and each.name not in value:
            raise ValueError(f"{prefix}{each.name} is missing")
    decoded = {name: _decode(hints[name], item, prefix + name) for name, item in value.items()}
    try:
        return kind(**decoded)
    except ValueError as error:
        raise ValueError(f"{prefix}{error}") from error


def _as_bytes(text: str, key: str) -> bytes:
    """Without the text in any message, as it may be a password."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"{key} is no text of bytes") from None


def _member(kind: type[IntEnum], number: int, key: str) -> IntEnum:
    try:
        return kind(number)
    except ValueError:
        raise OutOfRange(key, number, ", ".join(str(int(each)) for each in kind)) from None
