"""A guest on the owner's machine: leaves alone what is not its own, and gives everything back."""

from __future__ import annotations

import pytest

from tests.vm import owner
from tests.vm.at_client import AtClient
from tests.vm.gateway_on_serial import PLACE, STATE, USER, GatewayOnSerial
from tests.vm.joining import JOIN_SECONDS, join_command, joined_bssid
from tests.vm.machine import Machine
from tests.vm.report import Report
from tests.vm.standard_air import MIXED, WPA2

CONNECTED = (b"WIFI CONNECTED", b"WIFI GOT IP")
RELEASE = f"python3 -m gateway release-network --state-dir {STATE}"
AS_USER = f"cd {PLACE} && setpriv --reuid {USER} --regid {USER} --init-groups "


class Guest(GatewayOnSerial):
    """The gateway on a machine whose owner is connected; `before` are the owner's files."""

    before = ""

    def arrive(self) -> None:
        """Let the owner connect, then start."""
        self.before = owner.connect(self.machine, WPA2)
        self.start()
        self.greeted(*CONNECTED)

    def is_refused(self) -> None:
        """A join with a wrong password, which takes the owner's connection down."""
        reply = self.client.ask(join_command(MIXED, b"wrong horse"), JOIN_SECONDS)
        assert reply.lines == (b"WIFI DISCONNECT", b"+CWJAP:2")
        assert not owner.is_up(self.machine)


@pytest.fixture
def guest(machine: Machine, line: AtClient) -> Guest:
    """The gateway, told nothing yet, on the owner's connection."""
    guest = Guest(machine, line)
    guest.arrive()
    return guest


def test_the_owners_connection_is_reported_and_left_alone(guest: Guest) -> None:
    client = guest.client
    assert joined_bssid(guest) == WPA2.bssid
    assert client.ask("AT+CIPSTATUS").lines == (b"STATUS:2",)
    assert client.ask("AT+CIFSR").line(b"+CIFSR:STAIP,").startswith(b'"10.77.1.')
    for command in ("AT+CWAUTOCONN=0", "AT+CWAUTOCONN=1", "AT+CWMODE=1"):
        assert client.ask(command).ok
    assert client.ask("AT+CWLAP", 12).ok
    assert owner.is_up(guest.machine)
    assert owner.files(guest.machine) == guest.before


def test_joining_the_network_that_is_up_answers_at_once(guest: Guest, report: Report) -> None:
    reply = guest.client.ask(join_command(WPA2, name="AT+CWJAP_CUR"), JOIN_SECONDS)
    assert reply.ok
    report.note(f"answered after {reply.seconds:.2f} s")
    # A join that leaves the network and comes back takes longer, and leaves another profile up.
    assert reply.seconds < 6
    assert owner.is_up(guest.machine)
    assert owner.files(guest.machine) == guest.before


def test_the_network_that_is_up_with_a_wrong_password_is_2(guest: Guest) -> None:
    reply = guest.client.ask(join_command(WPA2, b"wrong horse"), JOIN_SECONDS)
    assert reply.final == b"FAIL"
    assert reply.lines[-1] == b"+CWJAP:2"
    assert owner.files(guest.machine) == guest.before


def test_restore_deletes_our_profiles_and_none_of_the_owners(guest: Guest) -> None:
    reply = guest.client.ask(join_command(MIXED), JOIN_SECONDS)
    assert reply.lines == (b"WIFI DISCONNECT", *CONNECTED)
    assert owner.files(guest.machine) != guest.before
    assert guest.client.ask("AT+RESTORE").ok
    guest.client.until(b"\r\nready\r\n")
    owner.comes_back(guest.machine)
    assert owner.files(guest.machine) == guest.before


def test_stopping_brings_the_owners_connection_back(guest: Guest, report: Report) -> None:
    guest.is_refused()
    guest.stop()
    report.note(f"the owner is back after {owner.comes_back(guest.machine):.1f} s")
    assert owner.files(guest.machine) == guest.before


def test_leaving_holds_until_the_stop(guest: Guest, report: Report) -> None:
    assert guest.client.ask("AT+CWQAP").ok
    guest.client.hear(b"WIFI DISCONNECT")
    guest.client.silent(10)
    assert not owner.is_up(guest.machine)
    guest.stop()
    report.note(f"the owner is back after {owner.comes_back(guest.machine):.1f} s")


def test_killed_after_a_refused_join_the_owner_is_not_locked_out(
    guest: Guest, report: Report
) -> None:
    guest.is_refused()
    guest.kill()
    assert not owner.is_up(guest.machine)
    took = guest.machine.run(AS_USER + RELEASE).seconds
    took += owner.comes_back(guest.machine, 30 - took)
    report.note(f"the owner is back {took:.1f} s after release-network was called")
    assert owner.files(guest.machine) == guest.before


def test_killed_while_joined_systemd_gives_everything_back(
    machine: Machine, line: AtClient, report: Report
) -> None:
    guest = Guest(machine, line, after_stop=f"/usr/bin/{RELEASE}")
    guest.arrive()
    reply = guest.client.ask(join_command(MIXED, name="AT+CWJAP_CUR"), JOIN_SECONDS)
    assert reply.ok
    guest.kill()
    report.note(f"the owner is back after {owner.comes_back(machine):.1f} s")
    assert owner.files(machine) == guest.before
    assert machine.run("nmcli -g name connection").output.count("\n") == 3  # wired, lo, home


def test_a_protected_owner_is_never_left(machine: Machine, line: AtClient) -> None:
    guest = Guest(machine, line, configuration="[network]\nprotect_owner = true\n")
    guest.arrive()
    assert not guest.client.ask(join_command(MIXED), JOIN_SECONDS).ok
    assert not guest.client.ask("AT+CWQAP").ok
    assert not guest.client.ask("AT+CWMODE_CUR=2").ok
    assert owner.is_up(machine)
    assert "protect_owner" in guest.log()
