"""Certificates for the tests: a made-up authority that signs whatever a test needs."""

from __future__ import annotations

import datetime
import functools
import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
PAST = (NOW - 20 * DAY, NOW - 10 * DAY)
PRESENT = (NOW - 10 * DAY, NOW + 10 * DAY)
FUTURE = (NOW + 10 * DAY, NOW + 20 * DAY)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@functools.cache
def rsa_key() -> rsa.RSAPrivateKey:
    """One RSA key for the whole run: making one takes longer than a test."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def ec_key() -> ec.EllipticCurvePrivateKey:
    """A new key on the curve P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def named(common_name: str) -> x509.Name:
    """A name with nothing but a common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


@dataclass(frozen=True)
class Identity:
    """A certificate with its private key, and the certificates between it and its root."""

    certificate: x509.Certificate
    key: Key
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def sha1(self) -> bytes:
        """The certificate's SHA-1 fingerprint."""
        return hashlib.sha1(self.der).digest()

    @property
    def sha256(self) -> bytes:
        """The certificate's SHA-256 fingerprint."""
        return hashlib.sha256(self.der).digest()

    def write(self, folder: Path) -> Path:
        """Write certificate, chain and key into one file, as servers like it."""
        file = folder / f"identity-{self.certificate.serial_number:x}.pem"
        key = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        chain = (link.public_bytes(serialization.Encoding.PEM) for link in self.chain)
        file.write_bytes(self.pem + b"".join(chain) + key)
        return file

    def issue(
        self,
        subject: str | x509.Name = "localhost",
        *,
        names: Sequence[str] = ("localhost",),
        addresses: Sequence[str] = (),
        valid: tuple[datetime.datetime, datetime.datetime] = PRESENT,
        authority: bool = False,
        key: Key | None = None,
    ) -> Identity:
        """Sign a certificate; `authority` makes it one that may sign others."""
        key = key or ec_key()
        subject = named(subject) if isinstance(subject, str) else subject
        certificate = _sign(
            subject, key, self.certificate.subject, self.key, valid, authority, names, addresses
        )
        is_root = self.certificate.issuer == self.certificate.subject
        chain = () if is_root else (self.certificate, *self.chain)
        return Identity(certificate, key, chain)


def self_signed(
    subject: str | x509.Name = "Test Root",
    *,
    valid: tuple[datetime.datetime, datetime.datetime] = PRESENT,
    authority: bool = True,
    names: Sequence[str] = (),
    addresses: Sequence[str] = (),
    key: Key | None = None,
) -> Identity:
    """A root, or with `authority=False` a server that vouches for itself."""
    key = key or ec_key()
    subject = named(subject) if isinstance(subject, str) else subject
    return Identity(_sign(subject, key, subject, key, valid, authority, names, addresses), key)


def _sign(
    subject: x509.Name,
    key: Key,
    issuer: x509.Name,
    issuer_key: Key,
    valid: tuple[datetime.datetime, datetime.datetime],
    authority: bool,
    names: Sequence[str],
    addresses: Sequence[str],
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    if alternatives and not authority:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
