"""A ManagedNetwork on a NetworkManager in memory, for the tests of its behaviour."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from gateway.services.api import Address, Credentials, JoinError, Network, Wanted
from gateway.services.network.managed import ManagedNetwork, NetworkInterfaces
from gateway.services.network.manager import DeviceState, Profile
from gateway.services.network.ownership import OwnershipRecord
from tests.fake_time import run as run_on_fake_time
from tests.services.fake_air import FakeAccessPoint
from tests.services.fake_daemon import FakeDaemon
from tests.services.fake_manager import FakeManager
from tests.services.fake_profiles import FakeProfile
from tests.services.network_contract import Recorder

HOME = FakeAccessPoint(b"home", b"password", strength=90)
CAFE = FakeAccessPoint(b"cafe", strength=60, subnet="192.168.88")
OWNERS = FakeAccessPoint(b"owner's", b"owner's password", strength=70, subnet="192.168.99")

GOOD = Credentials(HOME.ssid, HOME.password)
OPEN = Credentials(CAFE.ssid)
WRONG = Credentials(HOME.ssid, b"not the one")
NOWHERE = Credentials(b"nowhere", b"password")
OWNER = Credentials(OWNERS.ssid, OWNERS.password)

# Longer than anything that a test waits for: an hour of the loop's time ends a test that hangs.
TEST_SECONDS = 3600.0
SETTLE_SECONDS = 120.0


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a test on fake time, which is then also the time since boot."""

    async def bounded() -> None:
        async with asyncio.timeout(TEST_SECONDS):
            await work

    real = time.clock_gettime

    def fake(clock: int) -> float:
        return now() if clock == time.CLOCK_BOOTTIME else real(clock)

    with patch("time.clock_gettime", fake):
        run_on_fake_time(bounded())


def now() -> float:
    """The loop's time."""
    return asyncio.get_running_loop().time()


def owners_wifi(point: FakeAccessPoint = OWNERS, *, interface: str = "wlan0") -> Profile:
    """A profile as the Raspberry Pi's Imager makes it, for one interface; "" is for any."""
    number = 0xB00 + len(point.ssid)
    profile: dict[str, dict[str, tuple[str, Any]]] = {
        "connection": {
            "id": ("s", point.ssid.decode()),
            "uuid": ("s", f"00000000-0000-4000-8000-{number:012x}"),
            "type": ("s", "802-11-wireless"),
        },
        "802-11-wireless": {"ssid": ("ay", point.ssid), "mode": ("s", "infrastructure")},
        "ipv4": {"method": ("s", "auto")},
        "ipv6": {"method": ("s", "auto")},
    }
    if interface:
        profile["connection"]["interface-name"] = ("s", interface)
    if point.password:
        profile["802-11-wireless-security"] = {
            "key-mgmt": ("s", "wpa-psk"),
            "psk": ("s", point.password.decode()),
        }
    return profile


def owners_ethernet() -> Profile:
    """The profile that NetworkManager makes for a cable of its own accord."""
    return {
        "connection": {
            "id": ("s", "Wired connection 1"),
            "uuid": ("s", "00000000-0000-4000-8000-000000000e70"),
            "type": ("s", "802-3-ethernet"),
            "autoconnect-priority": ("i", -999),
        },
        "802-3-ethernet": {},
        "ipv4": {"method": ("s", "auto")},
        "ipv6": {"method": ("s", "auto")},
    }


