"""The CA certificates that chain authentication trusts (serial contract, section 7).

OpenSSL reads them and trusts them. Their names are read by `cryptography`, which costs some 6 MB
and more time than the event loop may wait: it is imported in a thread, by the first AT+CIPSSLCERT.
"""

from __future__ import annotations

import asyncio
import binascii
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gateway.records import Record
from gateway.services.api_links import CertificateKnown, CertificateRefused

if TYPE_CHECKING:
    from cryptography import x509

log = logging.getLogger(__name__)

# A file of the folder that is longer holds something else than one certificate.
_FILE_LIMIT = 64 * 1024

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_BEGIN = b"-----BEGIN CERTIFICATE-----"


class NotACertificate(CertificateRefused):
    """The text holds no certificate that OpenSSL could trust, or not exactly one."""


class DuplicateCertificate(CertificateKnown):
    """The same certificate is loaded already."""


class StoreFull(CertificateRefused):
    """As many certificates as may be are loaded; `maximum` is how many."""

    def __init__(self, maximum: int) -> None:
        super().__init__(f"the maximum of {maximum} certificates is reached")
        self.maximum = maximum


class _Names(Record):
    """Whom a certificate is for, and who has signed it."""

    subject: str
    issuer: str


_UNREADABLE = _Names("?", "?")
"""Of a certificate that is not well-formed."""


@dataclass(eq=False, repr=False, slots=True)
class _Certificate:
    pem: bytes
    names: _Names | None = None
    """None for what was not asked for yet."""

    def read(self) -> _Names:
        """Its names; slow at first. OSError, ImportError: there is nothing to read them with."""
        if self.names is None:
            self.names = _names(self.pem)
        return self.names


class CertificateStore:
    """The certificates in force: those of the folder, then those that were added.

    They are numbered from 1. `maximum` may be set at any time; below the number loaded it
    only keeps new ones out.
    """

    def __init__(self, folder: Path | None, maximum: int) -> None:
        self.maximum = maximum
        self._folder = folder
        self._loaded: list[_Certificate] = []
        # Whoever adds while the folder is being read comes behind the folder's.
        self._changing = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._loaded)

    @property
    def full(self) -> bool:
        """Whether there is no room for one more."""
        return len(self._loaded) >= self.maximum

    @property
    def anchors(self) -> tuple[bytes, ...]:
        """All of them in order, each in PEM."""
        return tuple(certificate.pem for certificate in self._loaded)

    def names(self, issuer: bool = False) -> list[str]:
        """Each subject's common name, or its whole name (RFC 4514) where it has none.

        `issuer` asks for the issuers' instead. Printable characters only, `?` for others.
        Slow for certificates that nobody has asked about yet: on the loop use `listed`.
        """
        return _column(self._loaded, issuer)

    async def listed(self, issuer: bool = False) -> list[str]:
        """What `names` gives. Raises CertificateRefused where nothing can read certificates."""
        try:
            return await asyncio.to_thread(_column, tuple(self._loaded), issuer)
        except (OSError, ImportError) as error:
            raise CertificateRefused(f"nothing can read them here: {error}") from error

    def name(self, number: int, issuer: bool = False) -> str:
        """The name of certificate `number`, as `names` gives it. Raises IndexError."""
        return self.names(issuer)[self._index(number)]

    def delete(self, number: int) -> None:
        """Forget certificate `number`; the rest is renumbered. Raises IndexError."""
        del self._loaded[self._index(number)]

    async def add(self, pem: bytes) -> None:
        """Trust one more certificate: one PEM text, whatever else stands before and behind it.

        Raises DuplicateCertificate, or CertificateRefused, which StoreFull and NotACertificate are.
        """
        async with self._changing:
            if self.full:
                raise StoreFull(self.maximum)
            try:
                certificate = await asyncio.to_thread(_read_well, pem)
            except (OSError, ImportError) as error:
                # the first certificate imports what reads it
                raise CertificateRefused(f"nothing can read it here: {error}") from error
            self._append(certificate)

    async def load_folder(self) -> None:
        """Load the folder's `*.pem` files anew, in the order of their names.

        Certificates that were loaded before are forgotten, as at a reset. Never fails: what
        cannot be loaded is skipped and said in the journal.
        """
        async with self._changing:
            self._loaded.clear()
            if self._folder is None:
                return
            # In no thread: `ready` waits for it, and a first thread takes longer than the look.
            files = _files(self._folder)
            for position, file in enumerate(files):
                if self.full:
                    left = ", ".join(ascii(other.name) for other in files[position:][:5])
                    log.warning(
                        "%d certificate files are left out, the maximum of %d is reached: %s%s",
                        len(files) - position,
                        self.maximum,
                        left,
                        ", …" if len(files) - position > 5 else "",
                    )
                    return
                await self._load_file(file)

    async def _load_file(self, file: Path) -> None:
        try:
            self._append(await asyncio.to_thread(_read_file, file))
        except (CertificateRefused, CertificateKnown) as error:
            log.warning("certificate file %a is skipped: %s", file.name, error)
        except OSError as error:
            log.warning("certificate file %a is skipped: %s", file.name, error.strerror)

    def _append(self, certificate: _Certificate) -> None:
        if certificate.pem in self.anchors:
            raise DuplicateCertificate("it is loaded already")
        self._loaded.append(certificate)

    def _index(self, number: int) -> int:
        if not 1 <= number <= len(self._loaded):
            raise IndexError(f"there is no certificate {number}")
        return number - 1


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.name.endswith(".pem"))
    except OSError as error:
        log.warning("no certificates are loaded from %a: %s", str(folder), error.strerror)
        return []


