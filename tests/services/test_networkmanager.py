"""The mirror of NetworkManager, on a private bus with one that may be wrong."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.services.fake_network_manager import (
    DEVICE,
    NM,
    ROOT,
    FakeNetworkManager,
    one_device,
)
from tests.services.following import (
    POINT,
    POINT_INTERFACE,
    point,
    soon,
    started,
    together,
)

pytestmark = pytest.mark.usefixtures("system_bus")
PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECTS = "org.freedesktop.DBus.ObjectManager"


def test_the_mirror_follows_in_order() -> None:
    async def run() -> None:
        fake = FakeNetworkManager()
        async with together(fake) as (manager, ear):
            assert manager.objects[ROOT][NM] == {"Version": "1.52.1"}
            device = manager.objects[DEVICE][f"{NM}.Device"]
            assert device["Interface"] == "wlan0"
            assert device["StateReason"] == (30, 0)
            before = manager.objects
            fake.added(POINT, point())
            fake.changed(POINT, POINT_INTERFACE, Strength=("y", 70))
            await ear.until(lambda: POINT in manager.objects)
            await ear.until(lambda: manager.objects[POINT][POINT_INTERFACE].get("Strength") == 70)
            assert manager.objects[POINT][POINT_INTERFACE]["Ssid"] == b"\xff\x00caf"
            assert POINT not in before  # what was handed out stays as it was
            fake.removed(POINT, POINT_INTERFACE)
            await ear.until(lambda: POINT not in manager.objects)

    asyncio.run(run())


def test_what_was_signalled_before_the_mirror_was_filled_is_not_applied_twice() -> None:
    """The answer shows it already; what is signalled right behind the answer comes on top."""

    async def run() -> None:
        fake = FakeNetworkManager()

        def overtaken() -> None:
            fake.shown = lambda: None
            fake.added(POINT, point(strength=1))
            fake.state_changed(40, 30, 0)
            fake.changed(DEVICE, f"{NM}.Device", State=("u", 40))
            fake.objects[DEVICE][f"{NM}.Device"]["State"] = ("u", 50)
            asyncio.get_running_loop().call_soon(fake.added, f"{POINT}7", point(strength=2))

        fake.shown = overtaken
        async with together(fake) as (manager, ear):
            assert manager.objects[DEVICE][f"{NM}.Device"]["State"] == 50
            await ear.until(lambda: f"{POINT}7" in manager.objects)
            assert POINT not in manager.objects
            assert ear.states == []

    asyncio.run(run())


def test_every_state_is_told_in_order_and_shown_by_then() -> None:
    async def run() -> None:
        fake = FakeNetworkManager()
        async with together(fake) as (_, ear):
            for new, old, reason in ((40, 30, 0), (50, 40, 0), (60, 50, 8), (120, 60, 7)):
                fake.state_changed(new, old, reason)
            await ear.until(lambda: len(ear.states) == 4)
            assert ear.states == [
                (DEVICE, 40, 30, 0, 40),
                (DEVICE, 50, 40, 0, 50),
                (DEVICE, 60, 50, 8, 60),
                (DEVICE, 120, 60, 7, 120),
            ]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("interface", "member", "signature", "values"),
    [
        (PROPERTIES, "PropertiesChanged", "", ()),
        (PROPERTIES, "PropertiesChanged", "s", ("abc",)),
        (PROPERTIES, "PropertiesChanged", "susu", (f"{NM}.Device", 1, "x", 2)),
        (PROPERTIES, "PropertiesChanged", "sasas", (f"{NM}.Device", ["x"], [])),
        (PROPERTIES, "PropertiesChanged", "sa{su}as", (f"{NM}.Device", {"x": 1}, [])),
        (OBJECTS, "InterfacesAdded", "os", (POINT, "x")),
        (OBJECTS, "InterfacesAdded", "oa{sv}", (POINT, {"x": ("s", "y")})),
        (OBJECTS, "InterfacesAdded", "u", (3,)),
        (OBJECTS, "InterfacesRemoved", "ou", (DEVICE, 3)),
        (PROPERTIES, "PropertiesChanged", "h", (0,)),
        (f"{NM}.Device", "StateChanged", "s", ("abc",)),
        (f"{NM}.Device", "StateChanged", "uuuu", (1, 2, 3, 4)),
    ],
)
def test_a_malformed_signal_is_passed_over(
    interface: str,
    member: str,
    signature: str,
    values: tuple[Any, ...],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> None:
        fake = FakeNetworkManager()
        async with together(fake) as (manager, ear):
            for _ in range(3):
                fake.signal(DEVICE, interface, member, signature, *values)
            fake.added(f"{ROOT}/last", point())
            await ear.until(lambda: f"{ROOT}/last" in manager.objects)
            device = manager.objects[DEVICE][f"{NM}.Device"]
            assert (device["Interface"], device["State"]) == ("wlan0", 30)
            assert ear.states == []

    asyncio.run(run())
    complaints = [it for it in caplog.records if "nobody expects" in it.getMessage()]
    assert len(complaints) <= 1  # of its kind, the first


def test_variants_are_unwrapped_however_deep_they_are() -> None:
    async def run() -> None:
        objects = one_device()
        nested = ("a{sv}", {"deep": ("av", [("(sv)", ("x", ("y", 3)))])})
        odd = f"{ROOT}/Odd"
        objects[odd] = {"some.Odd": {"Nested": nested, "Ssid": ("s", "no bytes")}}
        async with together(FakeNetworkManager(objects=objects)) as (manager, _):
            shown = manager.objects[odd]["some.Odd"]
            assert shown == {"Nested": {"deep": [("x", 3)]}, "Ssid": "no bytes"}

    asyncio.run(run())


def test_it_is_present_once_its_own_object_is() -> None:
    """NetworkManager answers while it starts, before it shows anything."""

    async def run() -> None:
        fake = FakeNetworkManager(objects={f"{ROOT}/Other": {"x.Y": {"Z": ("s", "")}}}, methods=())
        asked = asyncio.Event()
        fake.shown = asked.set
        await fake.appear()
        try:
            async with started() as (manager, ear):
                await soon(asked)
                assert not manager.present
                for path, interfaces in one_device().items():
                    fake.added(path, interfaces)
                await ear.until(lambda: manager.present and DEVICE in manager.objects)
                assert f"{ROOT}/Other" in manager.objects
        finally:
            fake.vanish()

    asyncio.run(run())


def test_a_thousand_access_points() -> None:
    async def run() -> None:
        objects = one_device()
        for number in range(1000):
            objects[f"{ROOT}/AccessPoint/{number}"] = point()
        fake = FakeNetworkManager(objects=objects)
        async with together(fake) as (manager, ear):
            points = [path for path in manager.objects if "/AccessPoint/" in path]
            assert len(points) == 1000
            for path in points:
                fake.removed(path, *manager.objects[path])
            await ear.until(lambda: not any("/AccessPoint/" in it for it in manager.objects))
            assert ear.changes < 500  # crowds are told as one

    asyncio.run(run())
