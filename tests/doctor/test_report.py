"""The report on a screen and as JSON, its exit status, and time limits."""

from __future__ import annotations

import errno
import io
import json
import os
import shlex
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.doctor import program
from gateway.doctor.case import Case
from gateway.doctor.finding import Finding, Verdict, bad, doubt, good
from gateway.doctor.host import Done
from gateway.doctor.report import as_json, as_text
from tests.doctor.fake_host import FakeHost, case_of
from tests.doctor.sick import examined

FOUND = [
    good("line", "/dev/serial0 is ttyAMA0", node="ttyAMA0", max_baud=3_000_000),
    doubt("clock", "not synchronised yet", "journalctl -u systemd-timesyncd -n 20"),
    bad("radio", "rfkill holds Wi-Fi off", "sudo rfkill unblock wifi", blocked="soft"),
    bad("radio", "and more", "x" * 120),
]
SCREEN = f"""\
[ok] line            /dev/serial0 is ttyAMA0
[??] clock           not synchronised yet
                     -> journalctl -u systemd-timesyncd -n 20
[!!] radio           rfkill holds Wi-Fi off
                     -> sudo rfkill unblock wifi
[!!]                 and more
                     -> {"x" * 120}

2 to mend, 1 to look at.
"""


def screen_of(found: list[Finding], *, colour: bool = False) -> str:
    """The whole screen, 80 columns wide."""
    return "".join(as_text(found, colour=colour, width=80))


def test_a_screen() -> None:
    assert screen_of(FOUND) == SCREEN


def test_a_screen_in_colour() -> None:
    screen = screen_of(FOUND, colour=True)
    for code, mark in (("32", "ok"), ("33", "??"), ("31;1", "!!")):
        assert f"\033[{code}m[{mark}]\033[0m" in screen
    assert screen.count("\033[0m") == len(FOUND) + 1


def test_long_texts_are_wrapped_within_the_width() -> None:
    screen = screen_of([good("line", "word " * 50)])
    lines = screen.splitlines()
    assert len(lines) == 7
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith(" " * 21 + "word")


def test_what_others_may_have_written_moves_no_cursor() -> None:
    screen = screen_of([good("service", "joined \033[2Jhome\n\a")])
    assert "joined ?[2Jhome" in screen
    assert "\033" not in screen


def test_all_is_well() -> None:
    assert screen_of(FOUND[:1]).endswith("\n\nAll is well.\n")


def test_json() -> None:
    content = json.loads(as_json(FOUND))
    assert content["version"] == 1
    assert content["verdict"] == "bad"
    assert content["findings"][0] == {
        "subject": "line",
        "verdict": "good",
        "text": "/dev/serial0 is ttyAMA0",
        "remedy": None,
        "details": {"node": "ttyAMA0", "max_baud": 3_000_000},
    }
    assert [each["remedy"] for each in content["findings"][1:3]] == [
        "journalctl -u systemd-timesyncd -n 20",
        "sudo rfkill unblock wifi",
    ]


@pytest.fixture
def file() -> Iterator[Path]:
    """A configuration whose paths are the fake's; its own is short enough for one row."""
    with tempfile.TemporaryDirectory(prefix="d", dir="/tmp") as folder:
        path = Path(folder) / "gateway.toml"
        path.write_text("")
        yield path


def sick(verdict: Verdict) -> FakeHost:
    """A host of which this is the worst that can be said."""
    answers = {
        Verdict.GOOD: FakeHost(),
        Verdict.DOUBT: FakeHost(commands={"vcgencmd": Done(0, "throttled=0x10000\n")}),
        Verdict.BAD: FakeHost(free=None),
    }
    return answers[verdict]


