"""Ethernet: what is asked of it, and what becomes of the owner's connection."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from gateway.services.api import Address, Interface, Wanted
from gateway.services.network.manager import DeviceState
from tests.services.fake_daemon import FakeDaemon
from tests.services.managed_world import Scene, on, owners_ethernet, run, world

FIXED = Address("10.42.7.200", "10.42.7.1", "255.255.255.0")
STATIC = Wanted(ethernet_dhcp=False, ethernet_address=FIXED)
MAC = "02:12:34:56:78:9a"
OTHER_MAC = Wanted(ethernet_mac=MAC)
TOUCHING = (
    *("activate", "add_profile", "delete_profile", "disconnect"),
    *("reapply", "set_autoconnect", "update_profile"),
)


def touched(scene: Scene) -> list[str]:
    """The calls that changed something, since the last time this was asked."""
    calls = [name for name, _subject in scene.manager.asked(*TOUCHING)]
    scene.manager.calls.clear()
    return calls


def real_mac(scene: Scene) -> str:
    """The MAC that the device really has."""
    return scene.daemon.devices["eth0"].mac.lower()


def connected_by(scene: Scene) -> str | None:
    """The name of the profile that the device is connected by."""
    active = scene.daemon.devices["eth0"].active
    return None if active is None else active.profile.name


def without_owner() -> FakeDaemon:
    """A NetworkManager where nobody has made a profile for the cable."""
    return FakeDaemon(interfaces=("wlan0", "eth0"))


def test_where_nothing_is_asked_nothing_is_touched() -> None:
    async def work() -> None:
        async with on(world()) as scene:
            ethernet = scene.network.ethernet
            assert ethernet is not None
            assert ethernet.plugged
            assert ethernet.address is not None
            assert touched(scene) == []
            assert scene.record.empty

    run(work())


def test_a_fixed_address_is_a_change_of_the_live_connection() -> None:
    """It is on record, so that it can be undone after a kill, until it is undone."""

    async def work() -> None:
        async with on(world()) as scene:
            before = scene.network.ethernet
            profiles = [(one.uuid, one.settings) for one in scene.daemon.profiles]
            scene.network.apply(STATIC)
            await scene.recorder.until(f"ethernet {FIXED.ip}")
            await scene.settle()
            assert touched(scene) == ["reapply"]
            assert scene.record.has_changed("eth0")
            scene.network.apply(Wanted())
            await scene.settle()
            assert touched(scene) == ["reapply"]
            assert scene.network.ethernet == before
            assert scene.record.empty
            assert [(one.uuid, one.settings) for one in scene.daemon.profiles] == profiles

    run(work())


def test_another_mac_is_a_profile_of_ours_in_memory() -> None:
    async def work() -> None:
        async with on(world()) as scene:
            before = scene.network.ethernet
            assert before is not None
            scene.network.apply(OTHER_MAC)
            assert scene.network.ethernet is not None
            assert scene.network.ethernet.mac == MAC
            await scene.settle()
            assert real_mac(scene) == MAC
            (ours,) = scene.ours
            assert not ours.on_disk
            assert connected_by(scene) == ours.name
            assert scene.record.profiles(Interface.ETHERNET) == {ours.uuid}
            scene.network.apply(Wanted())
            assert scene.network.ethernet.mac == before.mac
            await scene.settle()
            assert scene.network.ethernet == before
            assert scene.ours == []
            assert scene.record.empty
            assert connected_by(scene) == "Wired connection 1"

    run(work())


def test_with_another_mac_an_address_changes_live() -> None:
    """Nothing is activated anew, and after the next activation it is the same."""

    async def work() -> None:
        async with on(world(), wanted=OTHER_MAC) as scene:
            touched(scene)
            scene.network.apply(replace(STATIC, ethernet_mac=MAC))
            await scene.recorder.until(f"ethernet {FIXED.ip}")
            await scene.settle()
            assert touched(scene) == ["update_profile", "reapply"]
            scene.daemon.plug(False)
            await scene.settle()
            scene.recorder.clear()
            scene.daemon.plug()
            await scene.recorder.until("ethernet connected", f"ethernet {FIXED.ip}")

    run(work())


def test_of_the_owners_connection_nothing_is_told_where_another_mac_is_asked() -> None:
    """It takes the device when the cable comes back after a while."""

    async def work() -> None:
        async with on(world(), wanted=OTHER_MAC) as scene:
            assert scene.network.ethernet is not None
            address = scene.network.ethernet.address
            assert address is not None
            scene.daemon.plug(False)
            await scene.settle()
            assert connected_by(scene) is None
            scene.recorder.clear()
            scene.daemon.plug()
            await scene.recorder.until("ethernet connected", f"ethernet {address.ip}")
            assert real_mac(scene) == MAC
            await scene.settle()
            assert scene.recorder.events == []

    run(work())


def test_a_mac_that_the_device_does_not_take_is_said_and_not_shown() -> None:
    async def work() -> None:
        async with on(world()) as scene:
            before = scene.network.ethernet
            scene.daemon.devices["eth0"].set_mac = lambda mac: None  # type: ignore[method-assign]
            scene.network.apply(OTHER_MAC)
            await scene.settle()
            assert scene.network.ethernet == before
            assert connected_by(scene) == "Wired connection 1"
            assert scene.ours == []

    run(work())


def test_a_cable_without_a_profile_gets_one_of_ours() -> None:
    async def work() -> None:
        async with on(without_owner()) as scene:
            ethernet = scene.network.ethernet
            assert ethernet is not None
            assert ethernet.address is not None
            (ours,) = scene.ours
            assert not ours.on_disk
            owners = scene.daemon.owner_adds(owners_ethernet())
            await scene.settle()
            assert connected_by(scene) == ours.name
            scene.daemon.activate(owners.path, scene.daemon.devices["eth0"].path, "/")
            await scene.settle()
            assert scene.ours == []
            assert connected_by(scene) == "Wired connection 1"

    run(work())


def test_a_fixed_address_where_the_owner_has_disconnected() -> None:
    """Ours goes again with what was asked, and the owner's stays down."""

    async def work() -> None:
        async with on(world()) as scene:
            device = scene.daemon.devices["eth0"]
            scene.daemon.disconnect(device.path)
            await scene.settle()
            scene.network.apply(STATIC)
            await scene.settle()
            assert scene.network.ethernet is not None
            assert scene.network.ethernet.address == FIXED
            assert [one.name for one in scene.ours] == [connected_by(scene)]
            scene.network.apply(Wanted())
            await scene.settle()
            assert scene.ours == []
            assert connected_by(scene) is None

    run(work())


