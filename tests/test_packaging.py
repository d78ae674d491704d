"""What the Debian packages are made of agrees with the program: version, options, units, rights."""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from gateway import __version__, arguments
from gateway.config import Config

ROOT = Path(__file__).parent.parent
PACKAGING = ROOT / "packaging"
RULES = (PACKAGING / "debian/rules").read_text()
UNITS = sorted((ROOT / "systemd").glob("*.service"))
# Programs of Debian's that units start → the package that brings them.
# The shell calls udevadm, and is in every Debian itself.
DEBIANS = {"/bin/kill": "procps", "/bin/sh": "udev"}
# The owner's switch of the radio, enable-disable-wifi, is not among them.
ALLOWED = {
    "org.freedesktop.NetworkManager.network-control",
    "org.freedesktop.NetworkManager.settings.modify.system",
    "org.freedesktop.NetworkManager.wifi.scan",
    "org.freedesktop.NetworkManager.wifi.share.protected",
    "org.freedesktop.NetworkManager.wifi.share.open",
    "org.freedesktop.timesync1.set-runtime-servers",
}


def loaded(path: Path) -> ModuleType:
    """A script of packaging/ as a module."""
    spec = importlib.util.spec_from_file_location(f"packaging_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands() -> dict[str, argparse.ArgumentParser]:
    """The commands of esp-at-gateway by name."""
    (found,) = (
        action
        for action in arguments.parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    return dict(found.choices)


def options_of(command: argparse.ArgumentParser) -> set[str]:
    """The long options that its help shows."""
    return {
        name
        for action in command._actions
        if action.help is not argparse.SUPPRESS
        for name in action.option_strings
        if name.startswith("--")
    }


def test_the_version_stands_in_one_place() -> None:
    changelog = loaded(PACKAGING / "changelog.py").changelog("~deb12")
    assert changelog.startswith(f"esp-at-gateway ({__version__}~deb12) unstable; ")
    others = [
        path
        for path in PACKAGING.rglob("[!.]*")
        if path.is_file()
        and path.suffix != ".pyc"
        and re.search(rf"\b{re.escape(__version__)}\b", path.read_text())
    ]
    assert others == []
    assert not (PACKAGING / "debian/changelog").exists()


def test_polkit_lets_this_user_do_these_six_things_and_nothing_else() -> None:
    rule = (PACKAGING / "50-esp-at-gateway.rules").read_text()
    assert set(re.findall(r'"(org\.[^"]+)"', rule)) == ALLOWED
    assert rule.count("polkit.Result.YES") == rule.count("addRule") == 1
    assert 'if (subject.user === "esp-at-gateway" && allowed.indexOf(action.id) >= 0)' in rule


def test_the_user_of_the_units_is_the_one_that_is_made() -> None:
    (made,) = re.findall(
        r"^u +(\S+)", (PACKAGING / "debian/esp-at-gateway.sysusers").read_text(), re.MULTILINE
    )
    users = {
        user
        for unit in UNITS
        for user in re.findall(r"^User=(.+)$", unit.read_text(), re.MULTILINE)
    }
    assert users == {made}


def test_every_unit_is_installed() -> None:
    (listed,) = re.findall(r"^UNITS := (.+)$", RULES, re.MULTILINE)
    assert sorted(listed.split()) == [unit.name for unit in UNITS]
    for unit in UNITS:
        stem = unit.stem
        assert re.search(rf"dh_installsystemd --name={re.escape(stem)}(\s|$)", RULES), stem


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_programs_that_units_start_are_installed(unit: Path) -> None:
    started = re.findall(r"^Exec\w+=[-+!:@]*(\S+)(?: (\S+))?", unit.read_text(), re.MULTILINE)
    assert started
    control = (PACKAGING / "debian/control").read_text()
    for program, argument in started:
        if program == "/usr/bin/esp-at-gateway":
            assert argument in commands()
        elif program in DEBIANS:
            assert f"\n {DEBIANS[program]},\n" in control
        else:
            assert f"$(PACKAGE){program}" in RULES


def test_where_units_point_to_is_what_the_configuration_has() -> None:
    service = (ROOT / "systemd/esp-at-gateway.service").read_text()
    (state,) = re.findall(r"^StateDirectory=(.+)$", service, re.MULTILINE)
    assert f"/var/lib/{state}" == str(Config().storage.state_dir)
    assert str(Config().storage.cert_dir) == "/etc/esp-at-gateway/certs"
    folders = (PACKAGING / "debian/esp-at-gateway.dirs").read_text().split()
    assert folders == ["etc/esp-at-gateway/certs"]
    assert (
        "packaging/gateway.toml etc/esp-at-gateway\n"
        in (PACKAGING / "debian/esp-at-gateway.install").read_text()
    )


def completed(*words: str) -> list[str]:
    """What TAB gives behind these words; the last one may be begun."""
    script = (
        "compopt() { :; }; shopt -s extglob\n"
        f'. "{PACKAGING}/bash-completion"\n'
        'COMP_WORDS=(esp-at-gateway "$@"); COMP_CWORD=$#\n'
        '_esp_at_gateway; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    command = ["bash", "-c", script, "completion", *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=30
    ).stdout.split()


def test_completion_knows_every_command_and_option() -> None:
    assert set(completed("")) == {*commands(), "--version", "--help"}
    for name, command in commands().items():
        assert set(completed(name, "--")) == options_of(command), name


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (["run", "--network", ""], ["networkmanager", "simulated"]),
        (["run", "--log-level", "=", "w"], ["warning"]),
        (["run", "--uart", "/dev/ser"], ["/dev/serial0"]),
        (["do"], ["doctor"]),
        (["setup-uart", "--bluetooth", ""], ["off", "slow", "keep"]),
    ],
)
def test_completion_knows_values(words: list[str], given: list[str]) -> None:
    assert completed(*words)[: len(given)] == given


