"""The console as a process: as a filter on a pipe, and at a terminal with readline."""

from __future__ import annotations

import importlib.util
import stat
import subprocess
from pathlib import Path

import pytest

from tests.system.console_parts import LIMIT, ROOT, FakeModule, User, console_command

COMMANDS = {
    "AT+CWLAP": "list access points",
    "AT+CWLAP=": "look for one access point",
    "AT+CWLAPOPT=": "order and fields of the list",
    "AT+CWMODE?": "which of station and SoftAP is on",
    "AT+CWMODE_CUR?": "the same, spelled longer",
}
the_gateway_is_there = pytest.mark.skipif(
    importlib.util.find_spec("gateway.__main__") is None, reason="no gateway to start yet"
)


def filtered(uart: str | None, text: str) -> subprocess.CompletedProcess[str]:
    """Run the console with `text` on a pipe."""
    return subprocess.run(
        console_command(uart), input=text, capture_output=True, text=True, timeout=60, cwd=ROOT
    )


def test_a_pipe_gets_the_replies_without_the_echo() -> None:
    with FakeModule() as module:
        done = filtered(module.path, "AT\nAT+GMR\n\nAT+BAD\n")
    assert done.stdout == "\nOK\nAT version:1.7\nOK\n\nERROR\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_a_pipe_waits_for_each_final_reply() -> None:
    with FakeModule() as module:
        filtered(module.path, "AT+SLOW\nAT\n")
        assert module.early == [b"", b""]
        assert module.lines.get(timeout=LIMIT) == b"AT+SLOW"
        assert module.lines.get(timeout=LIMIT) == b"AT"


def test_a_pipe_waits_for_ready_behind_a_reset() -> None:
    with FakeModule() as module:
        done = filtered(module.path, "AT+RST\nAT\n")
    assert done.stdout == "\nOK\n\nready\n\nOK\n"


def test_payload_is_sent_as_announced_and_commands_go_on() -> None:
    with FakeModule() as module:
        done = filtered(module.path, "AT+CIPSEND=18\nGET / HTTP/1.0\n\nAT\n")
        assert module.payloads.get(timeout=LIMIT) == b"GET / HTTP/1.0\r\n\r\n"
    assert done.stdout == "\nOK\n> \nRecv 18 bytes\n\nSEND OK\n\nOK\n"


def test_a_device_that_is_not_there_is_said_in_a_sentence() -> None:
    done = filtered("/dev/no-such-line", "AT\n")
    assert done.returncode == 1
    assert "/dev/no-such-line" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_line_in_use_is_refused(tmp_path: Path) -> None:
    with FakeModule() as module, User(console_command(module.path), tmp_path) as user:
        user.sees("esp> ")
        done = filtered(module.path, "AT\n")
        assert done.returncode == 1
        assert "lock" in done.stderr
        user.types("\x04")
        user.leaves(0)


def test_tab_completes_with_help_and_control_d_ends(tmp_path: Path) -> None:
    with (
        FakeModule() as module,
        User(console_command(module.path, COMMANDS), tmp_path) as user,
    ):
        user.sees("esp> ")
        user.types("at+cwl\t")
        user.sees("list access points\n")
        user.sees("order and fields of the list\n")
        user.sees("esp> AT+CWLAP")
        user.types("\r")
        user.sees('+CWLAP:(3,"esp-at-sim",-48)\n\nOK\n')
        assert module.lines.get(timeout=LIMIT) == b"AT+CWLAP"
        user.sees("esp> ")
        user.types("AT+CWMO\t")
        user.sees("AT+CWMODE?")
        user.types("\x15\x04")
        user.leaves(0)


def test_the_command_is_on_the_screen_once(tmp_path: Path) -> None:
    with FakeModule() as module, User(console_command(module.path), tmp_path) as user:
        user.sees("esp> ")
        user.types("AT+GMR\r")
        assert user.sees("OK\nesp> ").count("AT+GMR") == 1
        user.types("\x04")
        user.leaves(0)


def test_late_output_leaves_the_line_being_typed(tmp_path: Path) -> None:
    with FakeModule() as module, User(console_command(module.path), tmp_path) as user:
        user.sees("esp> ")
        user.types("AT+G\x02")
        user.sees("AT+G\x08")
        module.say(b"WIFI DISCONNECT\r\n")
        user.sees("\r\x1b[JWIFI DISCONNECT\nesp> AT+G\x1b[1D")
        user.types("\x05MR\r")
        assert module.lines.get(timeout=LIMIT) == b"AT+GMR"
        user.sees("esp> ")
        user.types("\x04")
        user.leaves(0)


def test_control_c_clears_the_line(tmp_path: Path) -> None:
    with FakeModule() as module, User(console_command(module.path), tmp_path) as user:
        user.sees("esp> ")
        user.types("AT+WRONG")
        user.sees("AT+WRONG")
        user.types("\x03")
        user.sees("esp> ")
        user.types("AT\r")
        assert module.lines.get(timeout=LIMIT) == b"AT"
        user.sees("OK\nesp> ")
        user.types("\x04")
        user.leaves(0)


def test_history_comes_back_without_passwords(tmp_path: Path) -> None:
    secret = 'AT+CWJAP_CUR="home","tell nobody"'
    with FakeModule() as module:
        with User(console_command(module.path), tmp_path) as user:
            for line in ("AT+GMR", secret):
                user.sees("esp> ")
                user.types(f"{line}\r")
                assert module.lines.get(timeout=LIMIT) == line.encode()
            user.sees("OK\nesp> ")
            user.types("\x04")
            user.leaves(0)
        with User(console_command(module.path), tmp_path) as user:
            user.sees("esp> ")
            user.types("\x1b[A")
            user.sees("AT+GMR")
            user.types("\x15\x04")
            user.leaves(0)
    history = tmp_path / "esp-at-gateway" / "console_history"
    assert history.read_text() == "AT+GMR\n"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_a_typed_payload_has_its_own_prompt(tmp_path: Path) -> None:
    with FakeModule() as module, User(console_command(module.path), tmp_path) as user:
        user.sees("esp> ")
        user.types("AT+CIPSEND=5\r")
        user.sees("OK\n   > ")
        user.types("hello\r")
        assert module.payloads.get(timeout=LIMIT) == b"hello"
        user.sees("SEND OK\nesp> ")
        user.types(".quit\r")
        user.leaves(0)
    assert "hello" not in (tmp_path / "esp-at-gateway" / "console_history").read_text()


def test_a_line_that_is_lost_ends_the_prompt(tmp_path: Path) -> None:
    with FakeModule() as module, User(console_command(module.path), tmp_path) as user:
        user.sees("esp> ")
        module.unplug()
        user.sees("the line was lost")
        user.leaves(1)
