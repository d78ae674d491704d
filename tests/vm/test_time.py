"""Time from systemd-timesyncd: servers named over the line, and certificates before and after."""

from __future__ import annotations

import re
import time

import pytest

from tests.vm.at_client import AtClient
from tests.vm.gateway_on_serial import PLACE, STATE, USER, GatewayOnSerial
from tests.vm.machine import Machine
from tests.vm.report import Report

SERVER = "10.88.0.1"
"""The far end of the cable."""
UNKNOWN = b"+CIPSNTPTIME:Thu Jan  1 00:00:00 1970"
SECONDS = 60.0
RULE = "/etc/polkit-1/rules.d/10-time.rules"
MANAGER = "org.freedesktop.timesync1 /org/freedesktop/timesync1 org.freedesktop.timesync1.Manager"
NAMED = f"busctl get-property {MANAGER} RuntimeNTPServers"
NONE, OURS = "as 0", f'as 1 "{SERVER}"'
DROP_IN = "/run/systemd/system/esp-at-gateway.service.d"


def permit(machine: Machine, result: str) -> None:
    """What polkit answers the gateway when it names time servers."""
    rule = (
        "polkit.addRule(function (action, subject) {\n"
        f'if (subject.user === "{USER}" && '
        'action.id === "org.freedesktop.timesync1.set-runtime-servers")\n'
        f"return polkit.Result.{result};\n}});\n"
    )
    machine.run(f"cat > {RULE} && systemctl restart polkit", data=rule.encode())


def serve_time(machine: Machine) -> None:
    """Start a time server at the far end of the cable."""
    program = f"{PLACE}/tests/vm/inside/sntp_server.py"
    machine.run(
        f"ip netns exec lan python3 {program} {SERVER} > /run/vm/asked & "
        "for _ in $(seq 100); do ip netns exec lan ss -lun | grep -q :123 && exit; "
        "sleep 0.1; done; exit 1"
    )


def start_timesyncd(machine: Machine) -> None:
    """Start systemd-timesyncd, which would pause for 30 s before it asks a new server."""
    machine.run(
        "mkdir -p /run/systemd/timesyncd.conf.d && printf '[Time]\\nConnectionRetrySec=1\\n' "
        "> /run/systemd/timesyncd.conf.d/vm.conf && systemctl start systemd-timesyncd"
    )


def until(machine: Machine, condition: str) -> None:
    """The condition, a command of the guest's, comes about."""
    again = f"for _ in $(seq {round(SECONDS * 5)}); do {condition} && exit; sleep 0.2; done"
    machine.run(f"{again}; timedatectl; {NAMED}; exit 1", seconds=SECONDS + 60)


def until_named(machine: Machine, servers: str) -> None:
    """timesyncd has been told these."""
    until(machine, f"[ \"$({NAMED})\" = '{servers}' ]")


def until_told(client: AtClient) -> str:
    """The gateway tells the time, which it does not do at first."""
    deadline = time.monotonic() + SECONDS
    while (line := client.ask("AT+CIPSNTPTIME?").lines[0]) == UNKNOWN:
        assert time.monotonic() < deadline, "the time stays unknown"
    return line.removeprefix(b"+CIPSNTPTIME:").decode()


@pytest.fixture
def guarded(machine: Machine, line: AtClient) -> GatewayOnSerial:
    """The gateway as a service that may not ask the kernel; it may name servers."""
    machine.run(
        f"mkdir -p {DROP_IN} && printf '[Service]\\nProtectClock=yes\\n' > {DROP_IN}/clock.conf && "
        "systemctl daemon-reload"
    )
    permit(machine, "YES")
    gateway = GatewayOnSerial(
        machine,
        line,
        after_stop=f"python3 -m gateway release-network --state-dir {STATE}",
    )
    gateway.start()
    gateway.greeted()
    return gateway


