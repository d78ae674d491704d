"""Calls to NetworkManager: what they say, what they give, and how they are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway.services.network.manager import Manager, ManagerError
from tests.services.fake_network_manager import (
    DEVICE,
    NEVER,
    NM,
    PROFILE,
    FakeNetworkManager,
    Refusal,
)
from tests.services.following import (
    soon,
    together,
)

pytestmark = pytest.mark.usefixtures("system_bus")


Call = Callable[[Manager], Coroutine[Any, Any, Any]]

SETTING = {"connection": {"uuid": ("s", "u"), "wrapped": ("aa{sv}", [{"a": ("u", 1)}])}}
CALLS: dict[str, tuple[Call, tuple[Any, ...], tuple[Any, ...], Any]] = {
    # the method: what calls it, the arguments it is given, what it answers, what is given
    "AddConnection2": (
        lambda it: it.add_profile(SETTING, on_disk=False),
        (SETTING, 0x22, {}),
        (PROFILE, {}),
        PROFILE,
    ),
    "Update2": (
        lambda it: it.update_profile(PROFILE, SETTING, on_disk=True),
        (SETTING, 0x21, {}),
        ({},),
        None,
    ),
    "Delete": (lambda it: it.delete_profile(PROFILE), (), (), None),
    "GetSettings": (
        lambda it: it.profile_settings(PROFILE),
        (),
        (SETTING,),
        {"connection": {"uuid": "u", "wrapped": [{"a": 1}]}},
    ),
    "GetSecrets": (
        lambda it: it.profile_secrets(PROFILE, "connection"),
        ("connection",),
        ({"connection": {"psk": ("s", "secret")}},),
        {"connection": {"psk": "secret"}},
    ),
    "ActivateConnection": (
        lambda it: it.activate(PROFILE, DEVICE),
        (PROFILE, DEVICE, "/"),
        ("/active",),
        "/active",
    ),
    "Disconnect": (lambda it: it.disconnect(DEVICE), (), (), None),
    "GetAppliedConnection": (lambda it: it.applied(DEVICE), (0,), (SETTING, 7), (SETTING, 7)),
    "Reapply": (lambda it: it.reapply(DEVICE, SETTING, 7), (SETTING, 7, 0), (), None),
    "RequestScan": (
        lambda it: it.request_scan(DEVICE, b"\xffhidden"),
        ({"ssids": ("aay", [b"\xffhidden"])},),
        (),
        None,
    ),
    "GetPermissions": (lambda it: it.permissions(), (), ({"a": "yes"},), {"a": "yes"}),
}


def test_every_call_says_and_gives_what_it_should() -> None:
    async def run() -> None:
        fake = FakeNetworkManager()
        async with together(fake) as (manager, _):
            for method, (call, takes, answer, gives) in CALLS.items():
                fake.answers[method] = answer
                assert await call(manager) == gives
                assert fake.asked[-1] == (method, takes)
            await manager.request_scan(DEVICE)
            assert fake.asked[-1] == ("RequestScan", ({},))
            await manager.set_autoconnect(DEVICE, False)
            assert fake.autoconnect is False
            await manager.set_managed(DEVICE, True)
            assert fake.managed is True

    asyncio.run(run())


def sentence_of(refusal: Refusal, call: Call) -> tuple[str, str]:
    """What a refused call raises: its text and D-Bus's name."""

    async def run() -> ManagerError:
        fake = FakeNetworkManager()
        async with together(fake) as (manager, _):
            fake.answers.update(dict.fromkeys(CALLS, refusal))
            with pytest.raises(ManagerError) as caught:
                await call(manager)
            return caught.value

    error = asyncio.run(run())
    return str(error), error.name


@pytest.mark.parametrize("method", CALLS)
def test_a_refusal_names_the_action_and_what_to_do(method: str) -> None:
    refusal = Refusal(f"{NM}.PermissionDenied", "Not authorized to do it.")
    sentence, name = sentence_of(refusal, CALLS[method][0])
    assert sentence.startswith(f"NetworkManager refuses {NM}.")
    assert sentence.endswith("; install the polkit rule of the package, or run as root")
    assert name == refusal.name


@pytest.mark.parametrize(
    ("name", "message", "expected"),
    [
        (f"{NM}.UnknownConnection", "not\nthere.", "did not delete the profile: not there"),
        ("com.example.Unheard", "", "did not delete the profile: com.example.Unheard"),
        ("org.freedesktop.DBus.Error.UnknownObject", "gone", "did not delete the profile: gone"),
        ("org.freedesktop.DBus.Error.NoReply", "x", "is not running; start it with"),
        ("org.python.Error.KeyError", "psk", "cannot be asked to delete the profile: KeyError"),
        ("org.freedesktop.DBus.Error.AccessDenied", "x", f"refuses {NM}.settings.modify.system"),
        (f"{NM}.PermissionDenied", "to share connections", f"refuses {NM}.wifi.share.protected"),
    ],
)
def test_every_kind_of_error_is_one_sentence(name: str, message: str, expected: str) -> None:
    sentence, _ = sentence_of(Refusal(name, message), CALLS["Delete"][0])
    assert sentence.startswith(f"NetworkManager {expected}")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "call",
    [
        lambda it: it.activate("no path", "/"),
        lambda it: it.add_profile({"a": {"b": ("s", 3)}}, on_disk=False),
        lambda it: it.add_profile({"a": {"b": ("s", "\udcff")}}, on_disk=False),
        lambda it: it.add_profile({"a": {"b": ("s", "x\0y")}}, on_disk=False),
        lambda it: it.add_profile({"a": {"b": ("q", 1 << 16)}}, on_disk=False),
        lambda it: it.add_profile({"a": {"b": ("?", 3)}}, on_disk=False),
        lambda it: it.add_profile({"a": {"b": "not a pair"}}, on_disk=False),
    ],
)
def test_what_cannot_be_sent_is_an_error_that_shows_no_value(call: Call) -> None:
    async def run() -> None:
        fake = FakeNetworkManager({"AddConnection2": (PROFILE, {})})
        async with together(fake) as (manager, _):
            with pytest.raises(ManagerError, match=r"^NetworkManager cannot be asked to "):
                await call(manager)
            assert await manager.permissions() == {}  # the connection is as good as before

    asyncio.run(run())


def test_a_call_that_is_given_up_harms_no_other() -> None:
    async def run() -> None:
        fake = FakeNetworkManager({"Delete": NEVER})
        asked = asyncio.Event()
        fake.before["Delete"] = asked.set
        async with together(fake) as (manager, _):
            deleting = asyncio.create_task(manager.delete_profile(PROFILE))
            await soon(asked)
            deleting.cancel()
            assert await manager.permissions() == {}
            assert deleting.cancelled()

    asyncio.run(run())
