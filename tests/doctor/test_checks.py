"""Each check: a healthy Raspberry Pi, and one thing of it that is not as it should be."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.config import Config, NetworkOptions, StorageOptions
from gateway.doctor.checks.line import check_holder
from gateway.doctor.checks.polkit import TIME_SERVERS
from gateway.doctor.checks.service import check_storage
from gateway.doctor.examination import ALL_CHECKS
from gateway.doctor.finding import Finding, Verdict, bad, doubt, worst
from gateway.doctor.host import Done
from gateway.services.network.bus_values import NEEDED
from tests.doctor.fake_host import (
    FILES,
    PI,
    ROOT,
    SERVICE,
    FakeHost,
    case_of,
    denied,
)
from tests.doctor.sick import (
    BAD,
    DOUBT,
    GOOD,
    STATE,
    Sick,
    examined,
    findings,
    stopped,
    uart,
    unit,
)
from tests.doctor.sick_lines import LINES
from tests.doctor.sick_machines import AN_ORDINARY_USER, CHIP, MACHINES, PINS, WIRED
from tests.doctor.sick_networks import NETWORKS
from tests.doctor.sick_services import SERVICES

ALL = [*SERVICES, *LINES, *NETWORKS, *MACHINES, *PINS, *AN_ORDINARY_USER]


def test_a_healthy_pi_is_all_green() -> None:
    found = examined(case_of(FakeHost()))
    assert [finding for finding in found if finding.verdict is not GOOD] == []
    texts = {finding.subject: finding.text for finding in found}
    assert texts["line"] == "/dev/serial0 is ttyAMA0: PL011, up to 3000000 baud"
    assert texts["service"].endswith("joined home 192.168.1.7 · 2 links · 115200 8N1")
    assert texts["country"] == "DE"
    assert texts["clock"] == "synchronised by systemd-timesyncd"


@pytest.mark.parametrize("sick", ALL, ids=lambda sick: sick.what)
def test_what_is_wrong_is_told_with_what_mends_it(sick: Sick) -> None:
    found = findings(sick)
    told = [each for each in found if each.subject == sick.subject and each.verdict > GOOD]
    assert [(each.verdict, each.remedy) for each in told] == [(sick.verdict, sick.remedy)]
    assert sick.text in told[0].text
    elsewhere = {each.subject for each in found if each.verdict > GOOD} - {sick.subject}
    assert elsewhere <= set(sick.besides)


@pytest.mark.parametrize("sick", ALL, ids=lambda sick: sick.what)
def test_no_secret_is_told(sick: Sick) -> None:
    assert not any("secret" in f"{each.text}{each.details}" for each in findings(sick))


def remedies() -> set[str]:
    """All that is advised anywhere above."""
    return {each.remedy for sick in ALL for each in findings(sick) if each.remedy}


def test_a_remedy_that_is_a_command_of_ours_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    ours = [
        part.split("#")[0].strip().removeprefix("sudo esp-at-gateway ")
        for remedy in remedies()
        for part in re.split(r"&&|;", remedy)
        if "sudo esp-at-gateway " in part
    ]
    assert {words.split()[0] for words in ours} == {"setup-uart", "release-network", "doctor"}
    for words in ours:
        with pytest.raises(SystemExit) as ended:
            main([*shlex.split(words), "--help"])
        assert ended.value.code == 0, words
        options = {word for word in words.split() if word.startswith("--")}
        assert options <= set(re.findall(r"--[a-z-]+", capsys.readouterr().out)), words


def test_what_is_bad_has_a_remedy() -> None:
    with pytest.raises(ValueError, match="nothing that mends it"):
        Finding("line", BAD, "broken")
    with pytest.raises(ValueError, match="nothing that mends it"):
        bad("line", "broken", "")


def test_the_worst_counts() -> None:
    assert worst([]) is GOOD
    assert worst([doubt("a", "?"), bad("b", "!", "mend it"), doubt("c", "?")]) is BAD


def test_no_check_ends_the_doctor_whatever_the_machine_says() -> None:
    class Strange(FakeHost):
        def run(self, *command: str, account: object = None) -> Done:
            return Done(0, "\0\xff nonsense = \n:::\n=\n", "?")

    found = examined(case_of(Strange(files=dict.fromkeys(FILES, "nonsense\n"))))
    assert not any("this check failed itself" in finding.text for finding in found)


def test_no_check_ends_the_doctor_where_nothing_can_be_read() -> None:
    host = FakeHost(files=dict.fromkeys(FILES, denied()), programs=set())
    host.nodes.clear()
    host.commands.clear()
    found = examined(case_of(host))
    assert not any("this check failed itself" in finding.text for finding in found)
    assert worst(found) is BAD


def test_a_pseudo_terminal_has_nothing_to_look_at() -> None:
    found = examined(case_of(FakeHost(), uart(device="pty:/tmp/esp")))
    assert {each.subject for each in found} & {"console", "holder", "access", "speed"} == set()
    assert worst(found) is GOOD


def test_a_simulated_network_asks_nothing_of_the_machine() -> None:
    host = FakeHost()
    found = examined(case_of(host, Config(network=NetworkOptions(kind="simulated"))))
    assert {"Wi-Fi", "radio", "permissions", "SoftAP"} & {each.subject for each in found} == set()
    assert {"nmcli", "iw", "sh"} & {command[0] for command in host.asked} == set()


def test_root_needs_no_polkit() -> None:
    host = FakeHost(**unit(User=""), programs={"wpa_supplicant", "dnsmasq", "rfkill"})
    assert case_of(host).user == "root"
    found = examined(case_of(host))
    assert worst(found) is GOOD


def test_polkit_is_asked_as_the_services_user() -> None:
    seen = []

    class Watched(FakeHost):
        def run(self, *command: str, account: Any = None) -> Done:
            if command[0] == "sh":
                seen.append((account, command[-1]))
            return super().run(*command, account=account)

    examined(case_of(Watched()))
    assert seen == [(SERVICE, action) for action in (*NEEDED, TIME_SERVERS)]


def test_a_state_elsewhere_is_named_when_the_network_is_given_back() -> None:
    sick = replace(
        next(sick for sick in SERVICES if sick.subject == "owner's network"),
        files={"/srv/a b/network.json": '{"version": 1, "profiles": {"u": 1}, "held": {}}'},
        config=Config(storage=StorageOptions(state_dir=Path("/srv/a b"))),
    )
    told = next(each for each in findings(sick) if each.subject == "owner's network")
    assert told.remedy == "sudo esp-at-gateway release-network --state-dir '/srv/a b'"


def test_every_check_is_in_the_examination() -> None:
    import gateway.doctor.checks as package

    folder = Path(package.__file__).parent
    written = {
        name
        for file in folder.glob("*.py")
        for name in re.findall(r"^def (check_\w+)", file.read_text(), re.M)
    }
    assert written == {check.__name__ for check in ALL_CHECKS}


def test_pins_that_the_service_may_use() -> None:
    account = replace(SERVICE, group_ids=(990, 20, 997))
    host = FakeHost(nodes=CHIP, accounts=(ROOT, account))
    texts = {each.subject: each.text for each in examined(case_of(host, WIRED))}
    assert texts["pins"] == "GPIO17, GPIO22: to be had"


def test_without_a_unit_it_is_whoever_asks() -> None:
    answers = {"systemctl show esp-at-gateway": Done(0, "LoadState=not-found\n")}
    host = FakeHost(commands=answers, accounts=(ROOT, PI))  # type: ignore[arg-type]
    texts = {each.subject: each for each in examined(case_of(host))}
    assert texts["user"].text == "pi (pi)"
    assert texts["service"].verdict is DOUBT
    assert texts["service"].remedy == "sudo apt install esp-at-gateway"
    assert texts["access"].remedy == "sudo usermod -aG dialout pi"
    del host.nodes[STATE]
    (storage,) = check_storage(case_of(host))
    assert storage.remedy == f"sudo mkdir -m 700 {STATE}"
    service = FakeHost(commands=answers)  # type: ignore[arg-type]
    assert case_of(service).account == SERVICE


def test_a_state_directory_comes_with_the_service() -> None:
    host = FakeHost()
    del host.nodes[STATE]
    (storage,) = check_storage(case_of(host))
    assert (storage.verdict, storage.remedy) == (Verdict.GOOD, None)


def test_whether_the_service_has_the_line() -> None:
    (held,) = check_holder(case_of(FakeHost()))
    assert held.text == "nobody but the service has the line open"
    (free,) = check_holder(case_of(FakeHost(**stopped())))
    assert free.text == "nobody has the line open"


def test_the_page_tells_of_every_line_of_the_report() -> None:
    page = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text("utf-8")
    table = page.partition("## What is looked at")[2].partition("## The wires")[0]
    told = {
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([^`]+)`", line.split("|")[1])
    }
    seen = {each.subject for sick in ALL for each in findings(sick)}
    assert told == seen


def test_another_keeper_of_time_is_as_good() -> None:
    def pkcheck(command: tuple[str, ...]) -> Done:
        if command[-1] == TIME_SERVERS:
            return Done(127, "", f"Error: Action {TIME_SERVERS} is not registered")
        return Done(0)

    chrony = Done(0, "Id=chrony.service\nActiveState=active\n")
    answers = {"sh": pkcheck, "systemctl show systemd-timesyncd.service": chrony}
    host = FakeHost(commands=answers)  # type: ignore[arg-type]
    texts = {each.subject: each for each in examined(case_of(host))}
    assert texts["permissions"].verdict is Verdict.GOOD
    assert texts["clock"].verdict is Verdict.GOOD
    assert "AT+CIPSNTPCFG moves systemd-timesyncd alone" in texts["clock"].text


def test_a_remedy_speaks_of_the_same_gateway() -> None:
    (told,) = check_holder(case_of(FakeHost(me=PI), file=Path("/srv/a b.toml")))
    assert told.remedy == "sudo esp-at-gateway doctor --config '/srv/a b.toml'"
