"""Links, servers and certificates as the commands see them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

from gateway.records import Record
from gateway.services.api import Interface, ServiceError

SLOTS = 5
"""How many links there can be at once."""


class Authentication(IntEnum):
    """How the peer of a TLS link proves who it is (contract, section 7, `CIPSSLAUTH`)."""

    NONE = 0
    FINGERPRINT = 1
    CHAIN = 2


class TlsProfile(Record):
    """What a TLS link to be opened asks of its peer.

    `fingerprint` is SHA-1 (20 bytes) or SHA-256 (32) of the leaf certificate; `anchors` are
    PEM certificates; `fragment_length` offers RFC 6066's Maximum Fragment Length, None not.
    """

    authentication: Authentication = Authentication.NONE
    fingerprint: bytes | None = None
    anchors: tuple[bytes, ...] = ()
    fragment_length: int | None = None


class LookupFailed(ServiceError):
    """The name could not be resolved, or not in time."""


class ConnectFailed(ServiceError):
    """No connection: refused, timed out, or TLS was refused."""


class LinkBroken(ServiceError):
    """The peer is gone, or took nothing for too long; not all data has been sent."""


class Link(Protocol):
    """One open connection, TCP or TLS.

    It reads ahead into a bounded buffer; while that is full the socket is not read, so that
    TCP holds the sender back.
    """

    @property
    def slot(self) -> int:
        """Its id, 0 to 4."""

    @property
    def kind(self) -> str:
        """`TCP` or `SSL`."""

    @property
    def remote(self) -> tuple[str, int]:
        """The peer's address and port."""

    @property
    def local_port(self) -> int:
        """Our port."""

    @property
    def accepted(self) -> bool:
        """Whether a server of ours accepted it."""

    @property
    def interface(self) -> Interface | None:
        """What it runs over, None if that is not known."""

    @property
    def waiting(self) -> int:
        """Bytes received and not yet taken."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will be received; `waiting` bytes may still be taken."""

    @property
    def fragment_length(self) -> int:
        """The agreed Maximum Fragment Length, 0 for none."""

    def take(self, limit: int) -> bytes:
        """At most `limit` of the waiting bytes, in order."""

    def send_at_once(self, data: bytes) -> int:
        """Hand to the kernel what it takes of `data` without waiting; how many bytes.

        Raises LinkBroken.
        """

    async def send(self, data: bytes) -> None:
        """Hand `data` to the kernel. Raises LinkBroken; the link ends then, if not at once."""


class LinkListener(Protocol):
    """Who wants to hear of links. Called on the event loop."""

    def link_accepted(self, link: Link) -> None:
        """A server took a connection on the lowest free slot."""

    def link_changed(self, link: Link) -> None:
        """More data waits, or the link has ended."""


class Links(Protocol):
    """The five slots."""

    def __getitem__(self, slot: int) -> Link | None:
        """The link of a slot."""

    def open_links(self) -> Sequence[Link]:
        """The links of all taken slots, in their order."""

    @property
    def last_one_closed(self) -> bool:
        """Whether the last open link has been closed and none opened since."""

    def forget_last_one(self) -> None:
        """A join: the status is no longer that of a closed link."""

    def abort_next_close(self, slot: int, abort: bool) -> None:
        """The next close of the slot's link resets the connection (or not, again)."""

    async def resolve(self, host: str, seconds: float) -> str:
        """The address of `host` within `seconds`. Raises LookupFailed."""

    async def open(
        self, slot: int, host: str, port: int, *, keep_alive: int, tls: TlsProfile | None
    ) -> Link:
        """Connect; lookup, connection and handshake end within the configured time.

        `keep_alive` in seconds, 0 for none. Raises LookupFailed or ConnectFailed.
        """

    async def offers_fragment_length(self, host: str, port: int, length: int) -> bool:
        """Whether a TLS server agrees to a Maximum Fragment Length; unreachable is False."""

    def close(self, link: Link) -> None:
        """Close it and free its slot; what it still holds is dropped."""


class PortTaken(ServiceError):
    """The port cannot be listened on."""


class NoChange(ServiceError):
    """The server runs already, none runs, or there are five."""


class Servers(Protocol):
    """The TCP servers; each link that they accept takes a slot."""

    @property
    def running(self) -> int:
        """How many."""

    max_links: int
    """How many accepted links there may be at once, over all servers."""

    idle_limit: int
    """Seconds without a byte after which an accepted link is closed; 0 never."""

    def listen(self, port: int) -> None:
        """Start a server. Raises PortTaken or NoChange."""

    def stop(self, port: int | None) -> None:
        """Stop the server of that port, None the oldest; its links stay. Raises NoChange."""


class CertificateRefused(ServiceError):
    """The text is no certificate that can be trusted."""


class CertificateKnown(ServiceError):
    """The same certificate is loaded already."""


class Certificates(Protocol):
    """The certificates that chain authentication trusts."""

    maximum: int
    """How many can be loaded; more that are loaded already stay."""

    @property
    def full(self) -> bool:
        """Whether there is no room for one more."""

    @property
    def anchors(self) -> tuple[bytes, ...]:
        """All of them, PEM."""

    def __len__(self) -> int: ...

    async def listed(self, issuer: bool = False) -> list[str]:
        """The subjects' (or issuers') common names, in order. Raises CertificateRefused."""

    def delete(self, number: int) -> None:
        """Forget number 1, 2, …; the rest is renumbered. Raises IndexError."""

    async def add(self, pem: bytes) -> None:
        """Load one more. Raises CertificateRefused or CertificateKnown."""
