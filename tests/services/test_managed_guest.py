"""A guest on the owner's machine: what is left alone, what is given back."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.services.api import Credentials, JoinError, JoinFailure, ServiceError, Wanted
from gateway.services.network.managed import ManagedNetwork, NetworkInterfaces
from gateway.services.network.ownership import OwnershipRecord
from gateway.services.network.release import release
from tests.services.fake_manager import FakeManager
from tests.services.managed_world import (
    CAFE,
    GOOD,
    HOME,
    OPEN,
    OWNER,
    OWNERS,
    WRONG,
    Scene,
    now,
    on,
    owners_wifi,
    run,
    world,
)
from tests.services.network_contract import Recorder

READING = {"profile_settings", "profile_secrets", "permissions", "applied"}


def touched(scene: Scene) -> list[tuple[str, str]]:
    """The calls that change something."""
    return [call for call in scene.manager.calls if call[0] not in READING]


def test_the_owners_network_is_left_alone_and_reported_as_it_is() -> None:
    async def work() -> None:
        async with on(world(owner=True), begun=False) as scene:
            scene.network.begin(scene.recorder, Wanted(), None)
            await scene.settle()
            assert scene.recorder.events[2:] == ["connected", "got address"]
            station = scene.network.station
            assert station.access_point is not None
            assert station.access_point.ssid == OWNERS.ssid
            assert station.access_point.bssid == OWNERS.mac.lower()
            assert station.address is not None
            assert station.address.gateway == "192.168.99.1"
            assert station.dns == ("192.168.99.1",)
            await scene.network.scan()
            scene.network.end()
            scene.network.begin(Recorder(), Wanted(), None)
            await scene.settle()
            assert [call for call in touched(scene) if call[0] != "request_scan"] == []
        assert [call for call in touched(scene) if call[0] != "request_scan"] == []
        assert [one.name for one in scene.daemon.profiles] == ["Wired connection 1", "owner's"]

    run(work())


def test_the_owners_network_that_comes_and_goes_is_told() -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            scene.daemon.air.remove(OWNERS.ssid)
            await scene.recorder.until("lost")
            scene.daemon.air.add(OWNERS)
            await scene.recorder.until("connected", "got address")
            assert touched(scene) == []

    run(work())


@pytest.mark.parametrize("keep", [False, True])
def test_joining_the_network_that_is_up_answers_at_once(keep: bool) -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            before = now()
            await scene.network.join(OWNER, keep=keep)
            assert now() - before < 0.1
            assert scene.recorder.events == ["lost", "connected"]
            assert scene.really() == OWNERS.ssid
            await scene.settle()
            assert scene.recorder.events == ["lost", "connected"]
            assert scene.manager.asked("activate", "disconnect") == []

    run(work())


def test_the_stored_key_may_be_the_hash_of_the_password() -> None:
    async def work() -> None:
        daemon = world(HOME)
        daemon.air.add(OWNERS)
        key = hashlib.pbkdf2_hmac("sha1", OWNERS.password, OWNERS.ssid, 4096, 32).hex()
        daemon.air.add(replace(OWNERS, password=key.encode()))
        daemon.owner_adds(owners_wifi(replace(OWNERS, password=key.encode())))
        async with on(daemon) as scene:
            assert scene.really() == OWNERS.ssid
            before = now()
            await scene.network.join(OWNER, keep=False)
            assert now() - before < 0.1
            assert key not in repr(scene.manager.calls)

    run(work())


def test_another_password_for_the_network_that_is_up_is_wrong() -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            refused = await scene.refusal(replace(OWNER, password=b"not the one"))
            assert refused is not None
            assert refused.failure is JoinFailure.WRONG_PASSWORD
            await scene.settle()
            assert scene.ssid() is None
            assert scene.really() is None

    run(work())


def test_the_owner_can_forbid_leaving_what_he_joined() -> None:
    async def work() -> None:
        async with on(world(HOME, owner=True), protect_owner=True) as scene:
            with pytest.raises(ServiceError):
                scene.network.leave()
            refused = await scene.refusal(GOOD)
            assert refused is not None
            assert "protect_owner" in refused.detail
            await scene.settle()
            assert scene.ssid() == scene.really() == OWNERS.ssid
            await scene.network.join(OWNER, keep=False)
            assert scene.ssid() == scene.really() == OWNERS.ssid
            scene.daemon.air.remove(OWNERS.ssid)
            # NetworkManager looks for it for a while, and that is the owner's still.
            await asyncio.sleep(600)
            await scene.network.join(GOOD, keep=False)
            assert scene.really() == HOME.ssid
            scene.network.leave()
            await scene.settle()
            assert scene.really() is None

    run(work())


def test_a_leave_holds_until_a_join() -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            scene.network.leave()
            await scene.settle()
            assert scene.recorder.events == ["lost"]
            await asyncio.sleep(600)
            assert scene.really() is None
            assert scene.recorder.events == ["lost"]
            await scene.network.join(OPEN, keep=False)
            assert scene.really() == CAFE.ssid

    run(work())


def test_a_leave_holds_until_a_reset() -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            await scene.network.join(OPEN, keep=False)
            scene.network.leave()
            await scene.settle()
            assert scene.really() is None
            scene.network.end()
            after = Recorder()
            scene.network.begin(after, Wanted(), None)
            await scene.settle()
            assert scene.really() == OWNERS.ssid
            assert after.events[2:] == ["connected", "got address"]
            assert scene.ours == []

    run(work())


def test_the_owners_network_does_not_take_the_place_of_a_lost_one() -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            await scene.network.join(GOOD, keep=False)
            scene.daemon.air.remove(HOME.ssid)
            await asyncio.sleep(600)
            assert scene.really() is None
            assert scene.ssid() is None
            scene.daemon.air.add(HOME)
            await asyncio.sleep(60)
            assert scene.really() == HOME.ssid

    run(work())


@pytest.mark.parametrize("what", ["joined", "kept", "left", "failed", "joining"])
def test_a_stop_gives_the_owners_network_back(what: str) -> None:
    async def work() -> None:
        daemon = world(owner=True)
        async with on(daemon, stops=False) as scene:
            joining = await do(scene, what)
        await over(joining)
        assert [one.on_disk for one in scene.ours] == ([True] if what == "kept" else [])
        assert daemon.devices["wlan0"].connects_by_itself
        await asyncio.sleep(30)
        assert scene.really() == OWNERS.ssid
        await end(scene)

    run(work())


@pytest.mark.parametrize("what", ["joined", "kept", "left", "failed", "joining"])
def test_what_a_kill_leaves_is_released(what: str, tmp_path: Path) -> None:
    async def work() -> None:
        daemon = world(owner=True)
        async with on(daemon, stops=False, killed=True, folder=tmp_path) as scene:
            joining = await do(scene, what)
        await over(joining)
        manager = FakeManager(daemon)
        await manager.start()
        await asyncio.sleep(1)
        before = now()
        done = await release(manager, OwnershipRecord(tmp_path))
        assert done != []
        assert now() - before < 10
        await manager.close()
        await asyncio.sleep(20)
        assert scene.really() == OWNERS.ssid
        assert [one.on_disk for one in scene.ours] == ([True] if what == "kept" else [])
        await end(scene)

    run(work())


@pytest.mark.parametrize("what", ["joined", "kept", "left", "failed", "joining"])
def test_what_a_kill_leaves_is_taken_up_by_the_next_start(what: str, tmp_path: Path) -> None:
    async def work() -> None:
        daemon = world(owner=True)
        async with on(daemon, stops=False, killed=True, folder=tmp_path) as scene:
            joining = await do(scene, what)
        await over(joining)
        async with on(daemon, started=False, stops=False, folder=tmp_path) as again:
            await again.settle()
            assert again.ours == []
            assert again.really() == OWNERS.ssid
        await end(again)

    run(work())


async def do(scene: Scene, what: str) -> asyncio.Future[JoinError | None] | None:
    """Bring the station to a state in which it may be found; a join under way is given."""
    if what in ("joined", "kept"):
        await scene.network.join(GOOD, keep=what == "kept")
    if what == "left":
        scene.network.leave()
    if what == "failed":
        assert await scene.refusal(WRONG) is not None
    if what == "joining":
        joining = asyncio.ensure_future(scene.refusal(GOOD))
        await asyncio.sleep(4)  # the scan is over, the profile activated
        assert not joining.done()
        return joining
    await scene.settle()
    return None


async def over(joining: asyncio.Future[JoinError | None] | None) -> None:
    """Whoever waited for a join waits no more."""
    if joining is not None:
        joining.cancel()
        await asyncio.gather(joining, return_exceptions=True)


async def end(scene: Scene) -> None:
    """NetworkManager ends too."""
    scene.daemon.stop()
    await asyncio.sleep(0)


def test_the_owners_own_choice_is_followed() -> None:
    async def work() -> None:
        daemon = world(owner=True)
        async with on(daemon) as scene:
            path = daemon.owner_adds(owners_wifi(CAFE)).path
            daemon.activate(path, daemon.devices["wlan0"].path, "/")
            await scene.settle()
            assert scene.ssid() == scene.really() == CAFE.ssid
            assert scene.recorder.events == ["lost", "connected", "got address"]
            assert touched(scene) == []

    run(work())


def test_it_is_a_network_before_it_is_started() -> None:
    async def work() -> None:
        network = ManagedNetwork(FakeManager(), NetworkInterfaces(), OwnershipRecord(Path("/x")))
        assert network.station.access_point is None
        assert network.interface_of("127.0.0.1") is None
        assert not network.softap.on_air

    run(work())


def test_a_network_of_that_name_with_another_key_is_not_taken_for_the_owners() -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            refused = await scene.refusal(Credentials(OWNERS.ssid))
            assert refused is not None
            assert refused.failure is JoinFailure.WRONG_PASSWORD

    run(work())
