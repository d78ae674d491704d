"""Giving NetworkManager back: the owner's network is up again, whatever was left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.services.api import Address, Credentials, Encryption, Interface, SoftApSettings, Wanted
from gateway.services.network import release_network as program
from gateway.services.network import view
from gateway.services.network.manager import Profile
from gateway.services.network.ownership import OwnershipRecord, release_command
from gateway.services.network.profiles import (
    KeyManagement,
    identity_of,
    softap_profile,
    station_profile,
    with_ipv4,
)
from gateway.services.network.release import (
    END_PATIENCE,
    END_SECONDS,
    RELEASE_SECONDS,
    release,
)
from tests.fake_time import run
from tests.services.fake_daemon import FakeDaemon
from tests.services.fake_manager import BUS_SECONDS, FakeManager
from tests.services.managed_world import HOME, OWNERS, owners_wifi, world

UUID = "6c0b8f3e-43d6-4a42-9c5e-3d2a0a0f5b11"
NAME = "ESP gateway: home"


def station(uuid: str = UUID, *, autoconnect: bool = True) -> Profile:
    return station_profile(
        identity_of(uuid, Interface.STATION, HOME.ssid),
        "wlan0",
        Credentials(HOME.ssid, HOME.password),
        KeyManagement.WPA_PSK,
        Wanted(),
        hidden=False,
        autoconnect=autoconnect,
    )


@dataclass
class Left:
    """What a gateway that was killed left behind, and who sees it."""

    manager: FakeManager
    record: OwnershipRecord
    folder: Path

    @property
    def daemon(self) -> FakeDaemon:
        return self.manager.daemon

    @property
    def wlan0(self) -> str:
        return self.device("wlan0")

    def device(self, interface: str) -> str:
        path = view.device(self.manager.objects, interface)
        assert path is not None
        return path

    @property
    def up(self) -> str | None:
        """The profile by which wlan0 is up."""
        device = self.daemon.devices["wlan0"]
        if device.active is None or view.device_state(self.manager.objects, self.wlan0) != 100:
            return None
        return device.active.profile.name

    @property
    def names(self) -> set[str]:
        return {profile.name for profile in self.daemon.profiles}

    async def join(self, *, on_disk: bool = False) -> None:
        """As the gateway joins: recorded, held, then activated."""
        await self.record.add_profile(UUID, Interface.STATION)
        path = await self.manager.add_profile(station(), on_disk=on_disk)
        await self.record.hold("wlan0")
        await self.manager.set_autoconnect(self.wlan0, False)
        await self.manager.activate(path, self.wlan0)
        await asyncio.sleep(20)
        assert self.up == NAME

    async def release(self) -> list[str]:
        """By another process, that knows what is on the disk; it takes a moment to show."""
        begun = asyncio.get_running_loop().time()
        self.manager.calls.clear()
        self.record = OwnershipRecord(self.folder)
        done = await release(self.manager, self.record)
        assert asyncio.get_running_loop().time() - begun < RELEASE_SECONDS + 1
        await asyncio.sleep(20)
        return done


Work = Callable[[Left], Coroutine[Any, Any, None]]


def on(daemon: FakeDaemon, folder: Path, work: Work) -> None:
    async def main() -> None:
        daemon.start()
        manager = FakeManager(daemon)
        await manager.start()
        await asyncio.sleep(60)
        try:
            await work(Left(manager, OwnershipRecord(folder), folder))
        finally:
            daemon.stop()

    run(main())


def test_with_nothing_of_ours_nothing_is_asked(tmp_path: Path) -> None:
    async def work(left: Left) -> None:
        assert await left.release() == []
        assert left.manager.calls == []

    on(world(owner=True), tmp_path, work)


def test_the_owners_network_takes_the_place_of_ours(tmp_path: Path) -> None:
    async def work(left: Left) -> None:
        await left.join()
        assert await left.release() == [
            "wlan0 connects by itself again",
            'bringing up "owner\'s" on wlan0',
            f'deleted the profile "{NAME}"',
        ]
        assert left.up == "owner's"
        assert left.names == {"owner's", "Wired connection 1"}
        assert view.autoconnect(left.manager.objects, left.wlan0)
        assert OwnershipRecord(tmp_path).empty
        # once more is no harm
        assert await left.release() == []
        assert left.up == "owner's"

    on(world(owner=True), tmp_path, work)


def test_what_is_on_disk_stays_and_makes_way(tmp_path: Path) -> None:
    async def work(left: Left) -> None:
        await left.join(on_disk=True)
        await left.release()
        assert left.up == "owner's"
        assert NAME in left.names
        assert OwnershipRecord(tmp_path).profiles() == {UUID}

    on(world(owner=True), tmp_path, work)


def test_what_is_on_disk_stays_up_where_the_owner_has_nothing(tmp_path: Path) -> None:
    async def work(left: Left) -> None:
        await left.join(on_disk=True)
        left.daemon.lose(OWNERS.ssid)
        assert await left.release() == ["wlan0 connects by itself again"]
        assert left.up == NAME

    on(world(owner=True), tmp_path, work)


def test_a_connection_that_was_ended_by_disconnect_comes_back(tmp_path: Path) -> None:
    async def work(left: Left) -> None:
        await left.record.hold("wlan0")
        await left.manager.disconnect(left.wlan0)
        await asyncio.sleep(60)
        assert left.up is None
        await left.release()
        assert left.up == "owner's"

    on(world(owner=True), tmp_path, work)


def test_a_live_connection_of_the_owners_is_brought_back_to_its_profile(tmp_path: Path) -> None:
    async def work(left: Left) -> None:
        eth0 = left.device("eth0")
        leased = view.address(left.manager.objects, eth0)
        fixed = Address("10.42.7.9", "10.42.7.1", "255.255.255.0")
        wanted = Wanted(ethernet_dhcp=False, ethernet_address=fixed)
        applied, version = await left.manager.applied(eth0)
        await left.record.note_change("eth0")
        changed = with_ipv4(applied, wanted, Interface.ETHERNET, owners=True)
        await left.manager.reapply(eth0, changed, version)
        await asyncio.sleep(5)
        assert view.address(left.manager.objects, eth0) == fixed
        await left.release()
        assert view.address(left.manager.objects, eth0) == leased
        assert left.manager.asked("activate", "disconnect") == []

    on(world(), tmp_path, work)


def test_an_owners_network_that_is_not_known_to_be_there_is_scanned_for(tmp_path: Path) -> None:
    async def work(left: Left) -> None:
        left.daemon.owner_adds(owners_wifi())
        await left.join()
        left.daemon.air.add(OWNERS)
        left.daemon.pace = type(left.daemon.pace)(scan=2.0)
        await left.release()
        assert left.manager.asked("request_scan")
        assert left.up == "owner's"

    on(world(), tmp_path, work)


def test_an_owner_who_does_not_want_it_up_is_heard(tmp_path: Path) -> None:
    async def work(left: Left) -> None:
        settings = dict(owners_wifi())
        settings["connection"] = {**settings["connection"], "autoconnect": ("b", False)}
        left.daemon.air.add(OWNERS)
        left.daemon.owner_adds(settings)
        await left.join()
        await left.release()
        assert left.manager.asked("activate", "request_scan") == []
        assert left.up is None

    on(world(), tmp_path, work)


def test_of_two_the_one_that_networkmanager_would_take(tmp_path: Path) -> None:
    async def work(left: Left) -> None:
        settings = dict(owners_wifi(HOME))
        settings["connection"] = {**settings["connection"], "autoconnect-priority": ("i", 5)}
        left.daemon.owner_adds(settings)
        await left.join()
        await left.release()
        assert left.up == "home"

    on(world(owner=True), tmp_path, work)


def test_what_is_not_ours_is_not_touched(tmp_path: Path) -> None:
    async def work(left: Left) -> None:
        # one is marked but not recorded, the other recorded but not marked
        await left.manager.add_profile(
            station("6c0b8f3e-43d6-4a42-9c5e-3d2a0a0f5b12"), on_disk=False
        )
        copy = {name: keys for name, keys in station().items() if name != "user"}
        await left.manager.add_profile(copy, on_disk=False)
        await left.record.add_profile(UUID, Interface.STATION)
        before = left.names
        assert await left.release() == []
        assert left.manager.asked("delete_profile", "activate", "update_profile") == []
        assert left.names == before
        assert left.up == "owner's"

    on(world(owner=True), tmp_path, work)


def test_the_softap_goes_and_its_interface_is_left_alone(tmp_path: Path) -> None:
    async def work(left: Left) -> None:
        softap = SoftApSettings(b"pi", b"password", 6, Encryption.WPA2)
        made = softap_profile(
            identity_of(UUID, Interface.SOFTAP, b"pi"), "ap0", softap, Wanted(), share_uplink=False
        )
        await left.record.add_profile(UUID, Interface.SOFTAP)
        await left.record.hold("ap0", Interface.SOFTAP)
        await left.manager.set_autoconnect(left.device("ap0"), False)
        path = await left.manager.add_profile(made, on_disk=False)
        await left.manager.activate(path, left.device("ap0"))
        await asyncio.sleep(30)
        await left.release()
        assert left.manager.asked("activate") == []
        assert left.up == "owner's"
        assert "ESP gateway: access point pi" not in left.names
        assert OwnershipRecord(tmp_path).empty

    on(world(owner=True, ap0=True), tmp_path, work)


def test_a_device_that_is_gone_is_let_go(tmp_path: Path) -> None:
    async def work(left: Left) -> None:
        await left.join()
        left.daemon.remove_device("wlan0")
        await asyncio.sleep(5)
        assert await left.release() == [f'deleted the profile "{NAME}"']
        assert OwnershipRecord(tmp_path).empty

    on(world(owner=True), tmp_path, work)


def test_a_profile_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    async def work(left: Left) -> None:
        await left.record.add_profile(UUID, Interface.STATION)
        assert await left.release() == []
        assert OwnershipRecord(tmp_path).empty

    on(world(owner=True), tmp_path, work)


def test_without_networkmanager_it_is_said_and_kept_for_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(left: Left) -> None:
        await left.join()
        left.manager.stop()
        assert await release(left.manager, OwnershipRecord(tmp_path)) == []
        (told,) = caplog.messages
        assert "NetworkManager is not running" in told
        assert OwnershipRecord(tmp_path).holds("wlan0")
        left.daemon.start()
        await asyncio.sleep(60)
        await left.release()
        assert left.up == "owner's"
        assert OwnershipRecord(tmp_path).empty

    on(world(owner=True), tmp_path, work)


CALLS = ["profile_settings", "set_autoconnect", "activate", "delete_profile"]


@pytest.mark.parametrize("call", CALLS)
def test_a_refusal_is_a_warning_and_the_next_time_does_it(
    call: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(left: Left) -> None:
        await left.join()
        left.manager.fail_next(call)
        await left.release()
        assert all(record.levelname == "WARNING" for record in caplog.records)
        await left.release()
        assert left.up == "owner's"
        assert NAME not in left.names
        assert OwnershipRecord(tmp_path).empty

    on(world(owner=True), tmp_path, work)


def test_a_profile_that_does_not_show_is_passed_over(tmp_path: Path) -> None:
    async def work(left: Left) -> None:
        await left.join()
        left.manager.hang_next("profile_settings")
        await left.release()
        assert left.up == "owner's"
        assert NAME not in left.names
        assert OwnershipRecord(tmp_path).empty

    on(world(owner=True), tmp_path, work)


def test_the_device_is_given_back_before_anything_is_looked_for(tmp_path: Path) -> None:
    async def work(left: Left) -> None:
        await left.join()
        await left.release()
        assert left.manager.calls[0] == ("set_autoconnect", "wlan0 True")

    on(world(owner=True), tmp_path, work)


def test_what_appears_a_moment_later_is_deleted_too(tmp_path: Path) -> None:
    """The gateway was killed while NetworkManager made it."""

    async def work(left: Left) -> None:
        await left.record.add_profile(UUID, Interface.STATION)
        loop = asyncio.get_running_loop()
        loop.call_later(0.5, lambda: left.daemon.add_profile(station(), on_disk=False))
        await left.release()
        assert NAME not in left.names
        assert OwnershipRecord(tmp_path).empty

    on(world(owner=True), tmp_path, work)


def test_what_may_still_be_made_stays_recorded(tmp_path: Path) -> None:
    """It is left to the next start, or to `release-network`, which runs after a stop."""

    async def work(left: Left) -> None:
        await left.record.add_profile(UUID, Interface.STATION)
        await release(left.manager, left.record)
        assert OwnershipRecord(tmp_path).profiles() == {UUID}
        left.daemon.add_profile(station(), on_disk=False)
        await left.release()
        assert NAME not in left.names
        assert OwnershipRecord(tmp_path).empty

    on(world(owner=True), tmp_path, work)


@pytest.mark.parametrize("call", ["set_autoconnect", "activate", "delete_profile"])
def test_a_call_that_is_not_answered_ends_it_in_time(
    call: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(left: Left) -> None:
        await left.join()
        left.manager.hang_next(call)
        await left.release()
        assert "within 9 s" in caplog.text
        await left.release()
        assert left.up == "owner's"
        assert OwnershipRecord(tmp_path).empty

    on(world(owner=True), tmp_path, work)


def test_a_service_that_has_to_end_leaves_the_rest_to_the_command_behind_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Seeking the owner's network takes longer than a stop may."""

    async def work(left: Left) -> None:
        left.daemon.owner_adds(owners_wifi())
        await left.join()
        left.daemon.air.add(OWNERS)
        left.daemon.pace = type(left.daemon.pace)(scan=4.0)
        ask = left.manager.profile_settings

        async def answers_late(path: str) -> Profile:
            await asyncio.sleep(END_PATIENCE - 0.1)
            return await ask(path)

        left.manager.profile_settings = answers_late  # type: ignore[method-assign]
        begun = asyncio.get_running_loop().time()
        await release(left.manager, left.record, END_SECONDS, END_PATIENCE, goes_on=True)
        assert asyncio.get_running_loop().time() - begun < END_SECONDS + 0.1
        assert not [each for each in caplog.records if each.levelname == "WARNING"]
        assert OwnershipRecord(tmp_path).holds("wlan0")
        left.manager.profile_settings = ask  # type: ignore[method-assign]
        await left.release()
        assert left.up == "owner's"
        assert OwnershipRecord(tmp_path).empty

    on(world(), tmp_path, work)


