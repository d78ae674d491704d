"""Fixtures: a bare Debian 13 on which the packages are installed, as their owner would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from tests.vm.air import Air
from tests.vm.at_client import AtClient
from tests.vm.disk_image import CannotRun, Variant
from tests.vm.machine import Machine
from tests.vm.package import packages
from tests.vm.package.service import InstalledService
from tests.vm.running import NFT_ONCE, Step, running
from tests.vm.standard_air import ON_WLAN1, open_standard_air

INSTALLED = "installed"
"""The snapshot with the service behind its `ready`, the echo off."""
DEBS = "/root/debs"
HOW = "/root/installation.json"
# What asks nothing and brings what is recommended, as `apt install` does.
APT = "DEBIAN_FRONTEND=noninteractive apt-get --yes --quiet"


@dataclass(frozen=True)
class Installation:
    """How the installation went: apt's words, its seconds, and what came over the line."""

    output: str
    seconds: float
    said: str


@pytest.fixture(scope="package")
def debs() -> list[Path]:
    """The packages."""
    return packages.built()


@pytest.fixture(scope="package")
def booted(debs: list[Path]) -> Iterator[Machine]:
    """The machine with the packages installed, each test's own by `service`."""
    step = Step(INSTALLED, packages.digest(debs), lambda machine: install(machine, debs))
    try:
        with running(Variant.BARE, step) as machine:
            yield machine
    except CannotRun as error:
        pytest.exit(str(error), returncode=1)


def install(machine: Machine, debs: list[Path]) -> None:
    """`apt install` of the packages on the bare machine; it serves then, and the echo is off."""
    open_standard_air(Air(machine))
    for deb in debs:
        put(machine, deb)
    machine.run("test ! -e /usr/bin/nmcli -a ! -e /usr/lib/python3/dist-packages/sdbus")
    machine.run("apt-get --quiet update")
    with AtClient(machine.serial()) as client:
        result = machine.run(f"{APT} install {DEBS}/*.deb", seconds=1500)
        InstalledService(machine, client).listening()
        said = client.all.decode()
    how = json.dumps(asdict(Installation(result.output, result.seconds, said)))
    machine.run(f"cat > {HOW}", data=how.encode())
    connected = "nmcli -t -f DEVICE,STATE device | grep -qx eth0:connected"
    machine.run(f"for _ in $(seq 240); do {connected} && exit; sleep 0.5; done; exit 1")
    machine.run(NFT_ONCE)
    know_the_air(machine)


def put(machine: Machine, deb: Path) -> str:
    """Copy a package into the guest; its path there."""
    there = f"{DEBS}/{deb.name}"
    machine.run(f"mkdir -p {DEBS} && cat > {there}", data=deb.read_bytes())
    return there


def know_the_air(machine: Machine) -> None:
    """NetworkManager knows all that is on the air, and has no scan under way."""
    machine.run(
        "for _ in $(seq 20); do nmcli device wifi list --rescan yes >/dev/null; "
        f"[ $(nmcli -g BSSID device wifi list --rescan no | wc -l) = {len(ON_WLAN1)} ] && exit; "
        "sleep 1; done; nmcli device wifi list --rescan no; exit 1",
        seconds=200,
    )


@pytest.fixture(scope="package")
def line(booted: Machine) -> Iterator[AtClient]:
    """The host's end of /dev/ttyS1, which is /dev/serial0 as well."""
    with AtClient(booted.serial()) as client:
        yield client


@pytest.fixture
def service(booted: Machine, line: AtClient) -> InstalledService:
    """The installed service, which has said `ready` and was told nothing yet."""
    booted.plug_cable()
    booted.load(INSTALLED)
    line.drop()
    # The emulated processor translates everything anew, which is not to be measured.
    assert line.ask("AT").ok
    return InstalledService(booted, line)


@pytest.fixture
def installation(service: InstalledService) -> Installation:
    """How that service was installed."""
    return Installation(**json.loads(service.machine.run(f"cat {HOW}").output))


@pytest.fixture
def machine(service: InstalledService) -> Machine:
    """The machine with the service in it."""
    return service.machine
