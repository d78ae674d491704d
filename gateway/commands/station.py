"""The Wi-Fi station: modes, joining, scanning, leaving (contract, section 3)."""

from __future__ import annotations

import logging

from gateway.at import messages
from gateway.at.errors import ATError
from gateway.at.params import Integer, MacAddress, Switch, Text
from gateway.at.table import Commands
from gateway.commands.call import Call
from gateway.services.api import AccessPoint, Credentials, Interface, JoinError, ServiceError
from gateway.services.api_ranges import SSID_BYTES, STATION_PASSWORD_BYTES, is_password
from gateway.services.api_settings import SettingsError

commands = Commands()
logger = logging.getLogger("gateway.network")


def require_station(call: Call) -> None:
    """Raise ATError while the Wi-Fi mode has no station."""
    if not call.gateway.settings.in_force.has_station:
        raise ATError(cause="the Wi-Fi mode has no station; AT+CWMODE=1 or 3 gives one")


def check_password(password: bytes) -> None:
    """Raise ATError for what WPA cannot take: it needs 8 to 63 bytes, or 64 hex digits."""
    if not is_password(password):
        raise ATError(cause="the password is neither empty, 8 to 63 bytes, nor 64 hex digits")


def printable(ssid: bytes) -> str:
    """An SSID as a journal line can hold it."""
    return ascii(ssid.decode("utf-8", "backslashreplace"))


@commands.on("AT+CWMODE?", scoped=True)
async def query_mode(call: Call) -> bytes:
    """Show the Wi-Fi mode."""
    return messages.value(call.prefix, call.settings.values.mode)


@commands.on("AT+CWMODE=", Integer("mode", 0, 3), scoped=True)
async def set_mode(call: Call, mode: int) -> None:
    """Choose station (1), SoftAP (2) or both (3)."""
    mode = mode or 1
    call.gateway.require_network(station=mode in (1, 3), softap_mode=mode in (2, 3))
    await call.settings.change(mode=mode)
    values = call.gateway.settings.in_force
    if not values.has_station:
        call.gateway.announcements.close_over(Interface.STATION)
    if not values.has_softap:
        call.gateway.announcements.close_over(Interface.SOFTAP)
    call.gateway.apply_network()


@commands.on("AT+CWJAP?", scoped=True)
async def query_access_point(call: Call) -> bytes:
    """Show the access point that is joined."""
    require_station(call)
    joined = call.gateway.network.station.access_point
    if joined is None:
        return messages.NO_AP
    return messages.joined(call.prefix, joined.ssid, joined.bssid, joined.channel, joined.rssi)


@commands.on(
    "AT+CWJAP=",
    Text("ssid", *SSID_BYTES),
    Text("password", *STATION_PASSWORD_BYTES, secret=True),
    MacAddress("bssid", unicast=False, optional=True),
    Integer("pci", 0, 1, optional=True),
    scoped=True,
)
async def join(call: Call, ssid: bytes, password: bytes, bssid: str | None, pci: int) -> bytes:
    """Join an access point."""
    require_station(call)
    check_password(password)
    gateway = call.gateway
    credentials = Credentials(ssid, password, bssid)
    gateway.announcements.close_over(Interface.STATION)
    try:
        await gateway.network.join(credentials, keep=call.settings.stores)
    except JoinError as error:
        raise ATError(
            "", f"+CWJAP:{error.failure.value}", final="FAIL", cause=error.detail
        ) from None
    logger.info("joined %s", printable(ssid))
    try:
        await call.settings.change(access_point=credentials)
    except SettingsError as error:
        raise ATError("WIFI GOT IP", cause=f"joined, but {error}") from None
    return messages.JOINED


@commands.on(
    "AT+CWLAPOPT=",
    Switch("sort by RSSI"),
    Integer("mask", 0, 2047),
    Integer("least RSSI", -100, 40, optional=True, default=-100),
    Integer("encryption mask", 0, 0xFFFF, optional=True, default=0xFFFF),
)
async def set_scan_options(call: Call, sort: bool, mask: int, rssi: int, modes: int) -> None:
    """Choose the order, fields and filters of AT+CWLAP."""
    volatile = call.volatile
    volatile.scan_sorted, volatile.scan_mask = sort, mask
    volatile.scan_rssi, volatile.scan_modes = rssi, modes


@commands.on("AT+CWLAP")
async def scan(call: Call) -> bytes:
    """List the access points in reach."""
    return await _scan(call, None, None, None)


@commands.on(
    "AT+CWLAP=",
    Text("ssid", 0, 32, optional=True),
    MacAddress("bssid", unicast=False, optional=True),
    Integer("channel", 1, 196, optional=True),
)
async def scan_for(call: Call, ssid: bytes | None, bssid: str | None, channel: int | None) -> bytes:
    """List the access points of one name, BSSID or channel."""
    return await _scan(call, ssid or None, bssid, channel)


async def _scan(call: Call, ssid: bytes | None, bssid: str | None, channel: int | None) -> bytes:
    require_station(call)
    volatile = call.volatile
    try:
        points = await call.gateway.network.scan(ssid)
    except ServiceError as error:
        raise ATError(cause=str(error)) from None
    found = [
        point
        for point in points
        if point.ssid.strip(b"\0")
        and (ssid is None or point.ssid == ssid)
        and (bssid is None or point.bssid == bssid)
        and (channel is None or point.channel == channel)
        and point.rssi >= volatile.scan_rssi
        and volatile.scan_modes >> point.encryption & 1
    ]
    if volatile.scan_sorted:
        found.sort(key=lambda point: point.rssi, reverse=True)
    return messages.answer(
        *[messages.access_point(_fields(point), volatile.scan_mask) for point in found]
    )


def _fields(point: AccessPoint) -> list[int | str | bytes]:
    """The fields in the order of AT+CWLAPOPT's mask; frequency offsets are not known."""
    return [
        int(point.encryption),
        point.ssid,
        point.rssi,
        point.bssid,
        point.channel,
        0,
        0,
        point.pairwise,
        point.group,
        point.modes,
        point.wps,
    ]


@commands.on("AT+CWQAP")
async def leave(call: Call) -> None:
    """Leave the access point."""
    try:
        call.gateway.network.leave()
    except ServiceError as error:
        raise ATError(cause=str(error)) from None
    call.gateway.announcements.close_over(Interface.STATION)


@commands.on("AT+CWAUTOCONN?")
async def query_autoconnect(call: Call) -> bytes:
    """Show whether the stored access point is joined at start."""
    return messages.value(call.prefix, int(call.gateway.settings.stored.autoconnect))


@commands.on("AT+CWAUTOCONN=", Switch("enable"))
async def set_autoconnect(call: Call, enable: bool) -> None:
    """Join the stored access point at start, or not."""
    await call.gateway.settings.default.change(autoconnect=enable)
    call.gateway.apply_network()
