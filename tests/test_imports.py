"""What a gateway at rest has imported: nothing that only some commands or machines need.

Each runs in a process of its own, and tells what its modules are when a line is logged.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import authority

ROOT = Path(__file__).parent.parent

PROGRAM = """
import logging, os, signal, sys

before = set(sys.modules)

class Look(logging.Handler):
    def emit(self, record):
        if record.getMessage().startswith(sys.argv[1]):
            print(*sorted(set(sys.modules) - before))
            os.kill(os.getpid(), signal.SIGTERM)

logging.getLogger("gateway").addHandler(Look())
from gateway.cli import main
sys.exit(main(sys.argv[2:]))
"""

READY = "ready"
NO_BUS = "the system's D-Bus cannot be reached"
"""What is logged after the binding for D-Bus was imported."""

NEVER_AT_REST = {
    *("cryptography", "gpiozero", "serial", "lgpio"),  # certificates' names, pins, a real UART
    *("ssl", "_ssl", "hashlib", "_hashlib", "hmac"),  # OpenSSL: the first link with TLS
    *("systemd",),  # without systemd
    *("sdbus_async.networkmanager.settings", "sdbus_async.networkmanager.objects"),
    *("shutil", "tempfile", "zipfile", "bz2", "lzma", "uuid", "platform", "importlib.metadata"),
    *("email", "http", "xml", "html", "unittest", "sqlite3", "multiprocessing", "pydoc"),
    *("gateway.doctor", "gateway.console", "gateway.monitor", "gateway.setup_uart"),
    *("gateway.documentation", "gateway.documentation_texts"),
}


def imported(folder: Path, network: str, line: str) -> set[str]:
    """The modules that a gateway on `network` has imported when it logs `line`."""
    command = [sys.executable, "-c", PROGRAM, line, "run", "--uart", f"pty:{folder / 'line'}"]
    for option in ("state", "cert"):
        (folder / option).mkdir(exist_ok=True)
        command += [f"--{option}-dir", str(folder / option)]
    done = subprocess.run(
        [*command, "--network", network, "--config", "/dev/null", "--log-level", "info"],
        cwd=ROOT,
        env={"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder / 'no-bus'}"},
        stdout=subprocess.PIPE,
        text=True,
        timeout=20,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("network", "line"),
    [("simulated", READY), ("networkmanager", READY), ("networkmanager", NO_BUS)],
)
def test_at_rest_nothing_is_imported_that_nobody_asked_for(
    network: str, line: str, tmp_path: Path
) -> None:
    modules = imported(tmp_path, network, line)
    assert "gateway.session" in modules
    assert modules & NEVER_AT_REST == set()
    assert ("gateway.services.network.managed" in modules) == (network == "networkmanager")
    assert ("gateway.services.network.simulated" in modules) == (network == "simulated")
    assert ("sdbus" in modules) == (line == NO_BUS)


def test_certificates_in_the_folder_are_read_by_openssl_alone(tmp_path: Path) -> None:
    (tmp_path / "cert").mkdir()
    for name in ("one", "two", "three"):
        (tmp_path / "cert" / f"{name}.pem").write_bytes(authority.self_signed(name).pem)
    modules = imported(tmp_path, "simulated", READY)
    assert "ssl" in modules
    assert "cryptography" not in modules


def test_asyncio_gets_its_ssl_where_that_is_loaded_before() -> None:
    program = (
        "import sys, ssl\n"
        "from gateway import lean_asyncio\n"
        "lean_asyncio.load()\n"
        "import asyncio.sslproto\n"
        "print(asyncio.sslproto.ssl is ssl)\n"
    )
    assert run(program) == "True\n"


def test_ssl_is_there_after_asyncio_was_loaded_without_it() -> None:
    program = (
        "from gateway import lean_asyncio\n"
        "lean_asyncio.load()\n"
        "import sys, asyncio.sslproto\n"
        "print(asyncio.sslproto.ssl, 'ssl' in sys.modules)\n"
        "lean_asyncio.load()\n"
        "import ssl\n"
        "print(ssl.OPENSSL_VERSION_INFO > (1,))\n"
    )
    assert run(program) == "None False\nTrue\n"


def run(program: str) -> str:
    """What `program` prints."""
    return subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True)
