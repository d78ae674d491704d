"""What the documents say is so: commands, options, make targets, links between them."""

from __future__ import annotations

import argparse
import dataclasses
import re
import tomllib
from pathlib import Path

import pytest

from gateway import __version__, arguments
from gateway.at.params import Parameter
from gateway.at.table import Command
from gateway.commands import all_commands
from gateway.config import Config
from gateway.documentation import SECTIONS, document, name_of
from gateway.documentation_texts import DIFFERENCES, MEANINGS, NOTES

ROOT = Path(__file__).parent.parent
COMMANDS = list(all_commands())
DOCUMENTS = [
    file
    for pattern in ("*.md", "docs/**/*.md", "certs/*.md", "benchmarks/*.md")
    for file in sorted(ROOT.glob(pattern))
]
NAME = re.compile(r"AT\+[A-Z]+(?:_CUR|_DEF)?(?![A-Za-z_])")
# Named as those that the gateway does not have, and the placeholder of CONTRIBUTING.
NO_COMMANDS = {"AT+PING", "AT+CWLIF", "AT+MDNS", "AT+SLEEP", "AT+CIUPDATE", "AT+NAME"}
ROWS = [line for line in document().splitlines() if line.startswith("| `AT")]


def spellings_shown() -> set[str]:
    """Every spelling in the first column, `[_CUR/_DEF]` written out, without its arguments."""
    shown: set[str] = set()
    for row in ROWS:
        for code in re.findall(r"`([^`]+)`", row.split(" | ")[0]):
            scoped = [code.replace("[_CUR/_DEF]", suffix) for suffix in ("", "_CUR", "_DEF")]
            shown |= {re.sub(r"(?<=[?=]).*", "", spelling) for spelling in scoped}
    return shown


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def options_of_run() -> set[str]:
    parser = arguments.parser()
    commands = next(
        action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    )
    return {
        option
        for action in commands.choices["run"]._actions
        for option in action.option_strings
        if option.startswith("--") and option != "--help"
    }


def test_the_list_of_commands_is_current() -> None:
    text = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    assert text == document(), "run: make docs"


def test_every_command_is_listed_and_nothing_else() -> None:
    assert spellings_shown() == {command.spelling for command in COMMANDS}


def test_the_sections_hold_the_whole_table() -> None:
    listed = [command.spelling for _, tables in SECTIONS for table in tables for command in table]
    assert sorted(listed) == sorted(command.spelling for command in COMMANDS)
    assert set(NOTES) <= {title for title, _ in SECTIONS}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.spelling)
def test_every_command_has_a_sentence_of_help(command: Command) -> None:
    assert re.fullmatch(r"[A-Z][^\n]{9,74}", command.help)
    assert not command.help.endswith(".")


def test_differences_are_of_commands_there_are_and_stand_in_their_first_row() -> None:
    assert set(DIFFERENCES) - {name_of(command) for command in COMMANDS} == set()
    for name, difference in DIFFERENCES.items():
        rows = [row for row in ROWS if re.match(rf"\| `{re.escape(name)}[^A-Z]", row)]
        last_cells = [row.removesuffix(" |").split(" | ")[-1].strip() for row in rows]
        assert last_cells == [difference, *[""] * (len(rows) - 1)], name


def test_meanings_are_of_arguments_there_are() -> None:
    labels = {
        label
        for command in COMMANDS
        for parameter in command.parameters
        for label in (parameter.label, f"{name_of(command)} {parameter.label}")
    }
    assert set(MEANINGS) - labels == set()


def test_a_parameter_of_an_unknown_kind_is_refused() -> None:
    from gateway import documentation

    class Colour(Parameter):
        name: str = "colour"

    with pytest.raises(TypeError, match="Colour is not described"):
        documentation._values(Colour())