@pytest.mark.parametrize(
    ("verdict", "status"), [(Verdict.GOOD, 0), (Verdict.BAD, 1), (Verdict.DOUBT, 3)]
)
def test_the_exit_status_is_0_only_if_all_is_well(
    verdict: Verdict, status: int, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host = sick(verdict)
    host.files[str(file)] = ""
    assert program.run(file, json=True, host=host) == status
    assert json.loads(capsys.readouterr().out)["verdict"] == verdict.name.lower()


def test_a_faulty_configuration_is_told_and_the_rest_is_looked_at(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("[uart]\nbaud = 1\n")
    assert program.run(file, host=FakeHost()) == 1
    screen = capsys.readouterr().out
    assert f"[!!] configuration   {file}:" in screen
    assert f"-> sudo nano {file}\n" in screen
    assert "[ok] NetworkManager" in screen


def test_an_instance_has_a_line_a_state_and_a_unit_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    host = FakeHost()
    program.run(None, "ttyUSB0", json=True, host=host)
    found = json.loads(capsys.readouterr().out)["findings"]
    texts = {each["subject"]: each["text"] for each in found}
    assert texts["line"] == "/dev/ttyUSB0: No such file or directory"
    assert "/etc/esp-at-gateway/ttyUSB0.toml" in texts["configuration"]
    assert "/var/lib/esp-at-gateway-ttyUSB0" in texts["storage"]
    shows = [command for command in host.asked if command[:2] == ("systemctl", "show")]
    assert shows[0][-1] == "esp-at-gateway@ttyUSB0"


def test_an_instance_is_named_as_a_shell_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    name = r"serial-by\x2did-usb"
    remedies = []
    for command in ([], ["ActiveState=failed"], ["ActiveState=active", "UnitFileState=disabled"]):
        said = Done(0, "\n".join(["LoadState=loaded", "User=esp-at-gateway", *command]) + "\n")
        host = FakeHost(commands={f"systemctl show esp-at-gateway@{name}": said})
        program.run(None, name, json=True, host=host)
        found = json.loads(capsys.readouterr().out)["findings"]
        remedies += [each["remedy"] for each in found if "x2d" in (each["remedy"] or "")]
    assert len(remedies) >= 4
    for remedy in remedies:
        words = shlex.split(remedy, comments=True)
        assert all(r"\x2d" in word for word in words if "x2d" in word), remedy


@pytest.mark.parametrize("command", ["doctor", "monitor"])
@pytest.mark.parametrize("name", ["../x", "/dev/ttyUSB0", "", "a b", "x\n"])
def test_what_is_no_instance_is_refused(
    command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--instance", name])
    assert ended.value.code == 2
    assert "as ttyUSB0" in capsys.readouterr().err


def test_a_loopback_looks_at_the_line_alone(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.run(file, loopback=True, json=True, host=FakeHost()) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert {each["subject"] for each in found} == {
        *("line", "speed", "console", "holder", "access", "loopback")
    }


def test_a_terminal_of_ascii_letters_is_no_obstacle(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    host = FakeHost()
    host.files[str(file)] = ""
    assert program.run(file, host=host) == 0
    shown = b" ".join(written.getvalue().split())
    assert b"192.168.1.7 ? 2 links ? 115200 8N1" in shown
    assert b"\033" not in written.getvalue()


def test_a_check_that_hangs_does_not_hang_the_doctor() -> None:
    go_on = threading.Event()

    def check_bus(case: Case) -> list[Finding]:
        go_on.wait()
        return []

    def check_quick(case: Case) -> list[Finding]:
        return [good("quick", "here")]

    try:
        found = examined(case_of(FakeHost()), (check_bus, check_quick), seconds=0.05)
    finally:
        go_on.set()
    assert found == [doubt("bus", "no answer within 0.05 s"), good("quick", "here")]


def test_a_check_that_fails_itself_is_told() -> None:
    def check_bus(case: Case) -> list[Finding]:
        raise KeyError("strange")

    found = examined(case_of(FakeHost()), (check_bus,))
    assert found == [doubt("bus", "this check failed itself: KeyError: 'strange'")]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["doctor", "--json", "--config", str(tmp_path / "none.toml")])
    content = json.loads(capsys.readouterr().out)
    assert status == 1
    assert "there is no such file" in content["findings"][0]["text"]


@pytest.mark.parametrize(
    ("number", "verdict", "status"),
    [
        (errno.EPIPE, Verdict.GOOD, 0),
        (errno.EPIPE, Verdict.DOUBT, 3),
        (errno.ENOSPC, Verdict.GOOD, 1),
    ],
)
def test_a_screen_that_takes_no_more(
    number: int,
    verdict: Verdict,
    status: int,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def refuse(text: str) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(program, "_print", refuse)
    monkeypatch.setattr(program, "_hush", lambda: None)
    host = sick(verdict)
    host.files[str(file)] = ""
    assert program.run(file, host=host) == status
    assert ("No space left" in capfd.readouterr().err) is (number == errno.ENOSPC)
