"""Maximum Fragment Length: offered in the hello, agreed in the handshake, safe without."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.services import fragments, openssl
from tests.services import authority
from tests.services.deaf_server import deafen, extensions

LENGTHS = {512: 1, 1024: 2, 2048: 3, 4096: 4}
SERVER = authority.self_signed(authority=False, names=["localhost"])


@pytest.fixture
def fresh() -> Iterator[None]:
    """The library is looked for anew, and again for the next test."""
    openssl.library.cache_clear()
    yield
    openssl.library.cache_clear()


def client_context(version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def server_context(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SERVER.write(folder))
    return context


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> ssl.SSLObject:
    """A handshake in memory; the client's end of it."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True)
    # Two round trips are the longest that any version takes.
    for _ in range(3):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    assert ends[0].version() is not None
    return ends[0]


def resident_bytes() -> int:
    """The memory that this process has in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def hello(context: ssl.SSLContext) -> bytes:
    """The ClientHello that `context` would send, without its record header."""
    out = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out).do_handshake()
    return out.read()[5:]


@pytest.mark.parametrize("length", LENGTHS)
def test_the_hello_offers_the_length(length: int) -> None:
    context = client_context()
    assert 1 not in extensions(hello(context))
    fragments.offer(context, length)
    assert extensions(hello(context))[1][1] == bytes([LENGTHS[length]])


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("length", LENGTHS)
def test_both_agree(tmp_path: Path, length: int, version: ssl.TLSVersion) -> None:
    context = client_context(version)
    fragments.offer(context, length)
    assert fragments.agreed(shake_hands(context, server_context(tmp_path))) == length


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_nothing_is_agreed_without_an_offer(tmp_path: Path, version: ssl.TLSVersion) -> None:
    assert openssl.library()
    tls = shake_hands(client_context(version), server_context(tmp_path))
    assert fragments.agreed(tls) == 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_does_not_know_it(tmp_path: Path, version: ssl.TLSVersion) -> None:
    server = server_context(tmp_path)
    deafen(server)
    context = client_context(version)
    fragments.offer(context, 1024)
    assert fragments.agreed(shake_hands(context, server)) == 0


def test_before_the_handshake_nothing_is_agreed() -> None:
    assert openssl.library()
    tls = client_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())
    assert fragments.agreed(tls) == 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_asking_costs_no_memory(tmp_path: Path, version: ssl.TLSVersion) -> None:
    """Python's own `session` would be 5 KB each time, 2.5 MB in all, on Debian 12."""
    context = client_context(version)
    fragments.offer(context, 1024)
    tls = shake_hands(context, server_context(tmp_path))
    before = resident_bytes()
    assert {fragments.agreed(tls) for _ in range(500)} == {1024}
    assert resident_bytes() - before < 1_000_000


@pytest.mark.parametrize("length", [0, 511, 8192, 16384])
def test_other_lengths_are_an_error(length: int) -> None:
    with pytest.raises(ValueError, match=f"no Maximum Fragment Length of {length} "):
        fragments.offer(client_context(), length)


def test_it_is_python_s_own_openssl_that_is_asked() -> None:
    assert openssl.library()
    loaded = {
        line.split()[-1]
        for line in Path("/proc/self/maps").read_text().splitlines()
        if "libssl" in line
    }
    assert len(loaded) == 1


@pytest.mark.usefixtures("fresh")
def test_nothing_is_opened_for_a_mere_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openssl, "_open", lambda: pytest.fail("opened"))
    assert fragments.agreed(shake_hands(client_context(), server_context(tmp_path))) == 0


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("fault", ["another layout", "another python", "no symbol", "no file"])
def test_without_it_the_rest_goes_on_and_the_journal_says_why_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    def missing() -> object:
        raise OSError("no such library")

    if fault == "another layout":
        strange = SimpleNamespace(SSL_CTX_get_options=lambda pointer: 0)
        monkeypatch.setattr(openssl, "_open", lambda: strange)
    elif fault == "another python":
        monkeypatch.setattr(openssl, "_TRIED", ((2, 7), (3, 0)))
    elif fault == "no symbol":
        monkeypatch.setattr(openssl, "_open", SimpleNamespace)
    else:
        monkeypatch.setattr(openssl, "_open", missing)
    context = client_context()
    assert openssl.library() is None
    fragments.offer(context, 512)
    assert 1 not in extensions(hello(context))
    assert fragments.agreed(shake_hands(context, server_context(tmp_path))) == 0
    assert openssl.library() is None
    assert "no Maximum Fragment Length" in caplog.text
    assert len(caplog.records) == 1


@pytest.mark.usefixtures("fresh")
def test_the_guard_sees_a_layout_that_is_right_only_by_chance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = int(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).options)
    constant = SimpleNamespace(SSL_CTX_get_options=lambda pointer: first)
    monkeypatch.setattr(openssl, "_open", lambda: constant)
    assert openssl.library() is None
