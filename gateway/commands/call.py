"""What a command's function is given: the call itself, the gateway, and the conversation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from gateway.at.errors import ATError
from gateway.at.messages import Style
from gateway.records import Record
from gateway.services.api import (
    Address,
    Clock,
    Interface,
    Network,
    ServiceError,
    Wanted,
    default_host_name,
)
from gateway.services.api_line import Line, UartSettings
from gateway.services.api_links import (
    Authentication,
    Certificates,
    Link,
    Links,
    Servers,
    TlsProfile,
)
from gateway.services.api_settings import Settings, SettingsBook, SettingsView

FULL_RECORD = 16384
"""The size at which no Maximum Fragment Length is offered (contract, section 7)."""


class Volatile:
    """What a reset forgets and no setting stores (contract, section 1)."""

    def __init__(self) -> None:
        self.multiplexing = False
        self.pass_through = False
        self.source_shown = False
        self.passive = False
        self.scan_sorted = False
        self.scan_mask = 2047
        self.scan_rssi = -100
        self.scan_modes = 0xFFFF
        self.authentication: Authentication = Authentication.NONE
        self.fingerprint: bytes | None = None
        self.record_size = FULL_RECORD
        self.cpu_mhz = 80
        self.rf_mode = 3
        self.time_enabled = True
        self.time_zone = 0
        self.time_servers: tuple[str, ...] = ("pool.ntp.org", "time.nist.gov")
        self.time_servers_chosen = False
        self.station_host_name: str | None = None
        self.ethernet_host_name: str | None = None
        self.hardware_macs: dict[Interface, str] = {}


class Conversation(Protocol):
    """The session, as the command that it runs sees it."""

    def set_echo(self, echo: bool) -> None:
        """Echo command lines from the next one on, or not."""

    def payload(self, length: int) -> Awaitable[bytes]:
        """Prompt and give the `length` bytes that follow.

        Raises ATError (SEND FAIL) when they do not come. Must be the first thing awaited.
        """

    def certificate_text(self) -> Awaitable[tuple[bytes, int]]:
        """Prompt and give PEM text and its characters. ATError; must be awaited first."""

    def payload_received(self, length: int) -> None:
        """Say that the payload is in; from here to the reply `busy s...` is answered."""

    async def pass_through(self, transfer: PassThrough) -> None:
        """Prompt and hand every packet to `transfer`, until the escape."""

    def reset(self) -> None:
        """After the reply, end the session and begin a new one."""

    def change_line_after_reply(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` when the reply has been written and before anything else is read."""


class PassThrough(Protocol):
    """Who takes what the microcontroller sends in pass-through."""

    def packet(self, data: bytes) -> None:
        """Bytes to send."""

    @property
    def congested(self) -> bool:
        """Whether no more packets can be taken for now."""

    def begin(self, on_relief: Callable[[], None]) -> None:
        """The prompt is written: begin. `on_relief` when `congested` has become false."""


class Announcements(Protocol):
    """What is said unasked; commands only need to steer it."""

    def write_through(self, link: Link, ended: Callable[[], None]) -> None:
        """Write that link's data without framing, and nothing else.

        `ended` is called when the link has ended and all its data is written.
        """

    def write_framed(self) -> None:
        """Write notifications and framed data again."""

    def close(self, link: Link) -> None:
        """Close a link without a word, the caller says it."""

    def close_over(self, interface: Interface) -> None:
        """Close the links that run over an interface, and say so at once."""


class Target(Record):
    """Where a link was opened to, so that pass-through can open it again."""

    host: str
    port: int
    keep_alive: int
    tls: TlsProfile | None


