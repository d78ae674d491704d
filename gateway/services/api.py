"""The services as the commands see them: value types and Protocols, no implementation.

Commands and session import this module and no concrete service, so that a simulated
network and a real one are exchangeable. Nothing in here knows the AT language.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from enum import Enum, IntEnum
from typing import Protocol

from gateway.records import Record


class ServiceError(Exception):
    """What the host could not do, in one sentence for the journal: what, why, what to do."""


class Interface(Enum):
    """The three network interfaces that an ESP module with Ethernet has."""

    STATION = "station"
    SOFTAP = "softap"
    ETHERNET = "ethernet"


class Encryption(IntEnum):
    """How an access point protects itself; the numbers are the contract's `ecn` (section 3)."""

    OPEN = 0
    WEP = 1
    WPA = 2
    WPA2 = 3
    WPA_WPA2 = 4
    ENTERPRISE = 5
    WPA3 = 6
    WPA2_WPA3 = 7


class Address(Record):
    """An IPv4 address with its gateway and mask, each dotted decimal."""

    ip: str
    gateway: str
    netmask: str


NO_ADDRESS = Address("0.0.0.0", "0.0.0.0", "0.0.0.0")


class Credentials(Record):
    """What it takes to join an access point. The password never shows in a repr."""

    ssid: bytes
    password: bytes = field(default=b"", repr=False)
    bssid: str | None = None


class AccessPoint(Record):
    """An access point as a scan sees it. `rssi` in dBm, `bssid` lower case with colons.

    `pairwise`, `group`, `modes` (bits b, g, n) and `wps` are Espressif's numbers; 0 where
    the host does not know them.
    """

    ssid: bytes
    bssid: str
    channel: int
    rssi: int
    encryption: Encryption
    pairwise: int = 0
    group: int = 0
    modes: int = 0
    wps: int = 0


class SoftApSettings(Record):
    """The access point that the gateway itself opens (`AT+CWSAP`)."""

    ssid: bytes
    password: bytes = field(repr=False)
    channel: int
    encryption: Encryption
    max_clients: int = 4
    hidden: bool = False


class Station(Record):
    """The Wi-Fi station as it is now. Not joined: `access_point` is None, so is `address`."""

    mac: str
    access_point: AccessPoint | None = None
    address: Address | None = None
    dns: tuple[str, ...] = ()


class SoftAp(Record):
    """Our own access point as it is now; `on_air` tells whether clients can join it."""

    mac: str
    on_air: bool = False
    address: Address | None = None


class Ethernet(Record):
    """The cable as it is now."""

    mac: str
    plugged: bool = False
    address: Address | None = None
    dns: tuple[str, ...] = ()


class Wanted(Record):
    """The whole network as the microcontroller asked for it; the network converges to it.

    A `None` MAC or host name leaves the hardware's own; a `None` address with DHCP off keeps
    whatever address was leased; a `None` softap is not put on the air. A host name is there
    only if one was asked for; otherwise `default_host_name` is told to DHCP servers, where
    the connection is not somebody else's. `autoconnect`: the host may join what is stored by
    itself, without us too. `stored`: what of all this outlives a reset.
    """

    station: bool = True
    softap_mode: bool = False
    station_dhcp: bool = True
    softap_dhcp: bool = True
    ethernet_dhcp: bool = True
    station_address: Address | None = None
    softap_address: Address | None = None
    ethernet_address: Address | None = None
    dns: tuple[str, ...] = ()
    station_mac: str | None = None
    softap_mac: str | None = None
    ethernet_mac: str | None = None
    station_host_name: str | None = None
    ethernet_host_name: str | None = None
    softap: SoftApSettings | None = None
    autoconnect: bool = True
    stored: Wanted | None = None

    @property
    def kept(self) -> Wanted:
        """What is to outlive a reset: `stored`, or all of it where nothing else was said."""
        return self.stored or self


def default_host_name(mac: str) -> str:
    """`ESP-` and the last six digits of the MAC, as the firmware names itself."""
    return "ESP-" + mac.replace(":", "")[-6:].upper()


