"""The ways of old, which no mode of authentication takes: it is settled before anybody shows a
certificate, or instead of it. Each server offers nothing else.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dh

from gateway.services.api_links import TlsProfile
from gateway.services.tls import secure
from tests.services.tls_servers import (
    RSA_ROOT,
    RSA_SERVER,
    WEAK,
    chain,
    connected,
    fingerprint,
    openssl_server,
    refusal,
    visit,
)

# RFC 2409, section 6.2: 1024 bits. OpenSSL does not even offer a smaller one.
OAKLEY_2 = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E34"
    "04DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6"
    "F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF"
)


def small_group(folder: Path) -> tuple[str, ...]:
    """The option for a Diffie-Hellman group that is too small."""
    parameters = dh.DHParameterNumbers(int(OAKLEY_2, 16), 2).parameters()
    file = folder / "group.pem"
    pem, pkcs3 = serialization.Encoding.PEM, serialization.ParameterFormat.PKCS3
    file.write_bytes(parameters.parameter_bytes(pem, pkcs3))
    return "-dhparam", str(file)


def only(ciphers: str) -> tuple[str, ...]:
    """The options for TLS 1.2 with these ciphers and no others."""
    return "-tls1_2", "-cipher", f"{ciphers}:@SECLEVEL=0"


TOO_OLD = "the server speaks no TLS 1.2 or 1.3"
NOTHING_IN_COMMON = "the handshake failed: "
DHE = "DHE-RSA-AES128-GCM-SHA256"
ALL_MODES = pytest.mark.parametrize(
    "profile",
    [TlsProfile(), fingerprint(RSA_SERVER), chain(RSA_ROOT)],
    ids=["mode 0", "mode 1", "mode 2"],
)


@ALL_MODES
@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (("-tls1", *WEAK), TOO_OLD),
        (("-tls1_1", *WEAK), TOO_OLD),
        (only("eNULL"), NOTHING_IN_COMMON),
        (only("aNULL"), NOTHING_IN_COMMON),
        (only("AECDH-NULL-SHA"), NOTHING_IN_COMMON),
        (("-tls1_2", "-sigalgs", "RSA+SHA1", *WEAK), NOTHING_IN_COMMON),
    ],
    ids=["TLS 1.0", "TLS 1.1", "null", "anonymous", "both", "signed with SHA-1"],
)
def test_no_mode_accepts(
    tmp_path: Path, profile: TlsProfile, options: tuple[str, ...], cause: str
) -> None:
    with openssl_server(tmp_path, RSA_SERVER, *options) as port:
        assert asyncio.run(refusal(port, profile)).startswith(cause)


@ALL_MODES
def test_no_mode_accepts_a_small_diffie_hellman_group(tmp_path: Path, profile: TlsProfile) -> None:
    with openssl_server(tmp_path, RSA_SERVER, *only(DHE), *small_group(tmp_path)) as port:
        assert asyncio.run(refusal(port, profile)) == "the handshake failed: dh key too small"


def test_what_openssl_itself_has_forgotten_is_not_asked_for(tmp_path: Path) -> None:
    """RC4, 3DES and the like: Debian's has no server to try them against."""

    async def asked_for() -> set[str]:
        with await secure(await connected(port), TlsProfile(), "localhost") as tls:
            return {cipher["name"] for cipher in tls.context.get_ciphers()}

    with openssl_server(tmp_path, RSA_SERVER) as port:
        ciphers = asyncio.run(asked_for())
    old = re.compile("NULL|RC4|RC2|DES|IDEA|SEED|EXP|ADH|AECDH|MD5")
    assert DHE in ciphers
    assert {cipher for cipher in ciphers if old.search(cipher)} == set()


@ALL_MODES
@pytest.mark.parametrize(
    "options",
    [("-tls1_2",), ("-tls1_3",), only(DHE), only("ECDHE-RSA-AES128-GCM-SHA256")],
    ids=["TLS 1.2", "TLS 1.3", "a group that is large enough", "one good cipher"],
)
def test_the_good_twins_of_these(
    tmp_path: Path, profile: TlsProfile, options: tuple[str, ...]
) -> None:
    with openssl_server(tmp_path, RSA_SERVER, *options) as port:
        assert asyncio.run(visit(port, profile)).startswith("TLSv1.")


def test_nothing_is_compressed_for_a_server_that_would(tmp_path: Path) -> None:
    """What is sent could be told from its length (CRIME)."""

    async def try_it() -> str | None:
        with await secure(await connected(port), TlsProfile(), "localhost") as tls:
            assert tls.context.options & ssl.OP_NO_COMPRESSION
            return tls.compression()

    with openssl_server(tmp_path, RSA_SERVER, "-comp", "-tls1_2", *WEAK) as port:
        assert asyncio.run(try_it()) is None
