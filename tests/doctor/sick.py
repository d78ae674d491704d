"""What can be wrong with a Raspberry Pi, one thing at a time, and what is to be said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gateway.config import Config, UartOptions
from gateway.doctor.case import Case
from gateway.doctor.examination import examine
from gateway.doctor.finding import Finding, Verdict
from tests.doctor.fake_host import (
    FILES,
    LINKS,
    FakeHost,
    case_of,
    shown,
)

GOOD, DOUBT, BAD = Verdict.GOOD, Verdict.DOUBT, Verdict.BAD
STATE = "/var/lib/esp-at-gateway"
OFF = "Timezone=UTC\nCanNTP=yes\nNTP=no\nNTPSynchronized=no\n"
STATION = "wlan0:wifi:connected\n"
TTY = "/dev/ttyAMA0"


@dataclass(frozen=True)
class Sick:
    """What differs from the healthy Pi, and the one line of the report that tells it."""

    what: str
    subject: str
    verdict: Verdict
    text: str
    remedy: str | None = None
    host: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Any] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    case: dict[str, Any] = field(default_factory=dict)
    config: Config = field(default_factory=Config)
    besides: tuple[str, ...] = ()
    """Subjects that are allowed to tell of it as well."""


def commands(**answers: Any) -> dict[str, Any]:
    """FakeHost's commands; a `_` is a space."""
    return {"commands": {name.replace("_", " "): answer for name, answer in answers.items()}}


def unit(**changed: str) -> dict[str, Any]:
    """The gateway's unit as systemd shows it."""
    return {"commands": {"systemctl show esp-at-gateway": shown(**changed)}}


def uart(**changed: Any) -> Config:
    """A configuration with another line."""
    return Config(uart=UartOptions(**changed))


def stopped(**changed: str) -> dict[str, Any]:
    """The service does not run, and its process is not there."""
    state = {"ActiveState": "inactive", "SubState": "dead", "MainPID": "0", **changed}
    return {**unit(**state), "holding": []}


def examined(case: Case, *arguments: Any, **options: Any) -> list[Finding]:
    """All that is found."""
    return list(examine(case, *arguments, **options))


def findings(sick: Sick) -> list[Finding]:
    """What the doctor says of it."""
    files = {path: text for path, text in FILES.items() if path not in sick.without}
    host = FakeHost(files={**files, **sick.files}, links={**LINKS, **sick.links}, **sick.host)
    return examined(case_of(host, sick.config, **sick.case))
