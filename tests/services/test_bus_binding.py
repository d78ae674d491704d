"""What is imported of sdbus-networkmanager, each time in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def run(program: str) -> str:
    """What `program` prints."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


INTERFACES = "from gateway.services.network.bus_binding import interfaces, _NEEDED\n"


def test_the_settings_classes_stay_where_they_are() -> None:
    said = run(
        INTERFACES
        + "found = interfaces()\n"
        + "print(found.NetworkManagerDeviceInterfaceAsync.__module__)\n"
        + "print('sdbus_async.networkmanager.settings' in sys.modules)\n"
        + "print('dataclasses' in sys.modules, interfaces() is found)\n"
    )
    module, left, rest = said.splitlines()
    assert module == "sdbus_async.networkmanager.interfaces_devices"
    assert left == "False"
    assert rest == "False True"


@pytest.mark.parametrize("before", ["", "import sdbus_async.networkmanager\n"])
def test_they_are_the_classes_of_the_whole_package(before: str) -> None:
    said = run(
        INTERFACES
        + before
        + "found = interfaces()\n"
        + "import sdbus_async.networkmanager as nm\n"
        + "print([getattr(nm, name) is getattr(found, name) for name in _NEEDED])\n"
        + "from sdbus_async.networkmanager.settings import ConnectionProfile\n"
        + "print(ConnectionProfile.__name__)\n"
    )
    assert said == f"{[True] * 6}\nConnectionProfile\n"


def test_a_method_that_wants_a_whole_profile_gets_the_class_then() -> None:
    said = run(
        INTERFACES
        + "interfaces()\n"
        + "from sdbus_async.networkmanager.interfaces_other import ConnectionProfile\n"
        + "one = {'connection': {'id': ('s', 'x'), 'type': ('s', 'y'), 'uuid': ('s', 'z')}}\n"
        + "print(ConnectionProfile.from_dbus(one).connection.connection_id)\n"
    )
    assert said == "x\n"


def test_a_binding_laid_out_in_another_way_is_imported_as_a_whole(tmp_path: Path) -> None:
    package = tmp_path / "sdbus_async" / "networkmanager"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "from gateway.services.network.bus_binding import _NEEDED\n"
        "for name in _NEEDED: globals()[name] = type(name, (), {})\n"
    )
    said = run(
        f"sys.path.insert(0, {str(tmp_path)!r})\n{INTERFACES}"
        "print(interfaces().NetworkManagerInterfaceAsync)\n"
    )
    assert said == "<class 'sdbus_async.networkmanager.NetworkManagerInterfaceAsync'>\n"


def test_a_binding_that_is_too_old_is_named(tmp_path: Path) -> None:
    package = tmp_path / "sdbus_async" / "networkmanager"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    said = run(
        f"sys.path.insert(0, {str(tmp_path)!r})\n{INTERFACES}"
        "try: interfaces()\nexcept ImportError as error: print(error)\n"
    )
    assert said == "sdbus-networkmanager has no NetworkManagerInterfaceAsync\n"