@pytest.mark.parametrize(
    ("spelling", "row"),
    [
        ("AT+CIPCLOSE=", "| `AT+CIPCLOSE=<link>` | Close one link, 5 all. |"),
        ("AT+CIPSEND=", "| `AT+CIPSEND=[<link>,]<length>` |"),
        ("AT+CWLAP=", '| `AT+CWLAP=["<ssid>"[,"<bssid>"[,<channel>]]]` |'),
        ("AT+CWSAP=", "max conn: 1 to 8 (4 if left out)<br>hidden: 0 or 1 (0 if left out) |"),
        ("AT+RFMODE=", "| mode: 1 to 3 (1 802.11b, 2 g, 3 n) |"),
        ("AT+CWMODE=", "| mode: 0 to 3 |"),
        ("AT+CIPSSLCERT=", "| `AT+CIPSSLCERT=DELETE,<number>` |"),
        ("AT+UART=", "`<br>`AT+UART_DEF=<baud>,<databits>,<stopbits>,<parity>,<flow control>` |"),
    ],
)
def test_forms_are_written_as_they_are_typed(spelling: str, row: str) -> None:
    assert any(row in line for line in ROWS), spelling


@pytest.mark.parametrize("document_file", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_targets_that_a_document_names_are_in_the_makefile(document_file: Path) -> None:
    text = document_file.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^)(?:sudo )?make ([a-z]+)", text, re.MULTILINE))
    assert named - make_targets() == set()


@pytest.mark.parametrize("document_file", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document_file: Path) -> None:
    text = document_file.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (document_file.parent / target).exists(), target


@pytest.mark.parametrize("document_file", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_a_document_names_are_there(document_file: Path) -> None:
    text = document_file.read_text(encoding="utf-8")
    named = {name.removesuffix("_CUR").removesuffix("_DEF") for name in re.findall(NAME, text)}
    assert named - {name_of(command) for command in COMMANDS} - NO_COMMANDS == set()


@pytest.mark.parametrize(
    "message",
    [
        "does not exist: ",
        " is gone (unplugged?): ",
        "; waiting until it can be opened",
        "permission denied for ",
        "a login prompt has had it; ",
        "is held by a login prompt ",
        "is held by ",
        " is the kernel's console: ",
        "exists and is no symlink",
        "the settings could not be stored",
        "the password is neither empty, 8 to 63 bytes, nor 64 hex digits",
        "the server is not speaking TLS",
        "[tls] require_authentication wants AT+CIPSSLAUTH=1 or 2",
        "NetworkManager is not running",
        "NetworkManager has no Wi-Fi device ",
        "Wi-Fi is switched off (rfkill)",
        "Wi-Fi is switched off; run: sudo nmcli radio wifi on",
        "NetworkManager does not manage ",
        " cannot be used for now",
        "NetworkManager refuses ",
        "NetworkManager does not allow user ",
        "Python's binding for D-Bus is missing",
        "the system's D-Bus cannot be reached",
        "the Wi-Fi connection is the owner's",
        "The access point's DHCP server gave no address.",
        " gave no address in time.",
        "DHCP is off and no address is set",
        " did not let us in in time.",
        "The access point refuses the password.",
        "The access point wants a password of at least 8 characters",
        "No access point of that name (and BSSID) is in reach.",
        "The password is not UTF-8 text",
        "NetworkManager gave it up (NMDeviceStateReason ",
        "the addresses of a live connection stay as they are: ",
        "the SoftAP is not on the air, trying again: ",
        "NetworkManager cannot open it on ",
        "nothing of NetworkManager's is held",
        " got no address",
        " does not take the MAC ",
        "the time is not known yet",
        "network time is off on this machine",
        "systemd-timesyncd runs, and D-Bus does not know it",
        "another program than systemd-timesyncd keeps this machine's clock",
        "systemd-timesyncd refuses ",
        "nobody sets this machine's clock",
    ],
)
def test_messages_that_are_explained_are_the_programs_own(message: str) -> None:
    explained = " ".join((ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8").split())
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "gateway").rglob("*.py")]
    assert message.strip() in explained
    assert any(message in source for source in sources)


def test_every_option_of_run_is_told() -> None:
    text = (ROOT / "docs/by-hand.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(--[a-z-]+)", text, re.MULTILINE))
    assert named == options_of_run()


def test_the_readme_tells_every_table_of_the_configuration() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    example = tomllib.loads((ROOT / "packaging/gateway.toml").read_text(encoding="utf-8"))
    tables = {field.name for field in dataclasses.fields(Config)} & {
        name for name, value in example.items() if isinstance(value, dict)
    }
    assert {name for name in tables if f"`[{name}]`" not in text} == set()


def test_the_changelog_begins_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first = re.search(r"^## (?!Unreleased$)(\S+)", text, re.MULTILINE)
    assert first is not None
    assert first.group(1) == __version__