@dataclass
class Scene:
    """A network, the NetworkManager beneath it, and who hears of it."""

    network: ManagedNetwork
    manager: FakeManager
    recorder: Recorder
    record: OwnershipRecord

    @property
    def daemon(self) -> FakeDaemon:
        """The NetworkManager, with hands to do things to it."""
        return self.manager.daemon

    # Functions, where a property would be taken for what it was when last compared.

    def ssid(self) -> bytes | None:
        """Where the station says it is joined."""
        point = self.network.station.access_point
        return None if point is None else point.ssid

    def address(self) -> Address | None:
        """The address that the station says it has."""
        return self.network.station.address

    def dns(self) -> tuple[str, ...]:
        """The name servers that the station says it has."""
        return self.network.station.dns

    def on_air(self) -> bool:
        """Whether the SoftAP says that it is on the air."""
        return self.network.softap.on_air

    def runs(self, interface: str) -> FakeProfile | None:
        """The profile by which an interface is really up, whatever the network says."""
        device = self.daemon.devices.get(interface)
        if device is None or device.active is None or device.state != DeviceState.ACTIVATED:
            return None
        return device.active.profile

    def really(self) -> bytes | None:
        """Where the radio is joined, whatever the network says."""
        profile = self.runs("wlan0")
        return None if profile is None or profile.opens_access_point else profile.ssid

    @property
    def ours(self) -> list[FakeProfile]:
        """The profiles that are not the owner's."""
        return [one for one in self.daemon.profiles if not one.uuid.startswith("00000000")]

    async def settle(self) -> None:
        """Wait until nothing is under way: neither here nor in NetworkManager."""
        await settle(self.network, self.daemon)

    async def refusal(self, credentials: Credentials, *, keep: bool = False) -> JoinError | None:
        """Why a join fails, None if it works."""
        try:
            await self.network.join(credentials, keep=keep)
        except JoinError as refused:
            return refused
        return None


async def settle(network: Network, daemon: FakeDaemon) -> None:
    """Wait until nothing has happened for a while, at most two minutes."""
    await asyncio.sleep(SETTLE_SECONDS)


def world(*points: FakeAccessPoint, owner: bool = False, ap0: bool = False) -> FakeDaemon:
    """A NetworkManager that is not started yet; with `owner` it knows the owner's Wi-Fi."""
    interfaces = ("wlan0", "eth0", "ap0") if ap0 else ("wlan0", "eth0")
    daemon = FakeDaemon(interfaces=interfaces)
    for point in points or (HOME, CAFE):
        daemon.air.add(point)
    daemon.owner_adds(owners_ethernet())
    if owner:
        daemon.air.add(OWNERS)
        daemon.owner_adds(owners_wifi())
    return daemon


@asynccontextmanager
async def on(
    daemon: FakeDaemon,
    *,
    started: bool = True,
    begun: bool = True,
    wanted: Wanted | None = None,
    stored: Credentials | None = None,
    protect_owner: bool = False,
    folder: Path | None = None,
    stops: bool = True,
    killed: bool = False,
) -> AsyncIterator[Scene]:
    """A network on `daemon`, which has settled; with `begun` a session is begun, and settled.

    At the end NetworkManager `stops` as well. A network that is `killed` gives nothing back.
    """
    manager = FakeManager(daemon)
    if started:
        daemon.start()
        await asyncio.sleep(SETTLE_SECONDS)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as temporary:
        record = OwnershipRecord(folder or Path(temporary))
        network = ManagedNetwork(
            manager, NetworkInterfaces(), record, share_uplink=False, protect_owner=protect_owner
        )
        scene = Scene(network, manager, Recorder(), record)
        await network.start()
        try:
            if begun:
                network.begin(scene.recorder, wanted or Wanted(), stored)
                await scene.settle()
                scene.recorder.clear()
            yield scene
        finally:
            await (kill(network) if killed else network.close())
            if stops:
                daemon.stop()
                await asyncio.sleep(0)
                assert len(asyncio.all_tasks()) == 1


async def kill(network: ManagedNetwork) -> None:
    """End a network as a kill does: its tasks do nothing any more, and nothing is undone."""
    mine = [
        task
        for task in asyncio.all_tasks()
        if task.get_name() in ("Wi-Fi station", "SoftAP", "Ethernet")
    ]
    for task in mine:
        task.cancel()
    await asyncio.gather(*mine, return_exceptions=True)
    network._news.end()
    network._manager.listen(None, lambda uuid: False)
