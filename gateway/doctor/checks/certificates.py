"""The CA certificates that chain authentication trusts."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from gateway.doctor.case import Case
from gateway.doctor.checks.service import again
from gateway.doctor.finding import Finding, bad, doubt, good
from gateway.services.api_links import CertificateKnown, CertificateRefused
from gateway.services.certificates import CertificateStore

if TYPE_CHECKING:
    from cryptography import x509

SOON_DAYS: Final = 30
"""A certificate that ends so soon is worth a word."""

_LONGEST: Final = 64 * 1024
_MORE_THAN_ANYBODY_HAS: Final = 1000


def check_certificates(case: Case) -> Iterator[Finding]:
    """Each file of the folder is a certificate that holds, and may be read by the service."""
    folder = case.config.storage.cert_dir
    try:
        names = [name for name in case.host.names(str(folder)) if name.endswith(".pem")]
    except FileNotFoundError:
        yield good("certificates", f"none: there is no {folder}", count=0)
        return
    except OSError as error:
        yield doubt("certificates", f"{folder}: {error.strerror}", again(case))
        return
    wrong = [finding for name in names if (finding := _check(case, name)) is not None]
    maximum = case.settings.certificate_maximum
    if len(names) - len(wrong) > maximum:
        text = f"{len(names)} files, and {maximum} are loaded (AT+CIPSSLCERTMAX)"
        wrong.append(doubt("certificates", text))
    yield from wrong
    if not wrong:
        yield good("certificates", f"{len(names) or 'none'} in {folder}", count=len(names))


def _check(case: Case, name: str) -> Finding | None:
    """What is wrong with one file; None if nothing is."""
    file = case.config.storage.cert_dir / name
    quoted, shown = shlex.quote(str(file)), ascii(name)[1:-1]
    remove = f"sudo rm {quoted}"
    try:
        node = case.host.node(str(file))
        text = case.host.read_bytes(str(file), _LONGEST + 1)
        subject, begins, ends = _read(text)
    except PermissionError as error:
        return doubt("certificates", f"{shown}: {error.strerror}", again(case))
    except (OSError, CertificateRefused, CertificateKnown) as error:
        cause = error.strerror if isinstance(error, OSError) else str(error)
        return bad("certificates", f"{shown}: {cause}", remove, file=shown)
    facts = {"file": shown, "subject": subject, "expires": ends.isoformat()}
    if case.account and not node.allows(case.account, 4):
        text_ = f"{shown} cannot be read by user {case.user}"
        return bad("certificates", text_, f"sudo chmod 644 {quoted}", **facts)
    now = datetime.fromtimestamp(case.host.now(), UTC)
    days = (ends - now).days
    if ends <= now:
        return bad("certificates", f"{shown} ({subject}) ended {ends:%Y-%m-%d}", remove, **facts)
    if begins > now:
        return doubt("certificates", f"{shown} ({subject}) begins {begins:%Y-%m-%d}", **facts)
    if days < SOON_DAYS:
        text_ = f"{shown} ({subject}) ends in {days} days: get the authority's new one"
        return doubt("certificates", text_, **facts)
    return None


def _read(text: bytes) -> tuple[str, datetime, datetime]:
    """A file's subject, and from when to when it holds.

    Raises CertificateRefused where the gateway would leave it out.
    """
    if len(text) > _LONGEST:
        raise CertificateRefused(f"it is longer than {_LONGEST} bytes")
    store = CertificateStore(None, _MORE_THAN_ANYBODY_HAS)
    asyncio.run(store.add(text))

    from cryptography import x509

    certificate = x509.load_pem_x509_certificate(store.anchors[0])
    return (
        store.name(1),
        _moment(certificate, "not_valid_before"),
        _moment(certificate, "not_valid_after"),
    )


def _moment(certificate: x509.Certificate, name: str) -> datetime:
    # Debian 12's cryptography has these without a zone, later ones warn of that.
    moment: datetime | None = getattr(certificate, f"{name}_utc", None)
    if moment is None:
        moment = getattr(certificate, name).replace(tzinfo=UTC)
    return moment