async def _not_running(left: Left) -> None:
    left.manager.stop()


async def _not_answering(left: Left) -> None:
    left.manager.hang_next("set_autoconnect")


@pytest.mark.parametrize("trouble", [_not_running, _not_answering])
def test_the_command_that_is_advised_is_for_this_gateways_record(
    trouble: Callable[[Left], Coroutine[Any, Any, None]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work(left: Left) -> None:
        await left.join()
        await trouble(left)
        await release(left.manager, OwnershipRecord(left.folder))
        command = f"sudo esp-at-gateway release-network --state-dir '{left.folder}'"
        assert caplog.messages[-1].endswith(f"run: {command}")

    folder = tmp_path / "a folder"
    folder.mkdir()
    on(world(owner=True), folder, work)


def test_the_usual_gateway_needs_no_option() -> None:
    command = "sudo esp-at-gateway release-network"
    assert release_command(Path("/var/lib/esp-at-gateway")) == command
    instances = Path("/var/lib/esp-at-gateway-ttyUSB0")
    assert release_command(instances) == f"{command} --state-dir {instances}"


class TestTheCommand:
    """`esp-at-gateway release-network`, behind its options."""

    def test_it_waits_for_networkmanager_and_logs_what_it_did(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO", "gateway.network")

        async def work(left: Left) -> None:
            await left.join()
            left.manager.stop()
            asyncio.get_running_loop().call_later(BUS_SECONDS / 2, left.daemon.start)
            anew = FakeManager(left.daemon)
            monkeypatch.setattr(program, "NetworkManagerBus", lambda: anew)
            await program.release_network(tmp_path)
            assert f'deleted the profile "{NAME}"' in caplog.messages
            assert not anew.present  # it is closed
            assert OwnershipRecord(tmp_path).profiles() == frozenset()

        on(world(owner=True), tmp_path, work)

    def test_it_gives_up_without_networkmanager(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def work(left: Left) -> None:
            await left.join()
            left.manager.stop()
            monkeypatch.setattr(program, "NetworkManagerBus", lambda: FakeManager(left.daemon))
            begun = asyncio.get_running_loop().time()
            await program.release_network(tmp_path)
            assert asyncio.get_running_loop().time() - begun <= program.PRESENT_SECONDS + 1
            assert "NetworkManager is not running" in caplog.text

        on(world(owner=True), tmp_path, work)
