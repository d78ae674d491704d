"""Calls that NetworkManager refuses or does not answer: an error, a line, and on it goes."""

from __future__ import annotations

import asyncio
import logging

import pytest

from gateway.services.api import Address, JoinFailure, Wanted
from tests.services.managed_world import (
    CAFE,
    GOOD,
    HOME,
    OPEN,
    Scene,
    now,
    on,
    run,
    world,
)
from tests.services.network_contract import SOFTAP, Recorder

CALLS = (
    "activate",
    "add_profile",
    "applied",
    "delete_profile",
    "disconnect",
    "permissions",
    "profile_secrets",
    "profile_settings",
    "reapply",
    "request_scan",
    "set_autoconnect",
    "set_managed",
    "update_profile",
)
HOW = ("refused", "not answered", "done, not answered")
FIXED = Wanted(
    station_dhcp=False, station_address=Address("192.168.77.200", "192.168.77.1", "255.255.255.0")
)


def break_next(scene: Scene, name: str, how: str) -> None:
    """Let the next call of that name go wrong."""
    if how == "refused":
        scene.manager.fail_next(name)
    elif how == "not answered":
        scene.manager.hang_next(name)
    else:
        scene.manager.lose_next_answer(name)


def mend(scene: Scene) -> None:
    """Calls work again."""
    scene.manager.heal()


def check_log(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever went wrong is no bug of ours, and is said in few words."""
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record for record in caplog.records if record.exc_info] == []
    assert len(said) == len(set(said)) <= 2


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", CALLS)
def test_a_join_with_a_call_that_goes_wrong(
    name: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            await scene.network.join(OPEN, keep=True)
            await scene.settle()
            break_next(scene, name, how)
            before = now()
            refused = await scene.refusal(GOOD, keep=True)
            assert now() - before <= 18
            # Without a scan of ours an access point not heard of for a while counts as gone.
            codes = [JoinFailure.OTHER, JoinFailure.TIMED_OUT, JoinFailure.NO_SUCH_AP]
            assert refused is None or refused.failure in codes[: 3 if "scan" in name else 2]
            assert scene.ssid() == (None if refused else HOME.ssid)
            await scene.settle()
            assert scene.really() == scene.ssid() == (None if refused else HOME.ssid)
            mend(scene)
            await scene.network.join(GOOD, keep=False)
            assert scene.really() == HOME.ssid
            await scene.settle()
            assert len([one for one in scene.ours if not one.on_disk]) <= 1

    run(work())
    check_log(caplog)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("keep", [False, True])
def test_a_leave_with_a_call_that_goes_wrong(
    name: str, how: str, keep: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            await scene.network.join(GOOD, keep=keep)
            await scene.settle()
            break_next(scene, name, how)
            scene.network.leave()
            assert scene.ssid() is None
            await asyncio.sleep(300)
            assert scene.ssid() is None
            assert scene.really() is None
            mend(scene)
            await scene.network.join(OPEN, keep=False)
            assert scene.really() == CAFE.ssid

    run(work())
    check_log(caplog)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", CALLS)
def test_leaving_the_owners_network_with_a_call_that_goes_wrong(
    name: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            break_next(scene, name, how)
            scene.network.leave()
            await asyncio.sleep(300)
            assert scene.ssid() is None
            assert scene.really() is None

    run(work())
    check_log(caplog)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", CALLS)
def test_settings_with_a_call_that_goes_wrong(
    name: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with on(world(ap0=True)) as scene:
            network = scene.network
            await network.join(GOOD, keep=True)
            await scene.settle()
            break_next(scene, name, how)
            network.apply(FIXED)
            await scene.settle()
            network.apply(Wanted(softap_mode=True, softap=SOFTAP))
            await scene.settle()
            network.apply(Wanted(station_mac="02:12:34:56:78:9a"))
            await scene.settle()
            mend(scene)
            network.apply(Wanted())
            await scene.settle()
            assert scene.ssid() == scene.really() == HOME.ssid
            assert network.station.address is not None
            assert network.station.address.ip != "192.168.77.200"
            assert not scene.on_air()
            assert scene.runs("ap0") is None
            network.apply(Wanted(softap_mode=True, softap=SOFTAP))
            await scene.settle()
            assert scene.on_air()
            assert scene.runs("ap0") is not None

    run(work())
    check_log(caplog)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", CALLS)
def test_a_start_and_a_stop_with_a_call_that_goes_wrong(
    name: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with on(world(owner=True), begun=False) as scene:
            break_next(scene, name, how)
            scene.network.begin(scene.recorder, Wanted(), GOOD)
            await asyncio.sleep(300)
            assert scene.ssid() == scene.really() == HOME.ssid
            mend(scene)
            break_next(scene, name, how)
            scene.network.end()
            scene.network.begin(Recorder(), Wanted(), None)
            await asyncio.sleep(300)
            mend(scene)
            break_next(scene, name, how)
            before = now()
            await scene.network.close()
            assert now() - before <= 10

    run(work())
    check_log(caplog)


def test_everything_refused_is_said_once_and_not_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with on(world(owner=True), begun=False) as scene:
            scene.manager.fail_always(*CALLS)
            scene.network.begin(scene.recorder, Wanted(), GOOD)
            await asyncio.sleep(3000)
            said = [one.getMessage() for one in caplog.records if one.levelno >= logging.INFO]
            assert 1 <= len(said) <= 4, said
            # Back-off: neither idle nor a busy loop.
            assert 50 < len(scene.manager.calls) < 2000
            mend(scene)
            await asyncio.sleep(60)
            assert scene.really() == HOME.ssid

    with caplog.at_level("INFO", "gateway"):
        run(work())
    check_log(caplog)


@pytest.mark.parametrize("how", HOW)
def test_a_scan_that_goes_wrong_answers_what_is_known_in_time(how: str) -> None:
    async def work() -> None:
        async with on(world()) as scene:
            break_next(scene, "request_scan", how)
            before = now()
            seen = {one.ssid for one in await scene.network.scan()}
            assert now() - before <= 9
            assert {HOME.ssid, CAFE.ssid} <= seen
            before = now()
            await scene.network.scan()
            assert now() - before <= 9

    run(work())