def _read_file(file: Path) -> _Certificate:
    # Anything else, a named pipe for one, might never end.
    if not file.is_file():
        raise NotACertificate("it is not a file")
    with file.open("rb") as source:
        text = source.read(_FILE_LIMIT + 1)
    if len(text) > _FILE_LIMIT:
        raise NotACertificate(f"it is longer than {_FILE_LIMIT} bytes")
    return _read(text)


def _read(text: bytes) -> _Certificate:
    """The one certificate of a PEM text. Raises NotACertificate."""
    begun = text.count(_BEGIN)
    if begun != 1:
        raise NotACertificate(f"it holds {begun or 'no'} PEM certificates, not one")
    blocks = _PEM.findall(text)
    if not blocks:
        raise NotACertificate("its PEM text has no end")
    try:
        der = binascii.a2b_base64(b"".join(blocks[0].split()), strict_mode=True)
    except binascii.Error as error:
        raise NotACertificate(f"its PEM text is damaged: {str(error).lower()}") from None
    import ssl  # and OpenSSL, 4 MB

    pem = ssl.DER_cert_to_PEM_cert(der).encode("ascii")
    _try_as_anchor(pem)
    return _Certificate(pem)


def _read_well(text: bytes) -> _Certificate:
    """As `_read`, with the names, and so of none that is not well-formed."""
    certificate = _read(text)
    if certificate.read() is _UNREADABLE:
        raise NotACertificate("it is not a well-formed X.509 certificate")
    return certificate


def _try_as_anchor(pem: bytes) -> None:
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem.decode("ascii"))
    except ssl.SSLError:
        # What OpenSSL says here is about PEM, and wrong, whatever the fault is.
        raise NotACertificate("OpenSSL cannot read it as a certificate") from None


def _column(certificates: Sequence[_Certificate], issuer: bool) -> list[str]:
    names = [certificate.read() for certificate in certificates]
    return [each.issuer if issuer else each.subject for each in names]


def _names(pem: bytes) -> _Names:
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except (ValueError, x509.InvalidVersion):
        return _UNREADABLE  # OpenSSL trusts it all the same
    return _Names(_name(certificate, "subject"), _name(certificate, "issuer"))


def _name(certificate: x509.Certificate, whose: Literal["subject", "issuer"]) -> str:
    from cryptography.x509.oid import NameOID

    try:
        name = certificate.subject if whose == "subject" else certificate.issuer
        common = [str(found.value) for found in name.get_attributes_for_oid(NameOID.COMMON_NAME)]
        # Of several the last is the most specific one.
        text = (common and common[-1]) or name.rfc4514_string()
    except (ValueError, LookupError, TypeError):
        # OpenSSL trusts a certificate whatever letters its names are written in, and the
        # library has an exception of its own for each kind that it does not know.
        return "?"
    return "".join(_printable(text))


def _printable(text: str) -> Iterator[str]:
    # Names go out on a serial line, where a line end would begin a reply of its own.
    return (sign if sign.isprintable() else "?" for sign in text)
