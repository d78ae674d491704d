"""NetworkManager or its bus is not there, goes and comes back; what it may not, and secrets."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import sdbus

from gateway.services.network import bus_binding, networkmanager
from gateway.services.network.bus_calls import BUS_LOST
from gateway.services.network.bus_values import NEEDED
from gateway.services.network.manager import ManagerError
from gateway.services.network.networkmanager import NetworkManagerBus
from tests.services.fake_network_manager import (
    NEVER,
    NM,
    PROFILE,
    FakeNetworkManager,
    Refusal,
)
from tests.services.following import (
    POINT,
    point,
    soon,
    started,
    together,
)
from tests.services.private_bus import address_in, bus_daemon

pytestmark = pytest.mark.usefixtures("system_bus")


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """What is in the log from INFO on."""
    return [
        (record.levelno, record.getMessage())
        for record in caplog.records
        if record.name == "gateway.network" and record.levelno >= logging.INFO
    ]


NOT_RUNNING = (
    "NetworkManager is not running; start it with `systemctl start NetworkManager`, "
    "the network follows by itself"
)


def test_it_goes_and_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def run() -> None:
        fake = FakeNetworkManager({"GetPermissions": (dict.fromkeys(NEEDED, "yes"),)})
        async with together(fake) as (manager, ear):
            fake.answers["Delete"] = NEVER
            fake.before["Delete"] = fake.vanish
            with pytest.raises(ManagerError, match=r"is not running"):
                await manager.delete_profile(PROFILE)
            await ear.until(lambda: not manager.present)
            assert manager.objects == {}
            with pytest.raises(ManagerError, match=r"is not running"):
                await manager.permissions()
            await fake.appear()
            await ear.until(lambda: manager.present)
            fake.added(POINT, point())
            await ear.until(lambda: POINT in manager.objects)

    asyncio.run(run())
    there = (logging.INFO, "NetworkManager 1.52.1 is there")
    assert lines(caplog) == [there, (logging.WARNING, NOT_RUNNING), there]


def test_what_is_not_allowed_is_named_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        allowed = dict.fromkeys(NEEDED, "yes")
        allowed[f"{NM}.network-control"] = "auth"
        del allowed[f"{NM}.wifi.share.open"]
        fake = FakeNetworkManager({"GetPermissions": (allowed,)})
        asked = asyncio.Event()
        fake.before["GetPermissions"] = asked.set
        async with together(fake) as (manager, _):
            await soon(asked)
            await manager.permissions()  # answered behind the one that is logged

    asyncio.run(run())
    ((level, line),) = lines(caplog)
    assert level == logging.WARNING
    assert f": {NM}.network-control, {NM}.wifi.share.open; install the polkit rule" in line


def test_it_is_asked_for_secrets_and_has_none(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def error_of(asking: Coroutine[Any, Any, None]) -> str:
        with pytest.raises(sdbus.SdBusBaseError) as caught:
            await asking
        error = caught.value
        name = getattr(error, "dbus_error_name", None) or error.args[0]
        return str(name).removeprefix(f"{NM}.SecretAgent.")

    async def run() -> None:
        fake = FakeNetworkManager()
        registered = asyncio.Event()
        fake.before["RegisterWithCapabilities"] = registered.set

        def asked(connection: dict[str, Any]) -> Coroutine[Any, Any, None]:
            rest = (PROFILE, "802-11-wireless-security", ["psk"], 5)
            return fake.ask_agent("GetSecrets", "a{sa{sv}}osasu", connection, *rest)

        async with together(fake):
            await soon(registered)
            security = {"802-11-wireless-security": {"psk": ("s", "top secret")}}
            ours = {"connection": {"uuid": ("s", "ours")}, **security}
            theirs = {"connection": {"uuid": ("s", "theirs")}, **security}
            assert await error_of(asked(ours)) == "UserCanceled"
            assert await error_of(asked(theirs)) == "NoSecrets"
            assert await error_of(asked(security)) == "NoSecrets"
            assert await error_of(asked({"connection": {"uuid": ("ay", b"ours")}})) == "NoSecrets"
            await fake.ask_agent("SaveSecrets", "a{sa{sv}}o", ours, PROFILE)
            await fake.ask_agent("DeleteSecrets", "a{sa{sv}}o", ours, PROFILE)
            await fake.ask_agent("CancelGetSecrets", "os", PROFILE, "connection")

    asyncio.run(run())
    assert "top secret" not in caplog.text


def test_without_a_secret_agent_it_goes_on() -> None:
    async def run() -> None:
        refused = Refusal(f"{NM}.AgentManager.PermissionDenied")
        fake = FakeNetworkManager({"RegisterWithCapabilities": refused, "GetPermissions": refused})
        registered = asyncio.Event()
        fake.before["RegisterWithCapabilities"] = registered.set
        async with together(fake) as (manager, ear):
            await soon(registered)
            fake.added(POINT, point())
            await ear.until(lambda: POINT in manager.objects)

    asyncio.run(run())


def test_it_is_not_there_from_the_beginning(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with started() as (manager, ear):
            with pytest.raises(ManagerError, match="has not been found yet"):
                await manager.permissions()
            await ear.until(lambda: manager.missing)
            with pytest.raises(ManagerError, match="is not running"):
                await manager.permissions()
            assert not manager.present

    asyncio.run(run())
    assert lines(caplog) == [(logging.WARNING, NOT_RUNNING)]


def test_without_the_binding_it_says_what_to_install(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, bus_binding.PACKAGE, None)
    monkeypatch.setattr(networkmanager, "interfaces", bus_binding.interfaces.__wrapped__)

    async def run() -> None:
        manager = NetworkManagerBus()
        await manager.start()
        (search,) = asyncio.all_tasks() - {asyncio.current_task()}
        await search  # it is given up
        with pytest.raises(ManagerError, match="python3-sdbus-networkmanager"):
            await manager.permissions()
        await manager.close()

    asyncio.run(run())
    ((level, line),) = lines(caplog)
    assert level == logging.ERROR
    assert "install the Debian packages python3-sdbus and python3-sdbus-networkmanager" in line


def test_the_bus_itself_dies_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address_in(tmp_path))

    async def run() -> None:
        fake = FakeNetworkManager()
        with bus_daemon(tmp_path) as daemon:
            async with together(fake) as (manager, ear):
                fake.answers["Delete"] = NEVER
                fake.before["Delete"] = daemon.kill
                with pytest.raises(ManagerError, match="connection to D-Bus is lost"):
                    await manager.delete_profile(PROFILE)
                await ear.until(lambda: not manager.present)
                fake.vanish()
                with bus_daemon(tmp_path):
                    await fake.appear()
                    await ear.until(lambda: manager.present)
                    assert await manager.permissions() == {}

    asyncio.run(run())
    texts = [text for _, text in lines(caplog)]
    assert sum(BUS_LOST in text for text in texts) == 1
    assert sum("cannot be reached" in text for text in texts) <= 1


def test_closing_in_the_midst_of_everything_leaves_nothing() -> None:
    async def run() -> None:
        fake = FakeNetworkManager({"Delete": NEVER})
        asked = asyncio.Event()
        fake.before["Delete"] = asked.set
        async with together(fake) as (manager, _):
            deleting = asyncio.create_task(manager.delete_profile(PROFILE))
            await soon(asked)
            await manager.close()
            with pytest.raises(ManagerError):
                await deleting
        manager = NetworkManagerBus()
        await manager.start()
        await manager.close()
        await manager.close()

    asyncio.run(run())