class JoinFailure(IntEnum):
    """Why a join failed; the numbers are the contract's `+CWJAP:<code>` (section 3)."""

    TIMED_OUT = 1
    WRONG_PASSWORD = 2
    NO_SUCH_AP = 3
    OTHER = 4


class JoinError(Exception):
    """A join that did not come to an address. `detail` is one sentence for the journal."""

    def __init__(self, failure: JoinFailure, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail


class NetworkListener(Protocol):
    """Who wants to hear what happens to the network. Called on the event loop."""

    def station_connected(self) -> None:
        """The station is associated with an access point."""

    def station_got_address(self) -> None:
        """The station has an address, at first or another one."""

    def station_lost(self) -> None:
        """The station is no longer joined."""

    def ethernet_connected(self) -> None:
        """The cable carries a signal."""

    def ethernet_got_address(self, ip: str) -> None:
        """Ethernet has an address, at first or another one."""

    def ethernet_lost(self) -> None:
        """The cable was pulled, or Ethernet is down."""


class Network(Protocol):
    """Wi-Fi station, SoftAP and Ethernet. Its state is cached: reading it never waits."""

    @property
    def station(self) -> Station:
        """The station as it is now."""

    @property
    def softap(self) -> SoftAp:
        """The gateway's own access point as it is now."""

    @property
    def ethernet(self) -> Ethernet | None:
        """Ethernet as it is now; None where there is no such interface."""

    def interface_of(self, local_address: str) -> Interface | None:
        """The interface that a socket bound to `local_address` runs over, None if unknown."""

    async def start(self) -> None:
        """Connect to whatever stands behind; once, before the first `begin`."""

    async def close(self) -> None:
        """Give everything back; no task and no descriptor is left."""

    def begin(self, listener: NetworkListener, wanted: Wanted, stored: Credentials | None) -> None:
        """A session begins, after a start or a reset.

        Events go to `listener` from now on, to nobody else. The station is dropped, in
        silence, unless the access point of `stored` is the one joined. `wanted` is applied
        and `stored` joined in the background, over and over, until it works, a `join` or a
        `leave` comes, or the session ends.
        """

    def announce(self) -> None:
        """Tell the listener now what it has not been told yet."""

    def end(self) -> None:
        """The session ends: its listener hears nothing more."""

    def check(self, wanted: Wanted) -> None:
        """Raise ServiceError, with what is missing, where `wanted` cannot be had here."""

    def apply(self, wanted: Wanted) -> None:
        """Converge to `wanted`, in order, in the background.

        `station`, `softap` and `ethernet` answer the values set at once; events come later,
        never from within this call. What does not change is not touched.
        """

    async def scan(self, ssid: bytes | None = None) -> Sequence[AccessPoint]:
        """The access points in reach, within 9 s; `ssid` looks for a hidden one as well.

        Raises ServiceError where nothing can be scanned: no radio, or it is switched off.
        """

    async def join(self, credentials: Credentials, *, keep: bool) -> None:
        """Join an access point, within 18 s, leaving the present one first.

        Tells the listener `station_lost` (if it was joined) and `station_connected`, and
        returns once there is an address, without `station_got_address`: the caller says
        that one. `keep`: the host remembers the profile across restarts. Raises JoinError;
        the station is then unjoined. Cancelling it leaves the station unjoined too.
        """

    def leave(self) -> None:
        """Leave the access point and stay away until `join` or `begin`.

        `station` shows it at once; `station_lost` comes later, if it was joined. Raises
        ServiceError where that is forbidden; nothing has changed then.
        """


class Clock(Protocol):
    """The time of day as the operating system knows it."""

    @property
    def synchronised(self) -> bool:
        """Whether the operating system vouches for its clock."""

    def unix_time(self) -> float:
        """Seconds since 1970-01-01 00:00 UTC."""

    def use_servers(self, servers: tuple[str, ...]) -> None:
        """Ask these time servers from now on, in the background; () is the system's own choice."""

    async def doubt(self) -> str | None:
        """Why no certificate's dates can be checked now, one clause; None if they can."""

    async def close(self) -> None:
        """Give the time servers back; no task and no descriptor is left."""
