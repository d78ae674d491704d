"""TLS: authentication, certificates, fragment lengths (contract, section 7)."""

from __future__ import annotations

from gateway.at import messages
from gateway.at.errors import ATError
from gateway.at.messages import Style
from gateway.at.params import Bare, Choice, Fingerprint, Host, Integer
from gateway.at.table import Commands
from gateway.commands.call import FULL_RECORD, Call
from gateway.services.api_links import (
    SLOTS,
    Authentication,
    CertificateKnown,
    CertificateRefused,
)
from gateway.services.api_settings import CERTIFICATES

commands = Commands()

_FRAGMENTS = (512, 1024, 2048, 4096)


@commands.on("AT+CIPSSLSIZE?")
async def query_record_size(call: Call) -> bytes:
    """Show the TLS record size."""
    return messages.value(call.prefix, call.volatile.record_size)


@commands.on("AT+CIPSSLSIZE=", Choice("size", (*_FRAGMENTS, FULL_RECORD)))
async def set_record_size(call: Call, size: int) -> None:
    """Ask servers for TLS records of at most so many bytes."""
    call.volatile.record_size = size


@commands.on("AT+CIPSSLAUTH?")
async def query_authentication(call: Call) -> bytes:
    """Show how servers are authenticated."""
    mode = int(call.volatile.authentication)
    return messages.styled_value(call.gateway.style, call.prefix, mode)


@commands.on("AT+CIPSSLAUTH=", Integer("mode", 0, 2))
async def set_authentication(call: Call, mode: int) -> None:
    """Authenticate servers not (0), by fingerprint (1) or by chain (2)."""
    wanted = Authentication(mode)
    if wanted is Authentication.FINGERPRINT and call.volatile.fingerprint is None:
        raise ATError("fp not valid", cause="no fingerprint is loaded; AT+CIPSSLFP loads one")
    if wanted is Authentication.CHAIN and not len(call.gateway.certificates):
        raise ATError(
            "CA cert not loaded", cause="no CA certificate is loaded; AT+CIPSSLCERT loads one"
        )
    call.volatile.authentication = wanted


@commands.on("AT+CIPSSLFP?")
async def query_fingerprint(call: Call) -> bytes:
    """Show the fingerprint that is expected."""
    digest = call.volatile.fingerprint
    if digest is None:
        raise ATError("not valid", cause="no fingerprint is loaded")
    return messages.fingerprint(call.gateway.style, call.prefix, digest)


@commands.on("AT+CIPSSLFP=", Fingerprint())
async def set_fingerprint(call: Call, digest: bytes) -> None:
    """Expect a certificate of this SHA-1 or SHA-256 fingerprint."""
    call.volatile.fingerprint = digest


@commands.on("AT+CIPSSLCERTMAX?")
async def query_certificate_maximum(call: Call) -> bytes:
    """Show how many certificates can be loaded."""
    return messages.compact_value(call.prefix, call.gateway.settings.stored.certificate_maximum)


@commands.on("AT+CIPSSLCERTMAX=", Integer("number", *CERTIFICATES))
async def set_certificate_maximum(call: Call, number: int) -> bytes | None:
    """Limit the certificates that can be loaded."""
    await call.gateway.settings.default.change(certificate_maximum=number)
    call.gateway.certificates.maximum = number
    if call.gateway.style is Style.FIRMWARE:
        return None
    return messages.compact_value(call.prefix, number)


@commands.on("AT+CIPSSLCERT?", Integer("number", 0, 65535, optional=True))
async def list_certificates(call: Call, number: int | None) -> bytes:
    """Show the loaded certificates, or one."""
    style = call.gateway.style
    names = await call.gateway.certificates.listed(issuer=style is Style.FIRMWARE)
    if number is not None:
        if not 1 <= number <= len(names):
            raise ATError(f"+CIPSSLCERT,{number}:no certificate", cause=f"{len(names)} are loaded")
        return messages.certificates([(number, names[number - 1])])
    if names:
        return messages.certificates(enumerate(names, start=1))
    if style is Style.FIRMWARE:
        return messages.value(call.prefix, "no certs loaded")
    raise ATError("+CIPSSLCERT:no cert", cause="no certificate is loaded")


@commands.on("AT+CIPSSLCERT")
async def load_certificate(call: Call) -> bytes:
    """Load a CA certificate that follows as PEM text."""
    certificates = call.gateway.certificates
    if certificates.full:
        raise ATError(
            f"Reached the maximum of {certificates.maximum} certificates",
            cause="AT+CIPSSLCERTMAX allows more",
        )
    text, characters = await call.gateway.conversation.certificate_text()
    read = f"Read {characters} bytes"
    try:
        await certificates.add(text)
    except CertificateRefused as error:
        raise ATError("", read, "Loading certificate failed", cause=str(error)) from None
    except CertificateKnown as error:
        raise ATError(
            "", read, "Tried to load already existing certificate", cause=str(error)
        ) from None
    return messages.certificate_read(characters) + messages.OK


@commands.on("AT+CIPSSLCERT=", Bare("DELETE", "DELETE"), Integer("number", 0, 65535))
async def delete_certificate(call: Call, _word: str, number: int) -> bytes:
    """Forget a certificate until the next reset."""
    try:
        call.gateway.certificates.delete(number)
    except IndexError:
        raise ATError("+CIPSSLCERT=DELETE:no certificate", cause=f"there is no {number}") from None
    return messages.certificates([(number, "deleted")])


@commands.on(
    "AT+CIPSSLMFLN=",
    Host("site", error="HOSTNAME ERROR"),
    Integer("port", 1, 65535),
    Choice("size", _FRAGMENTS, error="SIZE ERROR"),
)
async def probe_fragment_length(call: Call, host: str, port: int, size: int) -> bytes:
    """Find out whether a server agrees to small TLS records."""
    if not call.gateway.has_address():
        raise ATError("NO AP", cause="no interface has an address")
    agreed = await call.gateway.links.offers_fragment_length(host, port, size)
    return messages.value(call.prefix, "TRUE" if agreed else "FALSE")


@commands.on("AT+CIPSSLSTA")
async def fragment_state(call: Call) -> bytes:
    """Show whether the link agreed to small TLS records."""
    return _fragment_state(call, None)


@commands.on("AT+CIPSSLSTA=", Integer("link", 0, SLOTS - 1))
async def fragment_state_of(call: Call, slot: int) -> bytes:
    """Show whether one link agreed to small TLS records."""
    return _fragment_state(call, slot)


def _fragment_state(call: Call, slot: int | None) -> bytes:
    if not call.gateway.has_address():
        raise ATError("NOT CONNECTED", cause="no interface has an address")
    if call.volatile.multiplexing != (slot is not None):
        raise ATError(f"MUX={int(call.volatile.multiplexing)}", cause="a link id goes with mux")
    link = call.gateway.links[slot or 0]
    if link is None:
        raise ATError("NOT OPENED", cause=f"link {slot or 0} is not open")
    if link.kind != "SSL":
        raise ATError("NOT A SSL", cause=f"link {slot or 0} is {link.kind}")
    return messages.value(call.prefix, int(link.fragment_length > 0))
