"""Certificates for the tests: a made-up authority that signs whatever a test needs."""

from __future__ import annotations

import datetime
import functools
import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
PAST = (NOW - 20 * DAY, NOW - 10 * DAY)
PRESENT = (NOW - 10 * DAY, NOW + 10 * DAY)
FUTURE = (NOW + 10 * DAY, NOW + 20 * DAY)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Extensions = Sequence[tuple[x509.ExtensionType, bool]]


@functools.cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """One RSA key for the whole run: making one takes longer than a test."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


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
        extensions: Extensions = (),
    ) -> Identity:
        """Sign a certificate; `authority` makes it one that may sign others.

        `extensions` are added, each with whether it is critical; one of a kind that would be
        there anyhow takes its place.
        """
        key = key or ec_key()
        subject = named(subject) if isinstance(subject, str) else subject
        usual = _usual(authority, names, addresses)
        certificate = _sign(
            subject,
            key,
            (self.certificate.subject, self.key),
            valid,
            _replaced(usual, extensions),
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
    extensions: Extensions = (),
) -> Identity:
    """A root, or with `authority=False` a server that vouches for itself."""
    key = key or ec_key()
    subject = named(subject) if isinstance(subject, str) else subject
    added = _replaced(_usual(authority, names, addresses), extensions)
    return Identity(_sign(subject, key, (subject, key), valid, added), key)


def signed_by_digest(
    identity: Identity, issuer: Identity, digest: hashes.MD5 | hashes.SHA1
) -> Identity:
    """The same certificate signed with a digest of old, which no library does any more.

    `issuer` has an RSA key, of which all signatures are of one length, as are the names of the
    algorithms (RFC 8017, appendix C).
    """
    usual = bytes.fromhex("2a864886f70d01010b")
    old = usual[:-1] + (b"\x04" if isinstance(digest, hashes.MD5) else b"\x05")
    assert isinstance(issuer.key, rsa.RSAPrivateKey)
    body = identity.certificate.tbs_certificate_bytes.replace(usual, old)
    signature = issuer.key.sign(body, padding.PKCS1v15(), digest)
    return replace(
        identity, certificate=_with_signature(identity.der.replace(usual, old), signature)
    )


def tampered(identity: Identity) -> Identity:
    """The same certificate, of whose signature the last bit is another."""
    last = bytes([identity.der[-1] ^ 1])
    return replace(identity, certificate=_with_signature(identity.der, last))


def _with_signature(der: bytes, end: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der[: -len(end)] + end)


def _usual(authority: bool, names: Sequence[str], addresses: Sequence[str]) -> Extensions:
    """What every certificate has, and a server's names."""
    usual: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=authority, path_length=None), True)
    ]
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    if alternatives and not authority:
        usual.append((x509.SubjectAlternativeName(alternatives), False))
    return usual


def _replaced(usual: Extensions, others: Extensions) -> Extensions:
    kinds = {other.oid for other, _ in others}
    return [*(each for each in usual if each[0].oid not in kinds), *others]


def _sign(
    subject: x509.Name,
    key: Key,
    issuer: tuple[x509.Name, Key],
    valid: tuple[datetime.datetime, datetime.datetime],
    extensions: Extensions,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer[1], hashes.SHA256())
