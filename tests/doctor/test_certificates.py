"""The certificates' folder, with real certificates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from gateway.doctor.checks.certificates import check_certificates
from gateway.doctor.finding import Finding, Verdict
from gateway.doctor.host import Node
from gateway.services.api_settings import Settings
from tests.doctor.fake_host import FakeHost, case_of, denied
from tests.services.authority import NOW, Identity, self_signed

FOLDER = "/etc/esp-at-gateway/certs"
DAY = timedelta(days=1)


def lasting(name: str, days: float, begins: float = -10) -> Identity:
    """A root that ends in so many days."""
    return self_signed(name, valid=(NOW + begins * DAY, NOW + days * DAY))


def look(*, maximum: int = 5, nodes: object = None, **files: object) -> list[Finding]:
    """What is said of a folder of these files, each without its `.pem`."""
    host = FakeHost(time=NOW.timestamp())
    for name, content in files.items():
        text = content.pem if isinstance(content, Identity) else content
        host.files[f"{FOLDER}/{name}.pem"] = text  # type: ignore[assignment]
    host.nodes.update(nodes or {})  # type: ignore[call-overload]
    case = case_of(host, settings=Settings(certificate_maximum=maximum))
    return list(check_certificates(case))


def test_certificates_that_hold() -> None:
    found = look(one=lasting("One", 400), two=lasting("Two", 31))
    assert [(each.verdict, each.text) for each in found] == [(Verdict.GOOD, f"2 in {FOLDER}")]


@dataclass(frozen=True)
class Wrong:
    content: object
    verdict: Verdict
    text: str
    remedy: str | None


REMOVE = f"sudo rm {FOLDER}/one.pem"


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong(lasting("Root", -0.01), Verdict.BAD, "one.pem (Root) ended 2", REMOVE),
        Wrong(lasting("Root", 29.5), Verdict.DOUBT, "(Root) ends in 29 days", None),
        Wrong(lasting("Root", 400, 5), Verdict.DOUBT, "(Root) begins 2", None),
        Wrong(b"nonsense", Verdict.BAD, "one.pem: it holds no PEM certificates", REMOVE),
        Wrong(lasting("R", 9).pem * 2, Verdict.BAD, "it holds 2 PEM certificates", REMOVE),
        Wrong(b" " * 65537, Verdict.BAD, "it is longer than 65536 bytes", REMOVE),
        Wrong(OSError(0, "it is not a file"), Verdict.BAD, "it is not a file", REMOVE),
        Wrong(denied(), Verdict.DOUBT, "Permission denied", "sudo esp-at-gateway doctor"),
    ],
    ids=lambda wrong: wrong.text,
)
def test_a_certificate_that_is_of_no_use(wrong: Wrong) -> None:
    found = look(one=wrong.content)
    assert [(each.verdict, each.remedy) for each in found] == [(wrong.verdict, wrong.remedy)]
    assert wrong.text in found[0].text


def test_one_that_the_service_cannot_read() -> None:
    nodes = {f"{FOLDER}/one.pem": Node(0, 0, 0o600)}
    (found,) = look(one=lasting("Root", 400), nodes=nodes)
    assert (found.verdict, found.remedy) == (Verdict.BAD, f"sudo chmod 644 {FOLDER}/one.pem")


def test_more_than_are_loaded() -> None:
    (found,) = look(maximum=1, one=lasting("One", 400), two=lasting("Two", 400))
    assert found.verdict is Verdict.DOUBT
    assert found.text.startswith("2 files, and 1 are loaded")