def manual_pages() -> Iterator[str]:
    """The Markdown of the manual pages with everything in its place."""
    render = loaded(PACKAGING / "man/render.py")
    for source in sorted((PACKAGING / "man").glob("*.md")):
        yield str(render.page(source))


def test_the_manual_pages_have_every_command_option_and_setting() -> None:
    program, settings = (page.replace("\\", "") for page in manual_pages())
    for name, command in commands().items():
        assert f"\n## {name}\n" in program
        for option in options_of(command) - {"--help"}:
            assert f"\n**{option}**" in program
    tables = re.findall(r"^\[+([a-z_.]+)\]", (PACKAGING / "gateway.toml").read_text(), re.MULTILINE)
    keys = re.findall(r"^(?:# )?([a-z_]+ = .+)$", (PACKAGING / "gateway.toml").read_text(), re.M)
    assert len(keys) > 20
    for table in set(tables):
        assert re.search(rf"^## \[+{re.escape(table)}\]+$", settings, re.MULTILINE), table
    examples = {
        key for key in keys if key.split(" = ")[0] in {"ssid", "password", "encryption"}
    } | {key for key in keys if key.split(" = ")[0] in {"channel", "rssi"}}
    for key in set(keys) - examples:
        assert f"**{key}**" in settings, key


def test_libraries_are_fetched_by_their_hash() -> None:
    for library in ("python3-sdbus", "python3-sdbus-networkmanager"):
        pinned = (PACKAGING / library / "requirements.txt").read_text()
        (version,) = re.findall(r"^\S+==(\S+) \\$", pinned, re.MULTILINE)
        assert re.search(r"^ {4}--hash=sha256:[0-9a-f]{64}$", pinned, re.MULTILINE)
        # It is the version and the archive that the tests run with.
        assert (
            pinned.replace(" \\\n    ", " ").split()[0] in (ROOT / "requirements.txt").read_text()
        )
        assert pinned.split("sha256:")[1].strip() in (ROOT / "requirements.txt").read_text()
        changelog = (PACKAGING / library / "debian/changelog").read_text()
        assert re.match(rf"\S+ \({re.escape(version)}-0esp1\) ", changelog)
