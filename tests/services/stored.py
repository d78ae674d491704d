"""What tests of the stored settings share: a full set, and writes that fail or wait."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from gateway.services import settings as module
from gateway.services.api import Address, Credentials, Encryption, SoftApSettings
from gateway.services.api_line import UartSettings
from gateway.services.api_settings import Settings
from gateway.services.settings import StoredSettings

EVERY_BYTE = bytes(range(256))
FULL = Settings(
    mode=3,
    autoconnect=False,
    access_point=Credentials(EVERY_BYTE[:32], EVERY_BYTE[32:95], "06:00:00:00:00:01"),
    station_dhcp=False,
    softap_dhcp=False,
    ethernet_dhcp=False,
    station_address=Address("10.1.0.2", "10.1.0.1", "255.255.255.0"),
    softap_address=Address("10.2.0.2", "10.2.0.1", "255.255.0.0"),
    ethernet_address=Address("10.3.0.2", "10.3.0.1", "255.0.0.0"),
    station_mac="02:00:00:00:00:01",
    softap_mac="02:00:00:00:00:02",
    ethernet_mac="02:00:00:00:00:03",
    dns=("9.9.9.9", "1.1.1.1"),
    softap=SoftApSettings(EVERY_BYTE[128:160], EVERY_BYTE[193:], 13, Encryption.WPA_WPA2, 8, True),
    uart=UartSettings(9600, 7, 3, 2, 2),
    certificate_maximum=64,
)


def file_of(directory: Path) -> Path:
    """The one file."""
    return directory / "settings.json"


def store(directory: Path, settings: Settings) -> None:
    """Store `settings` as a program would that ends then."""

    async def main() -> None:
        await StoredSettings(directory).store(settings)

    asyncio.run(main())


@contextmanager
def failing(name: str, code: int) -> Iterator[None]:
    """The system call `name` fails."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, name, fail)
        yield


class Gate:
    """Lets a write begin, and end only when the test says so; it may then fail."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._loop = asyncio.get_running_loop()
        self.begun = asyncio.Event()
        self.open = threading.Event()
        self.error: OSError | None = None
        self._write = module._write
        patch.setattr(module, "_write", self._write_slowly)

    def _write_slowly(self, file: Path, settings: Settings) -> None:
        self._loop.call_soon_threadsafe(self.begun.set)
        assert self.open.wait(10)
        if self.error is not None:
            raise self.error
        self._write(file, settings)
