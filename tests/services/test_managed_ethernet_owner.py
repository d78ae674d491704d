"""Ethernet: what an earlier run left behind, and what `protect_owner` keeps from being taken."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.services.api import Address, Wanted
from tests.services.fake_daemon import FakeDaemon
from tests.services.managed_world import Scene, on, run, world

FIXED = Address("10.42.7.200", "10.42.7.1", "255.255.255.0")
STATIC = Wanted(ethernet_dhcp=False, ethernet_address=FIXED)
MAC = "02:12:34:56:78:9a"
OTHER_MAC = Wanted(ethernet_mac=MAC)
OWNERS = "Wired connection 1"


def connected_by(scene: Scene) -> str | None:
    """The name of the profile that the device is connected by."""
    active = scene.daemon.devices["eth0"].active
    return None if active is None else active.profile.name


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said of things that went wrong."""
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]


@pytest.mark.parametrize("wanted", [Wanted(), replace(STATIC, dns=("1.1.1.1",)), OTHER_MAC])
@pytest.mark.parametrize(
    "before", [STATIC, Wanted(dns=("9.9.9.9",)), OTHER_MAC, Wanted(ethernet_host_name="oven")]
)
def test_of_a_run_that_was_killed_nothing_is_taken_over(
    before: Wanted, wanted: Wanted, tmp_path: Path
) -> None:
    """Where nobody else has a profile for the cable."""

    async def work() -> None:
        daemon = FakeDaemon()
        async with on(daemon, wanted=wanted) as fresh:
            should_be = fresh.network.ethernet
            applied = daemon.devices["eth0"].applied
        daemon = FakeDaemon()
        async with on(daemon, wanted=before, stops=False, folder=tmp_path, killed=True):
            pass
        async with on(daemon, started=False, wanted=wanted, folder=tmp_path) as scene:
            assert scene.network.ethernet == should_be
            for setting in ("ipv4", "ipv6", "802-3-ethernet"):
                assert daemon.devices["eth0"].applied[setting] == applied[setting]
            assert len(scene.ours) == 1
            # Once is enough.
            scene.manager.calls.clear()
            scene.daemon.plug(False)
            await asyncio.sleep(1)
            scene.daemon.plug()
            await scene.settle()
            assert scene.manager.asked("activate", "update_profile") == []

    run(work())


def test_a_restart_of_networkmanager_does_not_activate_it_anew() -> None:
    async def work() -> None:
        async with on(FakeDaemon()) as scene:
            scene.manager.calls.clear()
            scene.manager.stop()
            await asyncio.sleep(3)
            scene.daemon.start()
            await scene.settle()
            assert scene.network.ethernet is not None
            assert scene.network.ethernet.address is not None
            assert scene.manager.asked("activate", "add_profile", "update_profile") == []

    run(work())


def test_a_change_that_was_not_answered_is_undone_too() -> None:
    async def work() -> None:
        async with on(world(), wanted=OTHER_MAC) as scene:
            scene.manager.lose_next_answer("update_profile")
            scene.network.apply(replace(STATIC, ethernet_mac=MAC))
            await asyncio.sleep(1)
            scene.network.apply(OTHER_MAC)
            await scene.settle()
            (ours,) = scene.ours
            assert ours.value("ipv4", "method") == "auto"

    run(work())


def test_a_profile_that_cannot_be_read_at_first_is_found_later(tmp_path: Path) -> None:
    async def work() -> None:
        daemon = world()
        async with on(daemon, wanted=OTHER_MAC, stops=False, folder=tmp_path, killed=True):
            pass
        async with on(daemon, started=False, begun=False, folder=tmp_path) as scene:
            scene.manager.fail_always("profile_settings")
            scene.network.begin(scene.recorder, Wanted(), None)
            await asyncio.sleep(100)
            scene.manager.heal()
            await scene.settle()
            assert scene.ours == []
            assert connected_by(scene) == OWNERS
            assert scene.record.profiles() == frozenset()

    run(work())


@pytest.mark.parametrize("dhcp", [0.5, 30.0])
def test_a_protected_connection_keeps_its_mac_at_a_start(
    dhcp: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Its address may be set all the same."""

    async def work() -> None:
        daemon = world()
        daemon.pace = replace(daemon.pace, dhcp=dhcp, startup=dhcp + 5)
        wanted = replace(STATIC, ethernet_mac=MAC)
        async with on(daemon, started=False, wanted=wanted, protect_owner=True) as scene:
            daemon.start()
            await scene.settle()
            assert connected_by(scene) == OWNERS
            ethernet = scene.network.ethernet
            assert ethernet is not None
            assert ethernet.mac == daemon.devices["eth0"].mac.lower() != MAC
            assert ethernet.address == FIXED
            assert scene.ours == []
            (told,) = warnings(caplog)
            assert "protect_owner" in told
            scene.network.apply(replace(wanted, dns=("9.9.9.9",)))
            await scene.settle()
            assert connected_by(scene) == OWNERS
            ethernet = scene.network.ethernet
            assert ethernet is not None
            assert ethernet.dns == ("9.9.9.9",)
            daemon.plug(False)
            await scene.settle()
            daemon.plug()
            await scene.settle()
            assert connected_by(scene) == OWNERS
            assert scene.manager.asked("add_profile") == []

    run(work())


def test_where_the_owner_has_no_connection_there_is_nothing_to_protect(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work() -> None:
        daemon = FakeDaemon()
        async with on(daemon, started=False, wanted=OTHER_MAC, protect_owner=True) as scene:
            daemon.start()
            await scene.settle()
            assert daemon.devices["eth0"].mac.lower() == MAC
        assert warnings(caplog) == []

    run(work())
