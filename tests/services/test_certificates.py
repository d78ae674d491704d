"""The store of CA certificates: additions, names, numbers, limits."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from gateway.services.api_links import Certificates
from gateway.services.certificates import (
    CertificateStore,
    DuplicateCertificate,
    NotACertificate,
    StoreFull,
)
from tests.services import authority
from tests.services.authority import Identity

ONE = authority.self_signed("One")
TWO = authority.self_signed("Two")
THREE = ONE.issue("Three", names=["three.example"])


def attributes(**values: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(getattr(NameOID, key), value) for key, value in values.items()]
    )


def store_of(*identities: Identity, maximum: int = 5) -> CertificateStore:
    async def fill() -> CertificateStore:
        store = CertificateStore(None, maximum)
        for identity in identities:
            await store.add(identity.pem)
        return store

    return asyncio.run(fill())


def refused(*texts: bytes) -> Sequence[str]:
    """Why each text is no certificate."""
    causes = []
    for text in texts:
        store = CertificateStore(None, 5)
        with pytest.raises(NotACertificate) as error:
            asyncio.run(store.add(text))
        assert len(store) == 0
        causes.append(str(error.value))
    return causes


def test_an_empty_store() -> None:
    store: Certificates = CertificateStore(None, 5)
    assert (len(store), store.full, store.anchors) == (0, False, ())
    assert asyncio.run(store.listed()) == []


def test_names_anchors_and_numbers() -> None:
    store = store_of(ONE, THREE)
    assert len(store) == 2
    assert store.names() == ["One", "Three"]
    assert store.names(issuer=True) == ["One", "One"]
    assert asyncio.run(store.listed()) == store.names()
    assert asyncio.run(store.listed(issuer=True)) == store.names(issuer=True)
    assert (store.name(2), store.name(2, issuer=True)) == ("Three", "One")
    assert tuple(ssl.PEM_cert_to_DER_cert(a.decode()) for a in store.anchors) == (
        ONE.der,
        THREE.der,
    )


@pytest.mark.parametrize("number", [-1, 0, 3])
def test_numbers_that_are_not_there(number: int) -> None:
    store = store_of(ONE, TWO)
    with pytest.raises(IndexError):
        store.name(number)
    with pytest.raises(IndexError):
        store.delete(number)
    assert len(store) == 2


def test_deleting_renumbers() -> None:
    store = store_of(ONE, TWO, THREE)
    store.delete(2)
    assert store.names() == ["One", "Three"]
    store.delete(1)
    assert store.names() == ["Three"]
    asyncio.run(store.add(TWO.pem))
    assert store.names() == ["Three", "Two"]


@pytest.mark.parametrize(
    "shape",
    [
        lambda pem: pem,
        lambda pem: pem.rstrip(b"\n"),
        lambda pem: pem.replace(b"\n", b"\r\n"),
        lambda pem: b"subject=One\nissuer=One\n" + pem + b"\n\n",
        lambda pem: pem.replace(b"\n", b"").replace(b"CERTIFICATE-----", b"CERTIFICATE-----\n", 1),
    ],
    ids=["plain", "no last line end", "CR LF", "text around", "one long line"],
)
def test_shapes_of_pem(shape: object) -> None:
    assert callable(shape)
    store = CertificateStore(None, 5)
    asyncio.run(store.add(shape(ONE.pem)))
    # Whatever it looked like, it is the same certificate.
    assert store.anchors == store_of(ONE).anchors
    with pytest.raises(DuplicateCertificate):
        asyncio.run(store.add(ONE.pem))
    assert len(store) == 1


def test_what_is_not_one_certificate() -> None:
    head, tail = b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n"
    assert refused(
        b"", b"hello", ONE.pem + TWO.pem, head + ONE.pem, ONE.pem.replace(tail, b"")
    ) == [
        "it holds no PEM certificates, not one",
        "it holds no PEM certificates, not one",
        "it holds 2 PEM certificates, not one",
        "it holds 2 PEM certificates, not one",
        "its PEM text has no end",
    ]


def test_what_only_looks_like_a_certificate(tmp_path: Path) -> None:
    head, tail = b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n"
    half = ssl.DER_cert_to_PEM_cert(ONE.der[:100]).encode()
    both = ssl.DER_cert_to_PEM_cert(ONE.der + TWO.der).encode()
    longer = ssl.DER_cert_to_PEM_cert(ONE.der + b"more").encode()
    key = ONE.write(tmp_path).read_bytes().removeprefix(ONE.pem)
    assert b"PRIVATE KEY" in key
    damaged, empty, *others = refused(head + b"!!!!\n" + tail, head + tail, half, both, longer, key)
    assert damaged.startswith("its PEM text is damaged: ")
    assert empty == "OpenSSL cannot read it as a certificate"
    assert len(others) == 4


@pytest.mark.parametrize("version", [1, 3, 127])
def test_versions_that_x_509_does_not_have(version: int) -> None:
    # OpenSSL would trust them; the folder of certificates must not stop the service
    place = ONE.der.index(bytes.fromhex("a003020102")) + 4
    der = ONE.der[:place] + bytes([version]) + ONE.der[place + 1 :]
    assert refused(ssl.DER_cert_to_PEM_cert(der).encode()) == [
        "it is not a well-formed X.509 certificate"
    ]


def test_a_full_store() -> None:
    store = store_of(ONE, TWO, maximum=2)
    assert len(store) == store.maximum
    with pytest.raises(StoreFull, match="the maximum of 2 certificates is reached") as error:
        asyncio.run(store.add(THREE.pem))
    assert error.value.maximum == 2
    store.maximum = 3
    asyncio.run(store.add(THREE.pem))
    store.maximum = 1
    assert store.full
    assert store.names() == ["One", "Two", "Three"]


def test_two_at_once_do_not_pass_the_maximum() -> None:
    store = CertificateStore(None, 1)

    async def both() -> Sequence[BaseException | None]:
        return await asyncio.gather(store.add(ONE.pem), store.add(TWO.pem), return_exceptions=True)

    first, second = asyncio.run(both())
    assert first is None
    assert isinstance(second, StoreFull)


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        (attributes(COUNTRY_NAME="DE", COMMON_NAME="Root X1"), "Root X1"),
        (
            attributes(COUNTRY_NAME="DE", ORGANIZATION_NAME="Example, Inc."),
            r"O=Example\, Inc.,C=DE",
        ),
        (attributes(COMMON_NAME="Zoë 証明"), "Zoë 証明"),
        (attributes(COMMON_NAME='a\r\nOK\r\n\0\x1b\u2028"\u202e'), 'a??OK?????"?'),
        (x509.Name([*authority.named("Unit"), *authority.named("Root")]), "Root"),
        (x509.Name([]), ""),
    ],
    ids=["common name", "none", "letters", "control characters", "two", "empty"],
)
def test_names_are_fit_for_a_serial_line(subject: x509.Name, name: str) -> None:
    store = store_of(authority.self_signed(subject))
    assert store.names() == [name]
    assert store.names(issuer=True) == [name]


def test_a_name_in_letters_nobody_can_read() -> None:
    der = ONE.der.replace(b"\x0c\x03One", b"\x14\x03\xff\xfe\xff")
    store = CertificateStore(None, 5)
    asyncio.run(store.add(ssl.DER_cert_to_PEM_cert(der).encode()))
    assert store.names() == ["?"]


def test_a_name_of_a_kind_that_the_library_does_not_know() -> None:
    # where a text has to be, a type that ASN.1 has nobody use there; OpenSSL takes it
    der = ONE.der.replace(b"\x0c\x03One", b"\x08\x03One")
    store = CertificateStore(None, 5)
    asyncio.run(store.add(ssl.DER_cert_to_PEM_cert(der).encode()))
    assert store.names() == ["?"]
