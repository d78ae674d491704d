"""TLS on a connected socket: who the server must prove to be, and why it was refused.

`secure` takes a non-blocking socket and gives a non-blocking `ssl.SSLSocket`: the caller reads
and writes it itself, as a plain one. The rules are the serial contract's, section 7.

OpenSSL goes on for as long as there is something to read, and a peer may see to it that there
always is. So the handshake is made in a thread, and reading returns behind each record.

`ssl` brings OpenSSL with it, 4 MB: it is imported for the first connection that wants TLS, in the
thread that makes the context.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import logging
import socket
import struct
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TypeGuard

from gateway.records import Record
from gateway.services import fragments, openssl
from gateway.services.api import ServiceError
from gateway.services.api_links import Authentication, TlsProfile
from gateway.services.waiting import readiness

if TYPE_CHECKING:
    import ssl

log = logging.getLogger(__name__)


class TlsRefused(ServiceError):
    """No TLS with this server; the text is the cause, one clause for the journal."""


class TlsRules(Record):
    """What is asked of every server, whatever the profile of a link says.

    `minimum_version` of TLS is "1.2" or "1.3".
    """

    require_authentication: bool = False
    minimum_version: str = "1.2"


def refuse_unauthenticated(profile: TlsProfile, rules: TlsRules) -> None:
    """Raise TlsRefused where the rules want a server to prove who it is and `profile` does not."""
    if rules.require_authentication and profile.authentication is Authentication.NONE:
        raise TlsRefused("[tls] require_authentication wants AT+CIPSSLAUTH=1 or 2")


async def secure(
    sock: socket.socket, profile: TlsProfile, host: str, rules: TlsRules | None = None
) -> ssl.SSLSocket:
    """Do the client's handshake over `sock`, connected and non-blocking, and take it over.

    `host` is what the user asked for: a name is sent as SNI (RFC 6066, section 3), an IP
    literal is not; with `Authentication.CHAIN` the certificate must be valid for it. Of
    `rules` the version counts here; see `refuse_unauthenticated` for the other one. The
    fingerprint is checked before anything is returned. There is no time limit: cancel it.
    Whatever fails, cancellation included, closes the socket. Raises TlsRefused.
    """
    minimum = (rules or TlsRules()).minimum_version
    tls: ssl.SSLSocket | None = None
    try:
        name = _server_name(host)
        context = await asyncio.to_thread(_context_for, profile, minimum)
        tls = _wrap(sock, context, name)
        await _handshake(tls, minimum)
        _check_fingerprint(tls, profile)
    except BaseException:
        (tls or sock).close()
        raise
    return tls


async def offers_fragment_length(
    sock: socket.socket, host: str, length: int, rules: TlsRules | None = None
) -> bool:
    """Whether the server at the end of `sock` agrees to fragments of `length` bytes.

    A real handshake without certificate check tells (`AT+CIPSSLMFLN`); one that fails is
    said in the journal and is False. Closes the socket, cancelled or not.
    """
    try:
        tls = await secure(sock, TlsProfile(fragment_length=length), host, rules)
    except TlsRefused as refusal:
        log.info("%a tells no Maximum Fragment Length: %s", host, refusal)
        return False
    with tls:
        answer = fragments.agreed(tls)
        say_goodbye(tls)
    return answer == length


def is_secured(connection: socket.socket) -> TypeGuard[ssl.SSLSocket]:
    """Whether there is TLS on it."""
    loaded = sys.modules.get("ssl")
    return loaded is not None and isinstance(connection, loaded.SSLSocket)


def say_goodbye(tls: ssl.SSLSocket) -> None:
    """Tell the peer that nothing more comes (close_notify), if that can be sent at once.

    Never blocks and never raises; the socket is still the caller's to close.
    """
    # ValueError: closed already. OSError covers TLS errors, "would block" among them, which
    # here is the rule: OpenSSL has sent our close_notify and now wants to read the peer's.
    with suppress(OSError, ValueError):
        tls.setblocking(False)
        tls.unwrap()


def _server_name(host: str) -> str:
    """`host` as OpenSSL shall see it. Raises TlsRefused for what no certificate can name."""
    with suppress(ValueError):
        # Without the zone of a link-local address, which is no business of the server's.
        return str(ipaddress.ip_address(host.partition("%")[0]))
    try:
        # A host name in SNI has no trailing dot (RFC 6066, section 3).
        name = host.removesuffix(".").encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    # DNS allows 253 characters; a leading dot would ask for any subdomain.
    if not 0 < len(name) <= 253 or name.startswith(".") or not name.isprintable():
        raise TlsRefused("the host name cannot be sent to the server")
    return name


def _context_for(profile: TlsProfile, minimum: str) -> ssl.SSLContext:
    chain = profile.authentication is Authentication.CHAIN
    if chain and not profile.anchors:
        raise TlsRefused("no CA certificate is loaded")
    if profile.authentication is Authentication.FINGERPRINT and profile.fingerprint is None:
        raise TlsRefused("no fingerprint is loaded")
    return _context(profile.anchors if chain else None, profile.fragment_length, minimum)


@functools.lru_cache(maxsize=2)
def _context(
    anchors: tuple[bytes, ...] | None, fragment_length: int | None, minimum: str
) -> ssl.SSLContext:
    """A context that trusts `anchors` and nothing else, or anybody for None."""
    import ssl

    openssl.library()  # found here, in a thread
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    versions = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
    context.minimum_version = versions[minimum]
    # What was checked in the handshake must hold for the whole link.
    context.options |= ssl.OP_NO_RENEGOTIATION
    if fragment_length is not None:
        fragments.offer(context, fragment_length)
    if anchors is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        # One by one: all at once, OpenSSL would hold the interpreter lock for tens of
        # milliseconds, and the event loop with it.
        for anchor in anchors:
            context.load_verify_locations(cadata=anchor.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise TlsRefused("a loaded CA certificate cannot be read") from None
    return context


def _wrap(sock: socket.socket, context: ssl.SSLContext, name: str) -> ssl.SSLSocket:
    import ssl

    try:
        # A socket whose peer is gone already is refused here, because wrapping it would
        # take the descriptor from `sock` and lose it in the failure.
        sock.getpeername()
        tls = context.wrap_socket(sock, do_handshake_on_connect=False, server_hostname=name)
    except ssl.SSLError as error:
        raise TlsRefused(_reason(error)) from None
    except OSError:
        raise TlsRefused("the connection was reset during the handshake") from None
    except (ValueError, TypeError):
        raise TlsRefused("the host name cannot be sent to the server") from None
    openssl.return_after_each_record(tls)
    return tls


async def _handshake(tls: ssl.SSLSocket, minimum: str) -> None:
    import ssl

    descriptor = tls.fileno()
    while True:
        try:
            await _step(tls)
            return
        except ssl.SSLWantReadError:
            await readiness(descriptor, for_writing=False)
        except ssl.SSLWantWriteError:
            await readiness(descriptor, for_writing=True)
        except OSError as error:
            raise TlsRefused(_cause(error, minimum)) from None


async def _step(tls: ssl.SSLSocket) -> None:
    """Let OpenSSL do, in a thread, what can be done of the handshake without waiting.

    Before TLS 1.3 a peer may send HelloRequests without end (RFC 5246, section 7.4.1.1), which
    OpenSSL skips in one call; and large numbers take a small processor long. Raises what
    `do_handshake` does. The thread is at its end on return, cancelled or not.
    """
    step = asyncio.get_running_loop().run_in_executor(None, tls.do_handshake)
    try:
        await asyncio.wait({step})
    finally:
        if not step.done():
            _cut(tls)
        while not step.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({step})
        failure = step.exception()
    if failure is not None:
        raise failure


def _cut(tls: ssl.SSLSocket) -> None:
    """Let a thread that reads find no connection any more, whatever the peer goes on sending.

    What has come could still be read behind a shutdown, and closing would leave the thread with
    a number that is somebody else's a moment later. To connect to nobody ends the connection and
    leaves the descriptor, as connect(2) says; Python's `socket` has no address for it.
    """
    try:
        import ctypes  # here already, and no file is opened for it
    except (ImportError, MemoryError):  # a host that forbids it
        with suppress(OSError):
            socket.socket.shutdown(tls, socket.SHUT_RDWR)
        return
    nobody = struct.pack("H14x", socket.AF_UNSPEC)
    ctypes.CDLL(None).connect(tls.fileno(), nobody, len(nobody))


def _check_fingerprint(tls: ssl.SSLSocket, profile: TlsProfile) -> None:
    expected = profile.fingerprint
    if profile.authentication is not Authentication.FINGERPRINT or expected is None:
        return
    certificate = tls.getpeercert(binary_form=True)
    if certificate is None:
        raise TlsRefused("the server sent no certificate")
    import hashlib  # OpenSSL's

    digest = hashlib.sha1 if len(expected) == 20 else hashlib.sha256
    found = digest(certificate).digest()
    if found != expected:
        raise TlsRefused(f"fingerprint is {_pairs(found)}, expected {_pairs(expected)}")


def _pairs(digest: bytes) -> str:
    return digest.hex(":").upper()


_NOT_TLS = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "PACKET_LENGTH_TOO_LONG",
        "UNKNOWN_PROTOCOL",
        "HTTP_REQUEST",
        "HTTPS_PROXY_REQUEST",
        "BAD_RECORD_TYPE",
        "RECORD_LAYER_FAILURE",
    }
)
_TOO_OLD = frozenset(
    {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "VERSION_TOO_LOW", "WRONG_SSL_VERSION"}
)


def _cause(error: OSError, minimum: str) -> str:
    """One clause that tells the user why the handshake failed, in OpenSSL's words if any."""
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message.rstrip(".")
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "the server closed the connection during the handshake"
    if not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLSyscallError):
        return "the connection was reset during the handshake"
    if error.reason in _NOT_TLS:
        return "the server is not speaking TLS"
    if error.reason in _TOO_OLD:
        only = "1.3" if minimum == "1.3" else "1.2 or 1.3"
        return f"the server speaks no TLS {only}"
    return f"the handshake failed: {_reason(error)}"


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "unknown TLS error").replace("_", " ").lower()