def test_a_blip_of_the_cable_keeps_the_address() -> None:
    async def work() -> None:
        async with on(world(), wanted=STATIC) as scene:
            touched(scene)
            scene.daemon.plug(False)
            await scene.recorder.until("ethernet lost")
            assert scene.network.ethernet is not None
            assert scene.network.ethernet.address is None
            scene.daemon.plug()
            await scene.recorder.until("ethernet connected", f"ethernet {FIXED.ip}")
            scene.network.apply(Wanted())
            await scene.settle()
            assert touched(scene) == ["reapply"]
            assert scene.network.ethernet.address not in (None, FIXED)

    run(work())


def test_a_device_that_is_pulled_out_of_the_machine_and_back() -> None:
    async def work() -> None:
        async with on(world(), wanted=STATIC) as scene:
            scene.daemon.remove_device("eth0")
            await scene.recorder.until("ethernet lost")
            assert scene.network.ethernet is None
            scene.daemon.add_device("eth0")
            await scene.recorder.until("ethernet connected", f"ethernet {FIXED.ip}")

    run(work())


def test_without_such_an_interface_there_is_no_ethernet() -> None:
    async def work() -> None:
        async with on(FakeDaemon(interfaces=("wlan0",)), wanted=STATIC) as scene:
            assert scene.network.ethernet is None
            assert touched(scene) == []

    run(work())


def test_what_is_asked_before_network_manager_comes_is_done_then() -> None:
    async def work() -> None:
        daemon = world()
        async with on(daemon, started=False) as scene:
            scene.network.apply(replace(STATIC, ethernet_mac=MAC))
            await scene.settle()
            assert scene.recorder.events == []
            daemon.start()
            await scene.recorder.until("ethernet connected", f"ethernet {FIXED.ip}")
            assert real_mac(scene) == MAC

    run(work())


def test_a_restart_of_network_manager_makes_no_second_profile() -> None:
    """Profiles in memory outlive it."""

    async def work() -> None:
        async with on(world(), wanted=OTHER_MAC) as scene:
            (ours,) = scene.ours
            scene.daemon.stop()
            await scene.recorder.until("ethernet lost")
            scene.daemon.start()
            await scene.settle()
            assert scene.ours == [ours]
            assert real_mac(scene) == MAC

    run(work())


def test_a_start_after_a_kill_undoes_what_was_left(tmp_path: Path) -> None:
    async def work() -> None:
        daemon = world()
        async with on(daemon, wanted=STATIC, folder=tmp_path, killed=True, stops=False):
            pass
        async with on(daemon, started=False, folder=tmp_path) as scene:
            assert scene.network.ethernet is not None
            assert scene.network.ethernet.address not in (None, FIXED)
            assert scene.record.empty
            scene.network.apply(OTHER_MAC)
            await scene.settle()
            assert len(scene.ours) == 1

    run(work())


def test_after_the_close_everything_is_the_owners() -> None:
    async def work() -> None:
        daemon = world()
        async with on(daemon, wanted=replace(STATIC, ethernet_mac=MAC), stops=False) as scene:
            assert connected_by(scene) != "Wired connection 1"
        await asyncio.sleep(5)
        assert connected_by(scene) == "Wired connection 1"
        assert daemon.devices["eth0"].state == DeviceState.ACTIVATED
        assert scene.ours == []
        assert scene.record.empty
        daemon.stop()
        await asyncio.sleep(0)

    run(work())
