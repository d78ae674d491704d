"""Joining through NetworkManager: what comes of it, when, and what is left of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.services.api import Credentials, Encryption, JoinFailure, Wanted
from tests.services import fake_wifi
from tests.services.fake_air import FakeAccessPoint
from tests.services.fake_manager import BUS_SECONDS
from tests.services.managed_world import (
    CAFE,
    GOOD,
    HOME,
    NOWHERE,
    OPEN,
    OWNERS,
    WRONG,
    Scene,
    now,
    on,
    run,
    world,
)
from tests.services.network_contract import Recorder

NO_DHCP = FakeAccessPoint(b"no dhcp", b"password", dhcp=False)
WPA3 = FakeAccessPoint(b"wpa3", b"password", Encryption.WPA3)
HIDDEN = FakeAccessPoint(b"hidden", b"password", hidden=True)
# The limit of the contract, section 3; NetworkManager itself may take 25 s and more.
LIMIT = 18.0


async def failure_of(scene: Scene, credentials: Credentials) -> tuple[JoinFailure | None, float]:
    """What a join failed with, and the seconds that it took."""
    before = now()
    refused = await scene.refusal(credentials)
    return (None if refused is None else refused.failure), now() - before


@pytest.mark.parametrize(
    ("credentials", "failure", "at_most"),
    [
        # The fake access point refuses a password 5.5 s after CONFIG.
        (WRONG, JoinFailure.WRONG_PASSWORD, 6.0),
        (NOWHERE, JoinFailure.NO_SUCH_AP, 5.0),
        (replace(GOOD, bssid="02:00:00:00:00:01"), JoinFailure.NO_SUCH_AP, 5.0),
        (Credentials(b"no dhcp", b"password"), JoinFailure.TIMED_OUT, LIMIT),
        (Credentials(b"wpa3", b"not the one"), JoinFailure.WRONG_PASSWORD, LIMIT),
        (Credentials(b"home"), JoinFailure.WRONG_PASSWORD, 1.0),
        (Credentials(b"wep", b"abcde"), JoinFailure.OTHER, 1.0),
        (Credentials(b"office", b"password"), JoinFailure.OTHER, 1.0),
    ],
)
def test_a_failed_join_says_why_in_time_and_leaves_nothing(
    credentials: Credentials, failure: JoinFailure, at_most: float
) -> None:
    async def work() -> None:
        wep = FakeAccessPoint(b"wep", b"abcde", Encryption.WEP)
        office = FakeAccessPoint(b"office", b"password", Encryption.ENTERPRISE)
        async with on(world(HOME, NO_DHCP, WPA3, wep, office)) as scene:
            found, seconds = await failure_of(scene, credentials)
            assert found is failure
            assert seconds <= at_most
            assert scene.ssid() is None
            await scene.settle()
            assert scene.ours == []
            assert scene.daemon.dialogues == []
            assert scene.really() is None

    run(work())


def test_a_failed_join_does_not_end_in_the_owners_network() -> None:
    async def work() -> None:
        async with on(world(HOME, owner=True)) as scene:
            assert scene.really() == OWNERS.ssid
            assert (await failure_of(scene, WRONG))[0] is JoinFailure.WRONG_PASSWORD
            await scene.settle()
            assert scene.really() is None
            assert scene.address() is None
            assert scene.recorder.events == ["lost"]

    run(work())


def test_a_join_in_force_only_is_in_memory_and_a_stored_one_on_disk() -> None:
    async def work() -> None:
        async with on(world()) as scene:
            await scene.network.join(OPEN, keep=False)
            await scene.settle()
            assert [(one.ssid, one.on_disk) for one in scene.ours] == [(CAFE.ssid, False)]
            await scene.network.join(GOOD, keep=True)
            await scene.settle()
            assert [(one.ssid, one.on_disk) for one in scene.ours] == [(HOME.ssid, True)]
            await scene.network.join(OPEN, keep=False)
            await scene.settle()
            assert sorted((one.ssid, one.on_disk) for one in scene.ours) == [
                (CAFE.ssid, False),
                (HOME.ssid, True),
            ]

    run(work())


def test_a_failed_stored_join_keeps_what_was_stored_before() -> None:
    async def work() -> None:
        async with on(world()) as scene:
            await scene.network.join(OPEN, keep=True)
            await scene.settle()
            assert await scene.refusal(WRONG, keep=True) is not None
            await scene.settle()
            assert [(one.ssid, one.on_disk) for one in scene.ours] == [(CAFE.ssid, True)]
            assert scene.really() is None

    run(work())


def test_our_profiles_do_not_outrank_the_owners() -> None:
    async def work() -> None:
        async with on(world()) as scene:
            await scene.network.join(GOOD, keep=True)
            await scene.settle()
            (ours,) = scene.ours
            assert ours.value("connection", "autoconnect-priority") < 0
            assert ours.value("connection", "autoconnect") is True
            assert "ESP" in ours.name

    run(work())


def test_a_hidden_network_is_joined_by_name_and_left_out_of_no_scan_by_name() -> None:
    async def work() -> None:
        async with on(world(HOME, HIDDEN)) as scene:
            assert HIDDEN.ssid not in {one.ssid for one in await scene.network.scan()}
            failure, seconds = await failure_of(scene, Credentials(HIDDEN.ssid, b"password"))
            assert failure is None
            assert seconds < 9
            assert scene.really() == HIDDEN.ssid
            (ours,) = scene.ours
            assert ours.value("802-11-wireless", "hidden") is True

    run(work())


@pytest.mark.parametrize("encryption", [Encryption.WPA, Encryption.WPA_WPA2, Encryption.WPA2_WPA3])
def test_every_encryption_with_a_password_is_joined(encryption: Encryption) -> None:
    async def work() -> None:
        async with on(world(replace(HOME, encryption=encryption), WPA3)) as scene:
            await scene.network.join(GOOD, keep=False)
            assert scene.really() == HOME.ssid
            point = scene.network.station.access_point
            assert point is not None
            assert point.encryption is encryption
            await scene.network.join(Credentials(WPA3.ssid, WPA3.password), keep=False)
            assert scene.really() == WPA3.ssid
            await scene.settle()
            (ours,) = scene.ours
            assert ours.value("802-11-wireless-security", "key-mgmt") == "sae"

    run(work())


@pytest.mark.parametrize("ssid", [bytes(range(224, 256)), b'a,"b\\c', "küche".encode(), b"\x00"])
def test_an_ssid_is_bytes(ssid: bytes) -> None:
    async def work() -> None:
        key = "0123456789abcdef" * 4
        async with on(world(FakeAccessPoint(ssid, key.encode()))) as scene:
            await scene.network.join(Credentials(ssid, key.encode()), keep=True)
            assert scene.really() == scene.ssid() == ssid
            await scene.settle()
            (ours,) = scene.ours
            assert ours.name.isprintable()

    run(work())


def test_a_pinned_access_point_is_the_one_that_is_joined() -> None:
    async def work() -> None:
        near = replace(HOME, bssid="02:00:00:00:00:01", strength=99)
        far = replace(HOME, bssid="02:00:00:00:00:02", strength=20)
        async with on(world(near, far)) as scene:
            await scene.network.join(replace(GOOD, bssid=far.bssid), keep=False)
            point = scene.network.station.access_point
            assert point is not None
            assert point.bssid == far.bssid
            await scene.network.join(GOOD, keep=False)
            point = scene.network.station.access_point
            assert point is not None
            assert point.ssid == HOME.ssid

    run(work())


def test_roaming_shows_and_disturbs_nobody() -> None:
    async def work() -> None:
        near = replace(HOME, bssid="02:00:00:00:00:01", strength=99)
        far = replace(HOME, bssid="02:00:00:00:00:02", strength=20, frequency=2412)
        async with on(world(near)) as scene:
            await scene.network.join(GOOD, keep=False)
            before = scene.network.station
            scene.recorder.clear()
            scene.daemon.air.remove(HOME.ssid)
            scene.daemon.air.add(far)
            await scene.settle()
            after = scene.network.station
            assert after.access_point is not None
            assert after.access_point.bssid == far.bssid
            assert after.access_point.channel == 1
            assert after.address == before.address
            assert scene.recorder.events == []

    run(work())


def test_the_strength_of_the_signal_follows() -> None:
    async def work() -> None:
        async with on(world()) as scene:
            await scene.network.join(GOOD, keep=False)
            scene.daemon.air.add(replace(HOME, strength=50))
            scene.daemon.look()
            await asyncio.sleep(1)
            point = scene.network.station.access_point
            assert point is not None
            assert point.rssi == -70
            assert scene.recorder.events == ["connected"]

    run(work())


def test_a_join_goes_on_though_modes_and_addresses_are_being_set() -> None:
    async def work() -> None:
        async with on(world()) as scene:
            await scene.network.join(OPEN, keep=False)
            scene.network.apply(Wanted(dns=("9.9.9.9",)))
            scene.network.apply(Wanted(station_mac="02:12:34:56:78:9a"))
            failure, seconds = await failure_of(scene, GOOD)
            assert failure is None
            assert seconds < 6
            await scene.settle()
            assert scene.really() == HOME.ssid
            assert scene.network.station.mac == "02:12:34:56:78:9a"
            assert scene.daemon.devices["wlan0"].mac == "02:12:34:56:78:9A"

    run(work())


def test_the_last_of_two_joins_wins() -> None:
    async def work() -> None:
        async with on(world()) as scene:
            first = asyncio.ensure_future(scene.refusal(GOOD))
            await asyncio.sleep(1)
            await scene.network.join(OPEN, keep=False)
            refused = await first
            assert refused is not None
            assert refused.failure is JoinFailure.OTHER
            await scene.settle()
            assert scene.really() == CAFE.ssid
            assert [one.ssid for one in scene.ours] == [CAFE.ssid]

    run(work())


@pytest.mark.parametrize("seconds", [0.001, 1.0, 3.001, 3.003, 3.005, 3.02, 3.07, 4.0, 4.8, 5.0])
def test_a_join_may_be_cancelled_at_any_time(seconds: float) -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            joining = asyncio.ensure_future(scene.network.join(GOOD, keep=False))
            await asyncio.sleep(seconds)
            joining.cancel()
            await asyncio.gather(joining, return_exceptions=True)
            assert scene.ssid() is None
            await scene.settle()
            assert scene.really() is None
            assert scene.ours == []
            await scene.network.join(GOOD, keep=False)
            assert scene.really() == HOME.ssid

    run(work())


def test_a_reset_during_a_join_ends_it() -> None:
    async def work() -> None:
        async with on(world()) as scene:
            joining = asyncio.ensure_future(scene.refusal(GOOD))
            await asyncio.sleep(1)
            scene.network.end()
            after = Recorder()
            scene.network.begin(after, Wanted(), None)
            assert await joining is not None
            await scene.settle()
            assert scene.really() is None
            assert scene.ours == []
            assert [one for one in after.events if "ethernet" not in one] == []

    run(work())


def test_no_password_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with on(world(HOME, NO_DHCP, owner=True)) as scene:
            for credentials in (GOOD, WRONG, NOWHERE, Credentials(NO_DHCP.ssid, b"password")):
                await scene.refusal(credentials, keep=True)
                await scene.settle()
            for name in ("add_profile", "activate", "update_profile", "delete_profile"):
                scene.manager.fail_next(name)
                await scene.refusal(GOOD)
            scene.network.begin(scene.recorder, Wanted(), WRONG)
            await scene.settle()

    with caplog.at_level("DEBUG"):
        run(work())
    assert caplog.records
    logged = "\n".join(f"{one.getMessage()} {one.args} {one.exc_text}" for one in caplog.records)
    for secret in ("password", "not the one"):
        assert f"'{secret}'" not in logged
        assert f'"{secret}"' not in logged
    assert "not the one" not in logged


@pytest.mark.parametrize("runs", [True, False])
def test_a_join_right_after_the_start_waits_for_the_bus(runs: bool) -> None:
    """A board may ask before it is known whether NetworkManager is there at all."""

    async def work() -> None:
        async with on(world(), started=runs, begun=False) as scene:
            scene.network.begin(scene.recorder, Wanted(), None)
            assert not scene.manager.present
            failure, seconds = await failure_of(scene, GOOD)
            assert failure == (None if runs else JoinFailure.OTHER)
            assert seconds >= BUS_SECONDS
            assert runs or seconds < BUS_SECONDS + 1

    run(work())


def test_that_it_was_seen_again_may_be_told_behind_the_end_of_the_scan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fake_wifi, "BACKGROUND_SCAN", 3600.0)

    async def work() -> None:
        made = world(HOME)
        async with on(made) as scene:
            await asyncio.sleep(60)  # nobody has heard of it for a while
            made.pace = replace(made.pace, telling=0.3)
            assert await scene.refusal(GOOD) is None
            assert scene.ssid() == HOME.ssid

    run(work())
