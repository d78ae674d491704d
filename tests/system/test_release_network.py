"""`esp-at-gateway release-network`, which a stop of the service must never fail for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.gateway_process import ROOT
from tests.system.line_client import LIMIT

NOWHERE = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.toml"
    file.write_text(f'[storage]\nstate_dir = "{tmp_path / "state"}"\n')
    return file


def release_network(*options: str | Path) -> tuple[int, str]:
    """Its exit status, and what it says on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "release-network", *map(str, options)],
        cwd=ROOT,
        env=NOWHERE,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_where_nothing_is_held_nobody_is_asked(config: Path, tmp_path: Path) -> None:
    status, told = release_network("--config", config)
    assert status == 0
    assert told.endswith("nothing of NetworkManager's is held\n")
    assert not (tmp_path / "state").exists()


def test_without_a_bus_it_is_said_and_kept(config: Path, tmp_path: Path) -> None:
    state = tmp_path / "elsewhere"
    state.mkdir()
    record = {"version": 1, "profiles": {}, "held": {"wlan0": "station"}}
    (state / "network.json").write_text(json.dumps(record))
    status, told = release_network("--config", config, "--state-dir", state)
    assert status == 0
    assert "NetworkManager is not running, nothing can be given back" in told
    assert json.loads((state / "network.json").read_text()) == record


def test_a_folder_that_cannot_be_is_refused(config: Path) -> None:
    status, told = release_network("--config", config, "--state-dir", "")
    assert (status, told.count("\n")) == (2, 1)
    assert "--state-dir" in told


@pytest.mark.parametrize("line", ["baud = 0", "baud =", None])
@pytest.mark.parametrize("named", [False, True])
def test_a_faulty_configuration_does_not_keep_the_network_from_its_owner(
    line: str | None, named: bool, config: Path, tmp_path: Path
) -> None:
    """The folder is the option's, or what the file says, as far as that can be read."""
    state = tmp_path / "state"
    state.mkdir()
    (state / "network.json").write_text(
        '{"version": 1, "profiles": {}, "held": {"wlan0": "station"}}'
    )
    if line is None:
        config.unlink()
    else:
        config.write_text(f"{config.read_text()}[uart]\n{line}\n")
    options: list[str | Path] = ["--state-dir", state] if named else []
    status, told = release_network("--config", config, *options)
    assert status == 0
    first, rest = told.split("\n", 1)
    assert "gateway.toml" in first
    known = named or line == "baud = 0"
    assert str(state if known else "/var/lib/esp-at-gateway") in first
    assert ("nothing can be given back" in rest) == known
