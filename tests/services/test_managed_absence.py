"""NetworkManager that is not there, devices that are not, and all of them coming back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from gateway.services.api import JoinFailure, ServiceError, Wanted
from tests.services.fake_daemon import FakeDaemon
from tests.services.managed_world import (
    GOOD,
    HOME,
    OPEN,
    OWNERS,
    Scene,
    now,
    on,
    run,
    world,
)

Hand = Callable[[Scene], None]


def stop(scene: Scene) -> None:
    scene.manager.stop()


def start(scene: Scene) -> None:
    scene.daemon.start()


def pull(scene: Scene) -> None:
    scene.daemon.remove_device("wlan0")


def put_back(scene: Scene) -> None:
    scene.daemon.add_device("wlan0")


def switch_off(scene: Scene) -> None:
    scene.daemon.switch_wireless(False)


def switch_on(scene: Scene) -> None:
    scene.daemon.switch_wireless(True)


def stations(scene: Scene) -> list[str]:
    """What was heard of the station: Ethernet goes and comes with NetworkManager."""
    return [event for event in scene.recorder.events if "ethernet" not in event]


async def heard(scene: Scene, *events: str) -> None:
    """Wait until these were heard of the station, and forget them."""
    while stations(scene) != list(events):
        assert stations(scene) == list(events[: len(stations(scene))])
        await asyncio.sleep(0.1)
    scene.recorder.clear()


GOING = [
    pytest.param(stop, start, id="NetworkManager"),
    pytest.param(pull, put_back, id="device"),
    pytest.param(switch_off, switch_on, id="rfkill"),
]


@pytest.mark.parametrize("started", [False, True])
def test_without_it_everything_is_answered(started: bool) -> None:
    async def work() -> None:
        # Started, it has a cable and no radio.
        async with on(FakeDaemon(interfaces=("eth0",)), started=started) as scene:
            assert scene.ssid() is None
            assert scene.network.station.address is None
            with pytest.raises(ServiceError):
                await scene.network.scan()
            before = now()
            refused = await scene.refusal(GOOD)
            assert refused is not None
            assert refused.failure is JoinFailure.OTHER
            assert now() - before < 1
            scene.network.leave()
            scene.network.apply(Wanted(dns=("9.9.9.9",), station_mac="02:12:34:56:78:9a"))
            await scene.settle()
            assert scene.network.station.mac == "02:12:34:56:78:9a"

    run(work())


def test_what_was_asked_without_it_is_done_once_it_comes() -> None:
    async def work() -> None:
        async with on(world(), started=False, stored=GOOD) as scene:
            assert scene.ssid() is None
            scene.daemon.start()
            await scene.settle()
            assert scene.really() == HOME.ssid
            assert "connected" in scene.recorder.events

    run(work())


@pytest.mark.parametrize(("go", "come"), GOING)
def test_it_goes_and_comes_while_joined(go: Hand, come: Hand) -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            await scene.network.join(GOOD, keep=False)
            scene.recorder.clear()
            go(scene)
            await heard(scene, "lost")
            assert scene.ssid() is None
            assert scene.network.station.address is None
            await asyncio.sleep(100)
            come(scene)
            await heard(scene, "connected", "got address")
            await scene.settle()
            assert stations(scene) == []
            assert scene.ssid() == scene.really() == HOME.ssid
            assert len(scene.ours) == 1
            await scene.network.join(OPEN, keep=False)

    run(work())


@pytest.mark.parametrize("seconds", [0.0, 1.0, 3.001, 3.003, 3.005, 3.007, 3.07, 4.0, 4.8, 5.0])
@pytest.mark.parametrize(("go", "come"), GOING)
def test_it_goes_while_joining(go: Hand, come: Hand, seconds: float) -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            joining = asyncio.ensure_future(scene.refusal(GOOD))
            before = now()
            await asyncio.sleep(seconds)
            go(scene)
            refused = await joining
            assert now() - before < 18
            assert refused is None or refused.failure in (
                JoinFailure.OTHER,
                JoinFailure.TIMED_OUT,
                JoinFailure.NO_SUCH_AP,
            )
            await asyncio.sleep(50)
            come(scene)
            await scene.settle()
            # A failed join leaves it unjoined; one that was through is joined again.
            assert scene.really() == (None if refused else HOME.ssid)
            assert scene.ssid() == scene.really()
            await scene.network.join(GOOD, keep=False)
            assert scene.really() == HOME.ssid
            await scene.settle()
            assert len(scene.ours) == 1

    run(work())


@pytest.mark.parametrize(("go", "come"), GOING)
def test_it_goes_and_comes_at_once_while_joining(go: Hand, come: Hand) -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            joining = asyncio.ensure_future(scene.refusal(GOOD))
            before = now()
            await asyncio.sleep(4)
            go(scene)
            await asyncio.sleep(0.5)
            come(scene)
            refused = await joining
            assert now() - before < 18
            await scene.settle()
            assert scene.really() == (None if refused else HOME.ssid)
            assert scene.ssid() == scene.really()

    run(work())


@pytest.mark.parametrize(("go", "come"), GOING)
def test_it_goes_while_scanning(go: Hand, come: Hand) -> None:
    async def work() -> None:
        async with on(world()) as scene:
            scanning = asyncio.ensure_future(scene.network.scan())
            before = now()
            await asyncio.sleep(1)
            go(scene)
            await asyncio.gather(scanning, return_exceptions=True)
            assert now() - before <= 9
            error = scanning.exception()
            assert error is None or isinstance(error, ServiceError)
            come(scene)
            await scene.settle()
            assert HOME.ssid in {one.ssid for one in await scene.network.scan()}

    run(work())


@pytest.mark.parametrize(("go", "come"), GOING)
def test_a_leave_holds_though_it_comes_back(go: Hand, come: Hand) -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            await scene.network.join(GOOD, keep=True)
            scene.network.leave()
            await scene.settle()
            scene.recorder.clear()
            go(scene)
            await asyncio.sleep(50)
            come(scene)
            await scene.settle()
            assert stations(scene) == []
            assert scene.ssid() is None
            assert scene.really() is None

    run(work())


@pytest.mark.parametrize(("go", "come"), GOING)
def test_a_leave_while_it_is_away(go: Hand, come: Hand) -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            await scene.network.join(GOOD, keep=False)
            go(scene)
            await asyncio.sleep(50)
            scene.network.leave()
            await asyncio.sleep(1)
            scene.recorder.clear()
            come(scene)
            await scene.settle()
            assert stations(scene) == []
            assert scene.really() is None
            assert scene.ours == []

    run(work())


@pytest.mark.parametrize(("go", "come"), GOING)
def test_the_owners_network_comes_back_with_it(go: Hand, come: Hand) -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            go(scene)
            await heard(scene, "lost")
            await asyncio.sleep(50)
            come(scene)
            await heard(scene, "connected", "got address")
            assert scene.ssid() == OWNERS.ssid
            assert scene.manager.asked("activate", "set_autoconnect") == []

    run(work())


@pytest.mark.parametrize(("go", "come"), GOING)
def test_the_log_says_it_once(go: Hand, come: Hand, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with on(world()) as scene:
            await scene.network.join(GOOD, keep=False)
            caplog.clear()
            go(scene)
            await asyncio.sleep(600)
            said = [one for one in caplog.records if one.levelno >= logging.INFO]
            # That NetworkManager itself went is said by who follows the bus.
            # A device that goes is not managed for a moment, and then not there.
            assert len(said) <= (2 if go is pull else 1), [one.getMessage() for one in said]
            come(scene)
            await scene.settle()

    with caplog.at_level("INFO", "gateway"):
        run(work())


def test_a_stop_while_it_is_away_is_quick() -> None:
    async def work() -> None:
        async with on(world()) as scene:
            await scene.network.join(GOOD, keep=False)
            scene.manager.stop()
            before = now()
            await scene.network.close()
            assert now() - before < 1

    run(work())


def test_a_leave_holds_though_it_comes_back_and_is_slow_to_answer() -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            await scene.network.join(GOOD, keep=True)
            scene.network.leave()
            await scene.settle()
            scene.manager.stop()
            await asyncio.sleep(50)
            scene.manager.hang_next("profile_settings")
            scene.daemon.start()
            await scene.settle()
            assert scene.ssid() is None
            assert scene.really() is None

    run(work())
