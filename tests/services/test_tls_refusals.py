"""What TLS refuses, each with its good twin: a gallery of servers that are wrong in one thing.

The expired, the nameless and the unknown ones are in test_tls, the ways of old in
test_tls_old_ways, those that hardly speak TLS in test_tls_failures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.services.api_links import Authentication, TlsProfile
from tests.services import authority
from tests.services.authority import PAST, Identity, rsa_key, signed_by_digest
from tests.services.tls_servers import (
    ROOT,
    RSA_ROOT,
    RSA_SERVER,
    SERVER,
    WEAK,
    chain,
    fingerprint,
    openssl_server,
    visit,
)


def served(folder: Path, identity: Identity) -> tuple[str, ...]:
    """The options by which the openssl program sends a chain too, and minds nothing."""
    file = folder / "chain.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(b"".join(link.public_bytes(pem) for link in identity.chain))
    return (*WEAK, *(("-cert_chain", str(file)) if identity.chain else ()))


def outcome(folder: Path, identity: Identity, profile: TlsProfile, host: str = "localhost") -> str:
    """Why a server is refused; the version of TLS if it is not."""

    async def try_it(port: int) -> str:
        try:
            return await visit(port, profile, host)
        except Exception as refused:
            return str(refused)

    with openssl_server(folder, identity, *served(folder, identity)) as port:
        return asyncio.run(try_it(port))


# names


@pytest.mark.parametrize(
    ("names", "host", "taken"),
    [
        (["*.example.org"], "www.example.org", True),
        (["*.example.org"], "WWW.Example.ORG", True),
        (["*.example.org"], "example.org", False),
        (["*.example.org"], "a.b.example.org", False),
        (["*.example.org"], ".example.org", False),
        (["*.org"], "example.org", False),
        (["*"], "localhost", False),
        (["*.*.org"], "www.example.org", False),
        (["www.*.org"], "www.example.org", False),
        (["w*.example.org"], "www.example.org", False),
        (["*.example.org"], "www.example.org.evil.test", False),
        (["example.org", "www.example.org"], "www.example.org", True),
        (["127.0.0.1"], "127.0.0.1", False),
        (["*.0.0.1"], "127.0.0.1", False),
    ],
)
def test_wildcards_and_addresses_in_the_wrong_place(
    tmp_path: Path, names: list[str], host: str, taken: bool
) -> None:
    found = outcome(tmp_path, ROOT.issue("server", names=names), chain(ROOT), host)
    assert (found == "TLSv1.3") is taken, found
    assert taken or "is not valid for" in found or "cannot be sent" in found, found


@pytest.mark.parametrize(("names", "taken"), [([], True), (["example.org"], False)])
def test_the_common_name_counts_where_there_are_no_others(
    tmp_path: Path, names: list[str], taken: bool
) -> None:
    found = outcome(tmp_path, ROOT.issue("localhost", names=names), chain(ROOT))
    assert (found == "TLSv1.3") is taken, found


def test_an_address_is_looked_for_among_the_addresses(tmp_path: Path) -> None:
    identity = ROOT.issue("server", names=[], addresses=["127.0.0.1"])
    assert outcome(tmp_path, identity, chain(ROOT), "127.0.0.1") == "TLSv1.3"


# chains


def usage(*, signs_certificates: bool) -> x509.KeyUsage:
    others = dict.fromkeys(
        "content_commitment key_encipherment data_encipherment key_agreement crl_sign "
        "encipher_only decipher_only".split(),
        False,
    )
    return x509.KeyUsage(digital_signature=True, key_cert_sign=signs_certificates, **others)


def middle(*extensions: tuple[x509.ExtensionType, bool], ca: bool = True) -> Identity:
    """An authority below ROOT."""
    return ROOT.issue("Middle", names=[], authority=ca, extensions=extensions)


def ca(path_length: int) -> tuple[x509.ExtensionType, bool]:
    return x509.BasicConstraints(ca=True, path_length=path_length), True


def only_below(name: str) -> tuple[x509.ExtensionType, bool]:
    return x509.NameConstraints([x509.DNSName(name)], None), True


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\0")
CLIENT, SERVER_USE = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH

# What the cause begins with (OpenSSL 3.0 and 3.5 differ in some), the wrong one, the good twin.
CHAINS: dict[str, tuple[tuple[str, ...], Identity, Identity]] = {
    "a missing intermediate": (
        ("unable to get local issuer certificate", "unable to verify the first certificate"),
        Identity((leaf := middle().issue()).certificate, leaf.key),
        leaf,
    ),
    "an intermediate that is no authority": (
        ("invalid CA certificate",),
        middle(ca=False).issue(),
        middle().issue(),
    ),
    "an intermediate that must not sign certificates": (
        ("invalid CA certificate", "unable to get local issuer certificate"),
        middle((usage(signs_certificates=False), True)).issue(),
        middle((usage(signs_certificates=True), True)).issue(),
    ),
    "a server's certificate as an authority": (
        ("invalid CA certificate",),
        SERVER.issue("other"),
        SERVER,
    ),
    "an expired intermediate": (
        ("certificate has expired",),
        ROOT.issue("Middle", authority=True, valid=PAST).issue(),
        middle().issue(),
    ),
    "one intermediate too many": (
        ("path length constraint exceeded",),
        middle(ca(0)).issue("Lower", names=[], authority=True).issue(),
        middle(ca(1)).issue("Lower", names=[], authority=True).issue(),
    ),
    "a name that its authority may not give": (
        ("permitted subtree violation",),
        middle(only_below("example.org")).issue(),
        middle(only_below("localhost")).issue(),
    ),
    "a certificate for clients": (
        ("unsuitable certificate purpose", "unsupported certificate purpose"),
        ROOT.issue(extensions=[(x509.ExtendedKeyUsage([CLIENT]), False)]),
        ROOT.issue(extensions=[(x509.ExtendedKeyUsage([CLIENT, SERVER_USE]), False)]),
    ),
    "a critical extension that nobody knows": (
        ("unhandled critical extension",),
        ROOT.issue(extensions=[(UNKNOWN, True)]),
        ROOT.issue(extensions=[(UNKNOWN, False)]),
    ),
    "a signature that is none": (
        ("certificate signature failure",),
        authority.tampered(RSA_ROOT.issue()),
        RSA_ROOT.issue(),
    ),
    "a root that only the server trusts": (
        ("self-signed certificate in certificate chain", "self signed certificate in"),
        replace((stray := authority.self_signed("Stray")).issue(), chain=(stray.certificate,)),
        SERVER,
    ),
}


@pytest.mark.parametrize("what", CHAINS)
def test_a_chain_that_does_not_hold(tmp_path: Path, what: str) -> None:
    causes, wrong, right = CHAINS[what]
    anchors = chain(ROOT, RSA_ROOT)
    assert outcome(tmp_path, right, anchors) == "TLSv1.3"
    assert outcome(tmp_path, wrong, anchors).startswith(causes)


# old digests and short keys


def digested(digest: hashes.MD5 | hashes.SHA1) -> tuple[Identity, Identity]:
    """A server's certificate, and one of an authority above it, signed with a digest of old."""
    below = RSA_ROOT.issue("Middle", names=[], authority=True, key=rsa_key())
    below = signed_by_digest(below, RSA_ROOT, digest)
    return signed_by_digest(RSA_SERVER, RSA_ROOT, digest), below.issue()


