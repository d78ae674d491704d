"""The adapter for NetworkManager on the real one: what it shows, what it does, what it survives."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.services.network.manager import NM, SETTINGS, DeviceState, ManagerError
from gateway.services.network.networkmanager import NetworkManagerBus
from tests.namespaces.world import OWNER, World, reason_not_to_run
from tests.services.following import Ear, started

OURS = "3d1c9e2a-5f0b-4f2c-9a57-0c1de31bb0aa"
THEIRS = "3d1c9e2a-5f0b-4f2c-9a57-0c1de31bb0bb"
DEVICE = f"{NM}.Device"
PROFILE = f"{NM}.Settings.Connection"


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for all that leaves it as it was."""
    if (reason := reason_not_to_run()) is not None:
        pytest.skip(reason)
    with World(tmp_path_factory.mktemp("world")) as made:
        yield made


def profile(uuid: str, address: str = "10.42.7.9") -> dict[str, dict[str, tuple[str, Any]]]:
    """A profile for eth0 with a fixed address."""
    data = [{"address": ("s", address), "prefix": ("u", 24)}]
    return {
        "connection": {
            "id": ("s", f"profile {uuid[-1]}"),
            "uuid": ("s", uuid),
            "type": ("s", "802-3-ethernet"),
            "interface-name": ("s", "eth0"),
        },
        "ipv4": {"method": ("s", "manual"), "address-data": ("aa{sv}", data)},
        "ipv6": {"method": ("s", "disabled")},
        "user": {"data": ("a{ss}", {"io.example.mark": "ours"})},
    }


def ethernet(manager: NetworkManagerBus) -> str:
    """The path of eth0's device."""
    return next(
        path
        for path, interfaces in manager.objects.items()
        if interfaces.get(DEVICE, {}).get("Interface") == "eth0"
    )


def address(manager: NetworkManagerBus) -> str | None:
    """eth0's address, as the mirror has it."""
    device = manager.objects[ethernet(manager)][DEVICE]
    shown = manager.objects.get(device["Ip4Config"], {}).get(f"{NM}.IP4Config", {})
    addresses = shown.get("AddressData", [])
    return addresses[0]["address"] if addresses else None


async def connected(manager: NetworkManagerBus, ear: Ear, at: str) -> None:
    """Wait until eth0 is up with that address."""
    await ear.until(
        lambda: (
            manager.present
            and manager.objects[ethernet(manager)][DEVICE]["State"] == DeviceState.ACTIVATED
            and address(manager) == at
        )
    )


def test_what_was_asked_shows_as_soon_as_it_is_answered(
    lasting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", lasting.bus_address)
    leased = lasting.address()

    async def run() -> None:
        async with started() as (manager, ear):
            await connected(manager, ear, leased)
            device = ethernet(manager)
            owners = manager.objects[device][DEVICE]["ActiveConnection"]
            assert manager.objects[owners][f"{NM}.Connection.Active"]["Id"] == OWNER
            assert set((await manager.permissions()).values()) == {"yes"}

            path = await manager.add_profile(profile(OURS), on_disk=False)
            assert manager.objects[path][PROFILE]["Unsaved"] is True
            settings = await manager.profile_settings(path)
            assert settings["user"] == {"data": {"io.example.mark": "ours"}}
            assert settings["ipv4"]["address-data"] == [{"address": "10.42.7.9", "prefix": 24}]

            ear.states.clear()
            active = await manager.activate(path, device)
            assert active in manager.objects
            await connected(manager, ear, "10.42.7.9")
            # The property may be told ahead of the step.
            await ear.until(lambda: ear.states[-1][1] == DeviceState.ACTIVATED)
            assert all(new == shown for _, new, _, _, shown in ear.states)

            in_force, version = await manager.applied(device)
            changed = {name: dict(keys) for name, keys in in_force.items()}
            del changed["ipv4"]["addresses"]
            changed["ipv4"]["address-data"] = profile(OURS, "10.42.7.8")["ipv4"]["address-data"]
            await manager.reapply(device, changed, version)
            await connected(manager, ear, "10.42.7.8")
            assert manager.objects[device][DEVICE]["ActiveConnection"] == active

            await manager.update_profile(path, profile(OURS), on_disk=True)
            assert manager.objects[path][PROFILE]["Unsaved"] is False
            await manager.set_autoconnect(device, False)
            assert manager.objects[device][DEVICE]["Autoconnect"] is False
            await manager.disconnect(device)
            await ear.until(lambda: active not in manager.objects)
            await manager.delete_profile(path)
            assert path not in manager.objects
            await manager.set_autoconnect(device, True)
            await connected(manager, ear, leased)

            await manager.set_managed(device, False)
            await ear.until(lambda: ear.states[-1][1] == DeviceState.UNMANAGED)
            assert manager.objects[device][DEVICE]["Managed"] is False
            await manager.set_managed(device, True)
            await connected(manager, ear, leased)

    asyncio.run(run())


def test_what_is_refused_is_one_sentence(lasting: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", lasting.bus_address)

    async def run() -> None:
        async with started() as (manager, ear):
            await ear.until(lambda: manager.present)
            unknown = {"ipv4": {"method": ("s", "auto"), "no-such-key": ("s", "")}}
            for wrong, reason in (
                ({"connection": {"id": ("s", "x")}}, r"connection\.type: property is missing$"),
                ({**profile(OURS), **unknown}, r"no-such-key: unknown property$"),
            ):
                with pytest.raises(ManagerError, match=reason):
                    await manager.add_profile(wrong, on_disk=False)
            with pytest.raises(ManagerError, match=r"did not delete the profile: .*not exist"):
                await manager.delete_profile(f"{SETTINGS}/4711")
            with pytest.raises(ManagerError, match="did not scan: "):
                await manager.request_scan(ethernet(manager), b"hidden")

    asyncio.run(run())


def test_it_is_asked_for_secrets_and_ends_the_question_for_our_profiles(
    lasting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The errors of AgentManager tell what our agent has answered."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", lasting.bus_address)
    # Flag 1: an agent has the password.
    password = {"identity": ("s", "me"), "password-flags": ("u", 1)}
    asking = {"802-1x": {"eap": ("as", ["md5"]), **password}}

    async def run() -> None:
        asked: list[str] = []

        def keeps(uuid: str) -> bool:
            asked.append(uuid)
            return uuid == OURS

        async with started() as (manager, ear):
            manager.listen(ear, keeps)
            await ear.until(lambda: manager.present)
            for uuid, answer in ((OURS, "UserCanceled"), (THEIRS, "NoSecrets")):
                path = await manager.add_profile({**profile(uuid), **asking}, on_disk=False)
                with pytest.raises(ManagerError) as caught:
                    await manager.profile_secrets(path, "802-1x")
                assert caught.value.name == f"{NM}.AgentManager.{answer}"
                await manager.delete_profile(path)
            assert asked == [OURS, THEIRS]

    asyncio.run(run())


def test_network_manager_and_the_bus_go_and_come_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", world.bus_address)
    leased = world.address()

    async def run() -> None:
        async with started() as (manager, ear):
            await connected(manager, ear, leased)
            for stop in (world.stop_network_manager, world.kill_bus):
                await asyncio.to_thread(stop)
                await ear.until(lambda: not manager.present)
                with pytest.raises(ManagerError):
                    await manager.permissions()
                if stop == world.kill_bus:
                    await asyncio.to_thread(world.start_bus)
                await asyncio.to_thread(world.start_network_manager)
                await connected(manager, ear, leased)
                assert await manager.permissions()

    asyncio.run(run())
