"""Whether the time is right, and who sees to it."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.doctor.case import Case
from gateway.doctor.finding import Finding, bad, doubt, good

_KEEPERS = "systemd-timesyncd chrony chronyd ntpsec ntp openntpd".split()

_OURS = "systemd-timesyncd"


def check_clock(case: Case) -> Iterator[Finding]:
    """The clock is not before this program's making, and something keeps it right."""
    if case.host.now() < _made(case):
        text = "the clock is in the past: no certificate is valid"
        yield bad("clock", text, "sudo timedatectl set-ntp true", synchronised=False)
        return
    done = case.host.run("timedatectl", "show")
    if not done.succeeded:
        yield doubt("clock", f"systemd-timedated does not answer: {done.complaint}")
        return
    said = dict(line.split("=", 1) for line in done.output.splitlines() if "=" in line)
    synchronised = said.get("NTPSynchronized") == "yes"
    keeper = _keeper(case)
    facts = {"synchronised": synchronised, "keeper": keeper or None}
    if synchronised and keeper in ("", _OURS):
        yield good("clock", f"synchronised by {keeper or 'something'}", **facts)
    elif synchronised:
        text = f"synchronised by {keeper}; AT+CIPSNTPCFG moves systemd-timesyncd alone"
        yield good("clock", text, **facts)
    elif keeper or said.get("NTP") == "yes":
        text = f"not synchronised yet; {keeper or 'NTP'} runs, and wants the network"
        log = f"journalctl -u {keeper or _OURS} -n 20"
        yield doubt("clock", text, log, **facts)
    elif said.get("CanNTP") == "yes":
        text = "nothing sets the clock: NTP is off"
        yield bad("clock", text, "sudo timedatectl set-ntp true", **facts)
    else:
        text = "nothing sets the clock"
        yield bad("clock", text, "sudo apt install systemd-timesyncd", **facts)


def _made(case: Case) -> float:
    """When this program was made, as its files say (seconds since 1970)."""
    try:
        return case.host.node(__file__).written
    except OSError:
        return 0.0


def _keeper(case: Case) -> str:
    """The service that sets the clock; empty if none of those we know runs."""
    units = [f"{name}.service" for name in _KEEPERS]
    done = case.host.run("systemctl", "show", "--property=Id,ActiveState", "--", *units)
    for block in done.output.split("\n\n"):
        said = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if said.get("ActiveState") == "active":
            return said.get("Id", "").removesuffix(".service")
    return ""