def short() -> tuple[Identity, Identity]:
    """The same with keys of 1024 bits."""
    below = RSA_ROOT.issue("Middle", names=[], authority=True, key=rsa_key(1024))
    return RSA_ROOT.issue(key=rsa_key(1024)), below.issue()


@pytest.mark.parametrize(
    ("made", "server_s", "authority_s"),
    [
        (lambda: digested(hashes.SHA1()), "CA signature digest algorithm too weak", ""),
        (lambda: digested(hashes.MD5()), "CA signature digest algorithm too weak", ""),
        (short, "EE certificate key too weak", "CA certificate key too weak"),
    ],
    ids=["SHA-1", "MD5", "RSA of 1024 bits"],
)
def test_old_digests_and_short_keys_prove_nothing(
    tmp_path: Path,
    made: Callable[[], tuple[Identity, Identity]],
    server_s: str,
    authority_s: str,
) -> None:
    wrong_server, wrong_authority = made()
    anchors = chain(RSA_ROOT)
    assert outcome(tmp_path, RSA_SERVER, anchors) == "TLSv1.3"
    assert outcome(tmp_path, wrong_server, anchors) == server_s
    assert outcome(tmp_path, wrong_authority, anchors) == (authority_s or server_s)


def test_how_an_anchor_signed_itself_does_not_matter(tmp_path: Path) -> None:
    """Nobody has to believe it: it is there because somebody put it there."""
    old = signed_by_digest(RSA_ROOT, RSA_ROOT, hashes.SHA1())
    assert outcome(tmp_path, RSA_SERVER, chain(old)) == "TLSv1.3"


# a fingerprint


def test_a_fingerprint_is_of_the_servers_own_certificate(tmp_path: Path) -> None:
    """One further up the chain, or of the same key in another certificate, is another."""
    above = middle()
    server = above.issue()
    again = above.issue(key=server.key)
    for other in (above, ROOT, again):
        for digest in (other.sha1, other.sha256):
            profile = TlsProfile(Authentication.FINGERPRINT, digest)
            assert outcome(tmp_path, server, profile).startswith("fingerprint is ")
    for digest in (server.sha1, server.sha256):
        profile = TlsProfile(Authentication.FINGERPRINT, digest)
        assert outcome(tmp_path, server, profile) == "TLSv1.3"


def test_with_its_fingerprint_a_server_may_be_expired_nameless_and_alone(tmp_path: Path) -> None:
    """Nobody vouches for it, so nobody's word matters."""
    alone = authority.self_signed("alone", authority=False, names=["elsewhere"], valid=PAST)
    assert outcome(tmp_path, alone, fingerprint(alone)) == "TLSv1.3"
    assert outcome(tmp_path, alone, chain(alone)) != "TLSv1.3"


@pytest.mark.parametrize("profile", [TlsProfile(), None], ids=["mode 0", "mode 1"])
def test_where_no_signature_is_believed_a_weak_one_is_no_matter(
    tmp_path: Path, profile: TlsProfile | None
) -> None:
    """As with the firmware; a key that is too short to keep a secret is no such matter."""
    weak, _ = digested(hashes.SHA1())
    assert outcome(tmp_path, weak, profile or fingerprint(weak)) == "TLSv1.3"
