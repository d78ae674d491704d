"""The stored access point: joined in the background, for as long as it takes."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.services.api import Address, Credentials, Wanted
from tests.services.fake_air import FakeAccessPoint
from tests.services.managed_world import (
    CAFE,
    GOOD,
    HOME,
    OPEN,
    OWNERS,
    WRONG,
    now,
    on,
    run,
    world,
)
from tests.services.network_contract import Recorder

HIDDEN = FakeAccessPoint(b"hidden", b"password", hidden=True)


def test_it_is_joined_when_it_comes_into_reach() -> None:
    async def work() -> None:
        async with on(world(CAFE), stored=GOOD) as scene:
            assert scene.ssid() is None
            await asyncio.sleep(1000)
            scene.daemon.air.add(HOME)
            before = now()
            await scene.recorder.until("connected", "got address")
            assert now() - before < 45
            assert scene.really() == HOME.ssid
            await scene.settle()
            (ours,) = scene.ours
            assert ours.on_disk

    run(work())


def test_looking_for_it_is_said_once_and_takes_its_time(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with on(world(CAFE), stored=GOOD) as scene:
            await asyncio.sleep(3000)
            said = [one.getMessage() for one in caplog.records if one.levelno >= logging.INFO]
            assert len(said) == 1
            assert "home" in said[0]
            assert 100 < len(scene.manager.asked("request_scan")) < 500

    with caplog.at_level("INFO", "gateway"):
        run(work())


def test_the_owners_network_stays_until_it_shows() -> None:
    async def work() -> None:
        async with on(world(CAFE, owner=True), stored=GOOD) as scene:
            assert scene.ssid() == scene.really() == OWNERS.ssid
            await asyncio.sleep(1000)
            assert scene.ssid() == scene.really() == OWNERS.ssid
            assert scene.recorder.events == []
            scene.daemon.air.add(HOME)
            await scene.recorder.until("lost", "connected", "got address")
            assert scene.ssid() == scene.really() == HOME.ssid

    run(work())


def test_what_is_set_meanwhile_is_set_to_the_owners_connection() -> None:
    async def work() -> None:
        async with on(world(CAFE, owner=True), stored=GOOD) as scene:
            fixed = Address("192.168.99.200", "192.168.99.1", "255.255.255.0")
            scene.network.apply(Wanted(station_dhcp=False, station_address=fixed))
            assert scene.address() == fixed
            await scene.recorder.until("got address")
            await scene.settle()
            (config,) = scene.manager.objects[scene.daemon.devices["wlan0"].ip_path].values()
            assert config["AddressData"] == [{"address": fixed.ip, "prefix": 24}]
            assert scene.really() == OWNERS.ssid

    run(work())


def test_a_protected_network_of_the_owners_stays_though_it_shows() -> None:
    async def work() -> None:
        async with on(world(owner=True), stored=GOOD, protect_owner=True) as scene:
            await asyncio.sleep(1000)
            assert scene.ssid() == scene.really() == OWNERS.ssid
            assert scene.recorder.events == []
            scene.daemon.air.remove(OWNERS.ssid)
            await scene.recorder.until("lost", "connected", "got address")
            assert scene.really() == HOME.ssid

    run(work())


def test_a_stored_password_that_is_wrong_is_not_tried_without_end() -> None:
    async def work() -> None:
        async with on(world(), stored=WRONG) as scene:
            assert scene.ssid() is None
            await asyncio.sleep(1000)
            assert scene.ssid() is None
            assert scene.daemon.dialogues == []
            assert len(scene.manager.asked("activate")) < 100
            assert len(scene.ours) <= 1
            await scene.network.join(GOOD, keep=True)
            assert scene.really() == HOME.ssid

    run(work())


@pytest.mark.parametrize("autoconnect", [True, False])
def test_the_profile_on_disk_connects_by_itself_as_autoconnect_says(autoconnect: bool) -> None:
    async def work() -> None:
        async with on(world(), wanted=Wanted(autoconnect=autoconnect)) as scene:
            await scene.network.join(GOOD, keep=True)
            await scene.settle()
            assert [one.value("connection", "autoconnect") for one in scene.ours] == [autoconnect]
            scene.network.apply(Wanted(autoconnect=not autoconnect))
            await scene.settle()
            assert [one.value("connection", "autoconnect") for one in scene.ours] == [
                not autoconnect
            ]
            assert scene.really() == HOME.ssid
            assert scene.recorder.events == ["connected"]

    run(work())


@pytest.mark.parametrize("seconds", [0.0, 3.001, 3.01, 4.0, 5.0])
def test_a_session_that_ends_while_it_is_being_joined_leaves_it(seconds: float) -> None:
    async def work() -> None:
        async with on(world(), begun=False) as scene:
            scene.network.begin(scene.recorder, Wanted(), GOOD)
            await asyncio.sleep(seconds)
            scene.network.end()
            await scene.settle()
            joined = scene.really() is not None
            assert scene.really() == scene.ssid()
            after = Recorder()
            scene.network.begin(after, Wanted(), GOOD)
            await scene.settle()
            assert scene.really() == scene.ssid() == HOME.ssid
            assert after.events[2:] == ["connected", "got address"]
            assert not joined or len(scene.manager.asked("activate")) == 1

    run(work())


@pytest.mark.parametrize("keep", [False, True])
def test_a_reset_drops_another_one_though_the_stored_one_is_out_of_reach(keep: bool) -> None:
    async def work() -> None:
        async with on(world(CAFE)) as scene:
            await scene.network.join(OPEN, keep=keep)
            await scene.settle()
            scene.network.end()
            scene.network.begin(Recorder(), Wanted(), GOOD)
            assert scene.ssid() is None
            await scene.settle()
            assert scene.ssid() is None
            assert scene.really() is None
            scene.daemon.air.add(HOME)
            await scene.settle()
            assert scene.ssid() == scene.really() == HOME.ssid

    run(work())


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.03, 0.06, 0.2])
@pytest.mark.parametrize("owner", [False, True])
def test_a_reset_to_nothing_stored_leaves_nothing_though_it_is_being_stored(
    seconds: float, owner: bool
) -> None:
    async def work() -> None:
        async with on(world(owner=owner)) as scene:
            scene.manager.call_seconds = 0.02
            await scene.network.join(GOOD, keep=True)
            await asyncio.sleep(seconds)
            scene.network.end()
            scene.network.begin(Recorder(), Wanted(), None)
            await scene.settle()
            assert scene.really() == scene.ssid() == (OWNERS.ssid if owner else None)
            assert scene.ours == []

    run(work())


def test_a_reset_keeps_the_stored_one_joined() -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            await scene.network.join(GOOD, keep=True)
            await scene.settle()
            before = scene.manager.asked("activate", "add_profile", "delete_profile")
            scene.network.end()
            scene.network.begin(Recorder(), Wanted(), GOOD)
            await scene.settle()
            assert scene.manager.asked("activate", "add_profile", "delete_profile") == before
            assert scene.really() == HOME.ssid

    run(work())


def test_after_a_restart_of_ours_the_profile_on_disk_is_used_again(tmp_path: Path) -> None:
    async def work() -> None:
        daemon = world()
        async with on(daemon, stops=False, folder=tmp_path) as first:
            await first.network.join(GOOD, keep=True)
            await first.settle()
            uuids = [one.uuid for one in first.ours]
        async with on(daemon, started=False, stored=GOOD, folder=tmp_path) as second:
            assert second.really() == second.ssid() == HOME.ssid
            assert [one.uuid for one in second.ours] == uuids
            (ours,) = second.ours
            assert ours.on_disk

    run(work())


def test_a_password_that_was_changed_in_store_replaces_the_one_on_disk(tmp_path: Path) -> None:
    async def work() -> None:
        daemon = world()
        async with on(daemon, stops=False, folder=tmp_path) as first:
            await first.network.join(GOOD, keep=True)
            await first.settle()
        daemon.air.add(replace(HOME, password=b"another password"))
        stored = Credentials(HOME.ssid, b"another password")
        async with on(daemon, started=False, stored=stored, folder=tmp_path) as second:
            assert second.really() == HOME.ssid
            (ours,) = second.ours
            assert ours.password == b"another password"

    run(work())


def test_a_hidden_stored_one_is_asked_for_by_name() -> None:
    async def work() -> None:
        stored = Credentials(HIDDEN.ssid, HIDDEN.password)
        async with on(world(HIDDEN), stored=stored) as scene:
            assert scene.really() == HIDDEN.ssid
            scene.daemon.air.remove(HIDDEN.ssid)
            await scene.recorder.until("lost")
            await asyncio.sleep(300)
            scene.daemon.air.add(HIDDEN)
            await scene.recorder.until("connected", "got address")

    run(work())


def test_a_join_of_another_ends_looking_for_it() -> None:
    async def work() -> None:
        async with on(world(CAFE), stored=GOOD) as scene:
            await scene.network.join(Credentials(CAFE.ssid), keep=False)
            scene.daemon.air.add(HOME)
            await asyncio.sleep(600)
            assert scene.really() == CAFE.ssid
            assert scene.recorder.events == ["connected"]

    run(work())


def test_a_leave_ends_looking_for_it() -> None:
    async def work() -> None:
        async with on(world(CAFE), stored=GOOD) as scene:
            scene.network.leave()
            scene.daemon.air.add(HOME)
            await asyncio.sleep(600)
            assert scene.really() is None
            assert scene.recorder.events == []

    run(work())


def test_no_dhcp_for_the_stored_one_is_no_flood() -> None:
    async def work() -> None:
        silent = replace(HOME, dhcp=False)
        async with on(world(silent), stored=GOOD) as scene:
            await asyncio.sleep(600)
            assert len(scene.manager.asked("activate")) < 60
            scene.recorder.clear()
            scene.daemon.air.add(HOME)
            await asyncio.sleep(120)
            assert scene.really() == scene.ssid() == HOME.ssid
            assert scene.recorder.events[-2:] == ["connected", "got address"]

    run(work())


@pytest.mark.parametrize("seconds", [0.1, 1.6, 2.9, 3.1, 4.0, 4.6, 6.0])
def test_a_leave_holds_though_calls_are_slow(seconds: float) -> None:
    async def work() -> None:
        async with on(world()) as scene:
            await scene.network.join(GOOD, keep=True)
            scene.network.leave()
            await scene.settle()
            scene.manager.call_seconds = 1.5
            scene.network.end()
            scene.network.begin(scene.recorder, Wanted(), GOOD)
            await asyncio.sleep(seconds)
            scene.network.leave()
            await scene.settle()
            assert scene.ssid() is None
            assert scene.really() is None

    run(work())
