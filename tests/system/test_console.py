"""The console as a process: as a filter on a pipe, and at a terminal with readline."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from gateway.console.editing import help_by_spelling
from gateway.console.trial import PAGE, TrialFailed, page_server, trial_gateway
from tests.system.console_parts import LIMIT, ROOT, FakeModule, User, console_command

COMMANDS = {
    "AT+CWLAP": "list access points",
    "AT+CWLAP=": "look for one access point",
    "AT+CWLAPOPT=": "order and fields of the list",
    "AT+CWMODE?": "which of station and SoftAP is on",
    "AT+CWMODE_CUR?": "the same, spelled longer",
}


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
    assert done.stderr.startswith("esp-at-gateway: /dev/no-such-line does not exist: ")
    assert done.stderr.count("\n") == 1


def test_a_line_in_use_is_refused(tmp_path: Path) -> None:
    with FakeModule() as module, User(console_command(module.path), tmp_path) as user:
        user.sees("esp> ")
        done = filtered(module.path, "AT\n")
        assert done.returncode == 1
        assert f"{module.path} is held by " in done.stderr
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


def test_every_command_of_the_table_has_a_word_of_help() -> None:
    helps = help_by_spelling()
    assert helps["AT+CWJAP="]
    assert [spelling for spelling, text in helps.items() if not text] == []


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


def test_a_reader_that_has_had_enough_ends_the_filter_in_silence() -> None:
    with FakeModule() as module:
        process = subprocess.Popen(
            console_command(module.path),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdin
        assert process.stdout
        process.stdout.close()
        process.stdin.write(b"AT\nAT\n")
        process.stdin.close()
        assert process.wait(LIMIT) == 1
        assert process.stderr
        assert process.stderr.read() == b""
        process.stderr.close()


def test_a_gateway_that_does_not_start_shows_the_end_of_its_log() -> None:
    program = (sys.executable, "-c", "print('no such thing'); raise SystemExit(3)")
    with pytest.raises(TrialFailed, match="status 3\n  no such thing"), trial_gateway(program):
        pytest.fail("there is no line")


def test_the_console_serves_a_page() -> None:
    with page_server() as port:
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=LIMIT)
        with page:
            assert page.read() == PAGE


def test_the_first_screen_works_as_it_stands(tmp_path: Path) -> None:
    with User(console_command(None), tmp_path) as user:
        page = re.search(r"\.get http://\S+", user.sees("Ctrl-D ends."))
        assert page
        user.sees("esp> ")
        user.types("AT+CWLAP\r")
        user.sees('"esp-at-sim"')
        user.sees("OK\n")
        user.types('AT+CWJAP="esp-at-sim","password"\r')
        user.sees("WIFI GOT IP\n")
        user.sees("OK\n")
        user.types(f"{page[0]}\r")
        user.sees(PAGE.decode())
        user.sees("CLOSED\n")
        user.sees("esp> ")
        user.types("\x04")
        user.leaves(0)


def test_a_pipe_into_a_gateway_of_its_own() -> None:
    done = filtered(None, "AT\nAT+GMR\n.get\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "AT version:1.7" in done.stdout
    assert "\nOK\n> GET / HTTP/1.0\nHost: 127.0.0.1\n\n" in done.stdout
    assert PAGE.decode() in done.stdout


def test_a_signal_ends_the_prompt_and_restores_the_terminal(tmp_path: Path) -> None:
    with FakeModule() as module, User(console_command(module.path), tmp_path) as user:
        user.sees("esp> ")
        user.process.terminate()
        user.leaves(128 + 15)


def test_a_pasted_certificate_goes_line_by_line(tmp_path: Path) -> None:
    lines = ["-----BEGIN CERTIFICATE-----", "MIIB", "-----END CERTIFICATE-----"]
    with FakeModule() as module, User(console_command(module.path), tmp_path) as user:
        user.sees("esp> ")
        user.types("AT+CIPSSLCERT\r")
        user.sees("   > ")
        user.types("".join(f"{line}\r" for line in lines))
        pasted = "".join(f"{line}\r\n" for line in lines).encode()
        assert module.payloads.get(timeout=LIMIT) == pasted
        user.sees(f"Read {len(pasted) - 2} bytes\n\nOK\nesp> ")
        user.types("\x04")
        user.leaves(0)
    assert "MIIB" not in (tmp_path / "esp-at-gateway" / "console_history").read_text()
