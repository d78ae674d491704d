"""What the simulated network is made of: access points in reach, subnets, a cable.

Values only; nothing in here waits or changes.
"""

from __future__ import annotations

import ipaddress
import zlib
from dataclasses import field

from gateway.records import Record
from gateway.services.api import AccessPoint, Address, Encryption, JoinError, JoinFailure

# Locally administered (IEEE 802, bit 1 of the first byte): no maker's module has these.
STATION_MAC = "02:a7:0d:5e:00:10"
SOFTAP_MAC = "02:a7:0d:5e:00:11"
ETHERNET_MAC = "02:a7:0d:5e:00:12"


class SimulatedAccessPoint(Record):
    """An access point of the simulated world.

    `channel` 1…13, `rssi` in dBm. Without `bssid` (lower case, colons) it has a locally
    administered one that follows from SSID and channel. `dhcp` False: it gives no addresses.
    An open access point has the password `b""`.
    """

    ssid: bytes
    password: bytes = field(default=b"", repr=False)
    encryption: Encryption = Encryption.OPEN
    channel: int = 1
    rssi: int = -60
    bssid: str | None = None
    hidden: bool = False
    dhcp: bool = True

    def seen(self) -> AccessPoint:
        """What a scan shows of it."""
        bssid = (self.bssid or _bssid(self.ssid, self.channel)).lower()
        return AccessPoint(self.ssid, bssid, self.channel, self.rssi, self.encryption)

    def admit(self, password: bytes) -> None:
        """Let a station with `password` in, or raise JoinError with the reason.

        An open access point takes any password, as an ESP does not offer it one. WPA keys
        are 8…63 characters or 64 hex digits (IEEE 802.11, annex J.4); WPA3 takes no hex key.
        """
        if self.encryption is Encryption.OPEN:
            return
        if self.encryption in (Encryption.WEP, Encryption.ENTERPRISE):
            raise JoinError(
                JoinFailure.OTHER,
                f"The access point wants {self.encryption.name}, which is not supported.",
            )
        if not self._fits(password):
            raise JoinError(
                JoinFailure.WRONG_PASSWORD, "The access point refused the password; correct it."
            )

    def _fits(self, password: bytes) -> bool:
        if len(password) < 8:
            return False
        if password == self.password:
            return True
        if len(password) != 64 or self.encryption is Encryption.WPA3:
            return False
        try:
            return bytes.fromhex(password.decode("ascii")) == self._key()
        except ValueError:
            return False

    def _key(self) -> bytes:
        """The pre-shared key that follows from the password (IEEE 802.11, annex J.4)."""
        # Here, because hardly anybody joins with a key.
        import hashlib

        return hashlib.pbkdf2_hmac("sha1", self.password, self.ssid, 4096, 32)


DEFAULT_ACCESS_POINTS = (
    SimulatedAccessPoint(b"esp-at-sim", b"password", Encryption.WPA2, channel=6, rssi=-48),
    SimulatedAccessPoint(b"esp-at-open", channel=1, rssi=-61),
    SimulatedAccessPoint(b"esp-at-wpa3", b"password", Encryption.WPA3, channel=11, rssi=-72),
)


class World(Record):
    """Everything around the simulated gateway, as the configuration has it.

    `pace` multiplies every waiting: 1.0 is realistic, 0 waits for nothing. A subnet
    (`a.b.c.d/n`, n at most 30) holds the DHCP server and gateway at its first address.
    Raises ValueError for a subnet that has no room.
    """

    access_points: tuple[SimulatedAccessPoint, ...] = DEFAULT_ACCESS_POINTS
    station_subnet: str = "192.168.100.0/24"
    ethernet_subnet: str = "192.168.101.0/24"
    ethernet: bool = True
    ethernet_plugged: bool = True
    pace: float = 1.0

    def __post_init__(self) -> None:
        for subnet in (self.station_subnet, self.ethernet_subnet):
            if ipaddress.IPv4Network(subnet).prefixlen > 30:
                raise ValueError(f"{subnet} has no room for a gateway and a client")


def lease(subnet: str, mac: str) -> Address:
    """The address that the DHCP server of `subnet` gives to `mac`: always the same one."""
    network = ipaddress.IPv4Network(subnet)
    clients = network.num_addresses - 3
    host = 2 + int(mac[-2:], 16) % clients
    return Address(str(network[host]), str(network[1]), str(network.netmask))


def address_in_force(
    dhcp: bool, fixed: Address | None, leased: Address | None, last: Address | None
) -> Address | None:
    """The address of an interface that has a link.

    With DHCP the one `leased`; without it the `fixed` one, and where none was set the one
    it had `last` (`AT+CWDHCP=1,0` without `AT+CIPSTA`, contract, section 3).
    """
    return leased if dhcp else fixed or last


def servers_in_force(
    wanted: tuple[str, ...], leased: Address | None, address: Address | None
) -> tuple[str, ...]:
    """The DNS servers of an interface: the user's, else DHCP's (its gateway), if it leased."""
    if wanted:
        return wanted
    return (leased.gateway,) if leased is not None and address == leased else ()


def _bssid(ssid: bytes, channel: int) -> str:
    return "06:a7:" + zlib.crc32(ssid + bytes([channel])).to_bytes(4, "big").hex(":")
