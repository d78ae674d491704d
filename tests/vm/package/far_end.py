"""Servers at the far end of the air and of the cable, for the bare guest."""

from __future__ import annotations

from pathlib import Path

from tests.vm import inside
from tests.vm.machine import Machine

PROGRAMS = Path(inside.__file__).parent
WEB = "10.77.1.1"
"""Of the web server, which `air.test` is too, behind every access point of network 1."""
TIME = "10.88.0.1"
"""Of the time server, at the other end of the cable."""
AUTHORITY = "/run/vm/authority.pem"

# An authority, and the server's certificate by it.
_CERTIFICATES = f"""
mkdir -p /run/vm && cd /run/vm
new="openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30"
$new -subj '/CN=The Air' -keyout authority.key -out {AUTHORITY}
$new -subj /CN=air.test -addext subjectAltName=DNS:air.test,IP:{WEB} \
    -addext basicConstraints=critical,CA:FALSE \
    -CA {AUTHORITY} -CAkey authority.key -keyout page.key -out page.pem
"""


def _start(machine: Machine, room: str, program: str, words: str, port: str) -> None:
    """Run a program of `inside` in a network namespace; returns when it has its port."""
    there = f"/run/vm/{program}"
    machine.run(f"mkdir -p /run/vm && cat > {there}", data=(PROGRAMS / program).read_bytes())
    machine.run(
        f"ip netns exec {room} python3 {there} {words} >/run/vm/{program}.log 2>&1 & "
        f"for _ in $(seq 200); do ip netns exec {room} ss -ltun | grep -q ':{port} ' && exit; "
        f"sleep 0.1; done; cat /run/vm/{program}.log; exit 1"
    )


def serve_page(machine: Machine) -> None:
    """A page on http://10.77.1.1 and https://air.test, whose authority is in `AUTHORITY`."""
    machine.run("set -e" + _CERTIFICATES)
    _start(machine, "ap", "page_server.py", f"{WEB} /run/vm/page.pem /run/vm/page.key", "443")


def serve_time(machine: Machine) -> None:
    """The time of day, on `TIME`."""
    _start(machine, "lan", "sntp_server.py", TIME, "123")