@dataclass(eq=False, repr=False, slots=True)
class Gateway:
    """Everything that commands work on, for the length of one session."""

    network: Network
    links: Links
    servers: Servers
    certificates: Certificates
    clock: Clock
    line: Line
    settings: SettingsBook
    conversation: Conversation
    announcements: Announcements
    memory: Callable[[], tuple[int, int]]
    style: Style = Style.README
    target: Target | None = None
    volatile: Volatile = field(default_factory=Volatile)
    uart_at_start: UartSettings = field(init=False)

    def __post_init__(self) -> None:
        # a session begins at the stored speed; where none is stored, at the configuration's
        self.uart_at_start = self.line.settings

    def apply_network(self) -> None:
        """Hand what is in force to the network, which converges to it in the background."""
        self.network.apply(self.wanted())

    def require_network(self, **changes: Any) -> None:
        """Raise ATError where this machine cannot have what is wanted, with `changes` of it."""
        try:
            self.network.check(replace(self.wanted(), **changes))
        except ServiceError as error:
            raise ATError(cause=str(error)) from None

    def wanted(self) -> Wanted:
        """The network as the settings in force want it, and as the stored ones do."""
        wanted = self._wanted(self.settings.in_force)
        return replace(
            wanted,
            station_host_name=self.volatile.station_host_name,
            ethernet_host_name=self.volatile.ethernet_host_name,
            stored=self._wanted(self.settings.stored),
        )

    def _wanted(self, values: Settings) -> Wanted:
        return Wanted(
            station=values.has_station,
            softap_mode=values.has_softap,
            station_dhcp=values.station_dhcp,
            softap_dhcp=values.softap_dhcp,
            ethernet_dhcp=values.ethernet_dhcp,
            station_address=None if values.station_dhcp else values.station_address,
            softap_address=values.softap_address,
            ethernet_address=None if values.ethernet_dhcp else values.ethernet_address,
            dns=values.dns,
            station_mac=values.station_mac,
            softap_mac=values.softap_mac,
            ethernet_mac=values.ethernet_mac,
            softap=values.softap,
            autoconnect=self.settings.stored.autoconnect,
        )

    def station_host_name(self) -> str:
        """The name that the station tells DHCP servers; at first an ESP-01's."""
        return self.volatile.station_host_name or default_host_name(self.network.station.mac)

    def ethernet_host_name(self) -> str | None:
        """As `station_host_name`, None without such an interface."""
        ethernet = self.network.ethernet
        if ethernet is None:
            return None
        return self.volatile.ethernet_host_name or default_host_name(ethernet.mac)

    def tls_profile(self) -> TlsProfile:
        """What a TLS link opened now asks of its peer."""
        volatile = self.volatile
        return TlsProfile(
            authentication=volatile.authentication,
            fingerprint=volatile.fingerprint,
            anchors=self.certificates.anchors,
            fragment_length=volatile.record_size if volatile.record_size < FULL_RECORD else None,
        )

    def has_address(self) -> bool:
        """Whether any interface has an address."""
        ethernet = self.network.ethernet
        return (
            self.network.station.address is not None
            or self.network.softap.address is not None
            or (ethernet is not None and ethernet.address is not None)
        )

    def link_id(self, link: Link) -> int | None:
        """The id to write for a link: None while multiplexing is off."""
        return link.slot if self.volatile.multiplexing else None


@dataclass(eq=False, repr=False, slots=True)
class Call:
    """One execution of a command: as what it was asked, in which scope, on which gateway."""

    prefix: str
    settings: SettingsView
    gateway: Gateway

    @property
    def volatile(self) -> Volatile:
        """What a reset forgets."""
        return self.gateway.volatile

    def mac(self, interface: Interface, chosen: str | None, present: str) -> str:
        """The MAC to answer: the `chosen` one, else the hardware's, in lower case."""
        return (chosen or self.volatile.hardware_macs.get(interface, present)).lower()

    def keep_mac(self, interface: Interface, present: str) -> None:
        """Remember the hardware's MAC, before the first change hides it."""
        self.volatile.hardware_macs.setdefault(interface, present)


def address_from(ip: str, gateway: str | None, netmask: str | None) -> Address:
    """An address; without gateway and mask the `.1` of its /24 and 255.255.255.0.

    Raises ATError when only one of the two is there.
    """
    if (gateway is None) != (netmask is None):
        raise ATError(cause="a gateway needs a netmask, and a netmask a gateway")
    return Address(ip, gateway or ip.rpartition(".")[0] + ".1", netmask or "255.255.255.0")
