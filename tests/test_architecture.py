"""Imports point one way: at ← services.api ← commands, session ← services ← daemon, cli."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "gateway").rglob("*.py"))
}
INPUT_AND_OUTPUT = set(
    "asyncio io multiprocessing os pathlib select selectors serial signal socket ssl "
    "subprocess systemd termios threading time tty".split()
)
BINDING = {"sdbus", "sdbus_async"}
# The Protocols of the services: api, api_links, api_settings ...
API = "gateway.services.api"
# In the place of a module of the standard library, and so for everybody.
RECORDS = "gateway.records"
# What a room may import of the gateway, itself included. The longest name that fits counts.
# "gateway" is only the package's own file, with the version.
LANGUAGE = {"gateway", "gateway.at", API}
ALLOWED = {
    "gateway.at": {"gateway.at"},
    API: {API},
    "gateway.services": {"gateway", "gateway.config", "gateway.services"},
    "gateway.commands": {*LANGUAGE, "gateway.commands"},
    "gateway.session": {
        *LANGUAGE,
        "gateway.commands",
        "gateway.outbox",
        "gateway.announcer",
        "gateway.command_log",
        "gateway.intake",
        "gateway.recorder",
        "gateway.runner",
    },
    "gateway.command_log": LANGUAGE,
    "gateway.recorder": LANGUAGE,
    "gateway.intake": LANGUAGE,
    "gateway.runner": LANGUAGE,
    "gateway.announcer": {*LANGUAGE, "gateway.commands", "gateway.outbox"},
    "gateway.outbox": {*LANGUAGE, "gateway.outbox", "gateway.recorder"},
    "gateway.daemon": {"gateway.*"},
    "gateway.sessions": {"gateway.*"},
    "gateway.cli": {"gateway.*"},
    "gateway.console": {"gateway.*"},
    "gateway.doctor": {"gateway.*"},
}


def is_in(module: str, room: str) -> bool:
    """Whether `module` is the room itself or a part of it, as `api_links` is of `api`."""
    beginnings = (f"{room}.", f"{API}_") if room == API else (f"{room}.",)
    return f"{module}.".startswith(beginnings)


def imports_of(module: str, source: str) -> Iterator[str]:
    """Absolute names of the modules that `source` imports, lazily or for its types too."""
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            origin = ".".join([*(parents if node.level else []), *filter(None, [node.module])])
            for alias in node.names:
                name = f"{origin}.{alias.name}"
                yield name if name in MODULES else origin


def is_allowed(module: str, imported: str) -> bool:
    """Whether `module` may import `imported`, another module of the gateway."""
    if imported == RECORDS:
        return True
    rooms = [room for room in ALLOWED if is_in(module, room)]
    if not rooms:  # any other module, present or to come, knows the services by Protocols only
        return is_in(imported, API) or not imported.startswith("gateway.services.")
    allowed = ALLOWED[max(rooms, key=len)]
    beneath = any(is_in(imported, room) for room in allowed - {"gateway"})
    return "gateway.*" in allowed or imported in allowed or beneath


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module: str) -> None:
    imported = set(imports_of(module, MODULES[module].read_text()))
    ours = {name for name in imported if name.split(".")[0] == "gateway"}
    assert {name for name in ours if not is_allowed(module, name)} == set()
    if is_in(module, "gateway.at"):
        assert {name.split(".")[0] for name in imported} & INPUT_AND_OUTPUT == set()


def test_records_stand_on_the_standard_library_alone() -> None:
    imported = imports_of(RECORDS, MODULES[RECORDS].read_text())
    assert [name for name in imported if name.startswith("gateway")] == []


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("gateway.at", "from gateway.services import api", "gateway.services.api"),
        ("gateway.at", "from ..services.api import Clock", "gateway.services.api"),
        ("gateway.services.api", "import gateway.at.errors", "gateway.at.errors"),
        ("gateway.services.api", "from . import network", "gateway.services.network"),
        ("gateway.services", "def f():\n from .. import at", "gateway.at"),
        ("gateway", "from .services import network", "gateway.services.network"),
    ],
)
def test_a_wrong_import_is_seen(module: str, source: str, wrong: str) -> None:
    assert list(imports_of(module, source)) == [wrong]
    assert not is_allowed(module, wrong)


def test_commands_and_session_know_no_concrete_service() -> None:
    for module in ("gateway.commands.links", "gateway.session", "gateway.outbox", "gateway.config"):
        assert not is_allowed(module, "gateway.services.network")
        assert is_allowed(module, "gateway.services.api")
        assert is_allowed(module, "gateway.services.api_links")
    assert is_allowed("gateway.daemon", "gateway.services.network")


def test_two_files_know_the_binding_for_d_bus() -> None:
    knowing = {
        module
        for module, path in MODULES.items()
        if {name.split(".")[0] for name in imports_of(module, path.read_text())} & BINDING
    }
    assert knowing == {"gateway.services.network.networkmanager", "gateway.services.timesync_bus"}


def test_the_binding_for_d_bus_is_not_loaded_by_an_import() -> None:
    program = (
        "import sys, gateway.cli, gateway.daemon, gateway.services.network.networkmanager\n"
        f"print({BINDING!r} & set(sys.modules))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout == "set()\n"
