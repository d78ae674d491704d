"""What is wrong with options or configuration is said in one sentence, and nothing starts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.system.gateway_process import ROOT, command_line
from tests.system.line_client import LIMIT


def refusal(status: int, *options: str) -> str:
    """What a start with `options` says on stderr, that ends with `status`."""
    done = subprocess.run(
        command_line(*options), cwd=ROOT, capture_output=True, text=True, timeout=LIMIT
    )
    assert (done.returncode, done.stdout) == (status, "")
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[uart]\nspeed = 9600", "uart.speed"),
        ("[uart]\nbaud = '9600'", "uart.baud"),
        ("[links]\nbuffer_bytes = 100", "links.buffer_bytes"),
        ("[[simulated.access_points]]\nssid = 'a'\npassword = 'hunter2'", "access_points"),
        ("[uart\n", "line 1"),
    ],
)
def test_a_bad_configuration_file(tmp_path: Path, text: str, key: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    (sentence,) = refusal(2, "--config", str(file)).splitlines()
    assert sentence.startswith(f"esp-at-gateway: {file}: ")
    assert key in sentence
    assert "hunter2" not in sentence


def test_a_configuration_file_that_is_not_there() -> None:
    (sentence,) = refusal(2, "--config", "/no/such/file.toml").splitlines()
    assert "/no/such/file.toml" in sentence


@pytest.mark.parametrize(
    ("option", "value"), [("--network", "wired"), ("--baud", "9"), ("--log-level", "loud")]
)
def test_a_bad_option(tmp_path: Path, option: str, value: str) -> None:
    config = tmp_path / "empty.toml"
    config.touch()
    (sentence,) = refusal(2, "--config", str(config), option, value).splitlines()
    assert sentence.startswith("esp-at-gateway: ")
    assert option in sentence
    assert value in sentence


def test_an_option_that_does_not_exist() -> None:
    said = refusal(2, "--speed", "9600").splitlines()[-1]
    assert said.endswith("--speed 9600")


def test_a_line_that_is_not_there(tmp_path: Path) -> None:
    config = tmp_path / "empty.toml"
    config.touch()
    options = ("--config", str(config), "--state-dir", str(tmp_path), "--cert-dir", str(tmp_path))
    said = refusal(1, *options, "--uart", "/dev/no-such-line").splitlines()
    assert len(said) == 1
    assert "/dev/no-such-line" in said[0]


def test_a_file_in_the_place_of_the_symlink_stays(tmp_path: Path) -> None:
    config, line = tmp_path / "empty.toml", tmp_path / "line"
    config.touch()
    line.write_text("precious")
    options = ("--config", str(config), "--state-dir", str(tmp_path), "--cert-dir", str(tmp_path))
    said = refusal(1, *options, "--uart", f"pty:{line}")
    assert str(line) in said
    assert line.read_text() == "precious"
