"""The settings that survive a reset, as the commands see them."""

from __future__ import annotations

from typing import Any, Protocol

from gateway.records import Record
from gateway.services.api import Address, Credentials, ServiceError, SoftApSettings
from gateway.services.api_line import UartSettings
from gateway.services.api_ranges import OutOfRange

CERTIFICATES = (1, 64)
"""Between these is the most certificates that there may be."""


class SettingsError(ServiceError):
    """The settings could not be stored; what was in force before still is."""


class Settings(Record):
    """One whole set of settings; the defaults are the factory's (contract, section 1).

    `uart` None is the speed of the configuration file. Addresses and MACs that are None leave
    it to DHCP or the hardware; `softap` None was never set and is not put on the air.
    Raises OutOfRange for a mode or a maximum that cannot be. What else of it can be stored is
    known to `settings_checks`: what is in force for a while may also be what a host has leased.
    """

    mode: int = 1
    autoconnect: bool = True
    access_point: Credentials | None = None
    station_dhcp: bool = True
    softap_dhcp: bool = True
    ethernet_dhcp: bool = True
    station_address: Address | None = None
    softap_address: Address | None = None
    ethernet_address: Address | None = None
    station_mac: str | None = None
    softap_mac: str | None = None
    ethernet_mac: str | None = None
    dns: tuple[str, ...] = ()
    softap: SoftApSettings | None = None
    uart: UartSettings | None = None
    certificate_maximum: int = 5

    def __post_init__(self) -> None:
        if self.mode not in (1, 2, 3):
            raise OutOfRange("mode", self.mode, "1 to 3")
        low, high = CERTIFICATES
        if not low <= self.certificate_maximum <= high:
            raise OutOfRange("certificate_maximum", self.certificate_maximum, f"{low} to {high}")

    @property
    def has_station(self) -> bool:
        """Whether the Wi-Fi mode has a station."""
        return self.mode in (1, 3)

    @property
    def has_softap(self) -> bool:
        """Whether the Wi-Fi mode has a SoftAP."""
        return self.mode in (2, 3)


class SettingsView(Protocol):
    """The settings through a command's suffix (contract, section 1, `_CUR` and `_DEF`)."""

    @property
    def values(self) -> Settings:
        """What a query of this suffix answers."""

    @property
    def reads_stored(self) -> bool:
        """Whether a query of this suffix answers what is stored."""

    @property
    def stores(self) -> bool:
        """Whether a set of this suffix is stored."""

    async def change(self, **changes: Any) -> None:
        """Set the named fields where this suffix sets them; stored ones are on the disk then.

        Raises SettingsError; nothing is changed then.
        """


class SettingsBook(Protocol):
    """What is in force, what is stored, and the views of both."""

    @property
    def in_force(self) -> Settings:
        """What counts now; forgotten at a reset."""

    @property
    def stored(self) -> Settings:
        """What counts after a reset."""

    @property
    def current(self) -> SettingsView:
        """`_CUR`: reads and sets what is in force."""

    @property
    def default(self) -> SettingsView:
        """`_DEF`: reads what is stored; a set is stored and in force."""

    @property
    def plain(self) -> SettingsView:
        """No suffix: reads what is in force; a set is stored and in force."""

    async def restore_factory(self) -> None:
        """Store the factory's settings. What is in force stays until the reset."""