def test_the_servers_named_are_asked_and_asked_again_and_given_back(
    guarded: GatewayOnSerial, report: Report
) -> None:
    machine, client = guarded.machine, guarded.client
    serve_time(machine)
    start_timesyncd(machine)
    assert client.ask("AT+CIPSNTPTIME?").lines == (UNKNOWN,)
    begun = time.monotonic()
    assert client.ask(f'AT+CIPSNTPCFG=1,2,"{SERVER}"').ok
    told = until_told(client)
    report.note(f"time known after {time.monotonic() - begun:.1f} s")
    seconds = machine.run("date +%s").output
    shown = time.mktime(time.strptime(told)) - time.timezone - 2 * 3600
    assert abs(shown - float(seconds)) < 60
    assert re.match(r"10\.88\.0\.", machine.run("cat /run/vm/asked").output)

    machine.run("systemctl restart systemd-timesyncd")
    until_named(machine, OURS)
    until_told(client)
    client.send(b"AT+RST\r\n")
    client.until(b"ready\r\n", 30)
    until_named(machine, NONE)


def test_a_stop_and_a_kill_give_the_servers_back(guarded: GatewayOnSerial) -> None:
    machine, client = guarded.machine, guarded.client
    start_timesyncd(machine)
    assert client.ask(f'AT+CIPSNTPCFG=1,0,"{SERVER}"').ok
    until_named(machine, OURS)
    guarded.stop()
    until_named(machine, NONE)

    guarded.start()
    guarded.greeted()
    assert client.ask(f'AT+CIPSNTPCFG=1,0,"{SERVER}"').ok
    until_named(machine, OURS)
    guarded.kill()
    until_named(machine, NONE)


def test_where_network_time_is_off_it_is_said_and_stays_off(gateway: GatewayOnSerial) -> None:
    machine = gateway.machine
    permit(machine, "YES")
    assert gateway.client.ask(f'AT+CIPSNTPCFG=1,0,"{SERVER}"').ok
    until(machine, "journalctl -u esp-at-gateway | grep -q 'network time is off on this machine'")
    assert gateway.client.ask("AT+CIPSNTPTIME?").lines == (UNKNOWN,)
    assert machine.run("systemctl is-active systemd-timesyncd", check=False).output == "inactive\n"
    # The owner turns it on: nothing has to be typed again.
    machine.run("timedatectl set-ntp true")
    until_named(machine, OURS)


def test_without_the_right_it_says_which_is_missing(gateway: GatewayOnSerial) -> None:
    machine = gateway.machine
    permit(machine, "NO")
    start_timesyncd(machine)
    assert gateway.client.ask(f'AT+CIPSNTPCFG=1,0,"{SERVER}"').ok
    refused = "systemd-timesyncd refuses org.freedesktop.timesync1.set-runtime-servers to user"
    until(machine, f"journalctl -u esp-at-gateway | grep -q '{refused} {USER}'")
    assert machine.run(NAMED).output.strip() == NONE


def test_a_chain_is_checked_as_soon_as_the_time_is_known(guarded: GatewayOnSerial) -> None:
    machine, client = guarded.machine, guarded.client
    machine.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 "
        f"-subj /CN=lan -addext subjectAltName=IP:{SERVER} -keyout /run/vm/key -out /run/vm/pem; "
        f"ip netns exec lan python3 {PLACE}/tests/vm/inside/byte_server.py {SERVER} 7003 "
        "/run/vm/pem /run/vm/key & for _ in $(seq 100); do "
        "ip netns exec lan ss -ltn | grep -q :7003 && exit; sleep 0.1; done; exit 1"
    )
    start_timesyncd(machine)
    client.send(b"AT+CIPSSLCERT\r\n")
    client.until(b">")
    client.send(machine.run("cat /run/vm/pem").output.encode())
    client.until(b"OK\r\n")
    assert client.ask("AT+CIPSSLAUTH=2").ok
    opening = f'AT+CIPSTART="SSL","{SERVER}",7003'
    assert client.ask(opening, 20).lines == (b"connect fail",)
    client.hear(b"CLOSED")
    assert "TLS refused: the time is not known yet" in guarded.log()

    serve_time(machine)
    assert client.ask(f'AT+CIPSNTPCFG=1,0,"{SERVER}"').ok
    until_told(client)
    assert client.ask(opening, 20).ok
