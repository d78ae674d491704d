"""The NetworkManager in memory does what the real one was seen doing."""

from __future__ import annotations

import asyncio

import pytest

from gateway.services.network import view
from gateway.services.network.manager import DeviceState, Manager, ManagerError, Profile
from tests.fake_time import run
from tests.services.fake_air import FakeAccessPoint
from tests.services.fake_daemon import FakeDaemon
from tests.services.fake_manager import FakeManager
from tests.services.fake_states import Reason

HOME = FakeAccessPoint(b"home", b"password")
ORDER = [40, 50, 60, 40, 50, 70, 80, 90, 100]


class Follower:
    """A ManagerListener that keeps the steps of wlan0, and what the mirror showed then."""

    def __init__(self, manager: FakeManager) -> None:
        self.manager = manager
        self.steps: list[tuple[int, int]] = []
        self.shown: list[int] = []

    def manager_changed(self) -> None:
        """Something changed."""

    def device_state_changed(self, device: str, new: int, old: int, reason: int) -> None:
        """A device took a step."""
        if device == view.device(self.manager.objects, "wlan0"):
            self.steps.append((new, reason))
            self.shown.append(view.device_state(self.manager.objects, device))


def profile(uuid: str, ssid: bytes, password: str = "", *, autoconnect: bool = False) -> Profile:
    settings: dict[str, dict[str, tuple[str, object]]] = {
        "connection": {
            "id": ("s", f"profile {uuid}"),
            "uuid": ("s", f"00000000-0000-4000-8000-{int(uuid):012d}"),
            "type": ("s", "802-11-wireless"),
            "autoconnect": ("b", autoconnect),
        },
        "802-11-wireless": {"ssid": ("ay", ssid)},
        "ipv4": {"method": ("s", "auto"), "dhcp-timeout": ("i", 5)},
    }
    if password:
        settings["802-11-wireless-security"] = {
            "key-mgmt": ("s", "wpa-psk"),
            "psk": ("s", password),
        }
    return settings


async def running(*points: FakeAccessPoint) -> tuple[FakeManager, Follower, str]:
    """A NetworkManager that has found its devices and scanned, and wlan0's path."""
    manager = FakeManager(FakeDaemon())
    for point in points:
        manager.daemon.air.add(point)
    manager.daemon.start()
    follower = Follower(manager)
    manager.listen(follower, lambda uuid: True)
    await manager.start()
    await asyncio.sleep(10)
    follower.steps.clear()
    device = view.device(manager.objects, "wlan0")
    assert device is not None
    return manager, follower, device


async def end(manager: FakeManager) -> None:
    manager.stop()
    await asyncio.sleep(0)


def test_it_is_a_manager() -> None:
    async def work() -> None:
        manager: Manager = FakeManager(FakeDaemon())
        assert not manager.present
        assert manager.objects == {}

    run(work())


def test_a_join_takes_the_steps_of_the_real_one() -> None:
    async def work() -> None:
        manager, follower, device = await running(HOME)
        path = await manager.add_profile(profile("1", b"home", "password"), on_disk=False)
        active = await manager.activate(path, device)
        assert view.active_state(manager.objects, active) == view.ActiveState.ACTIVATING
        await asyncio.sleep(10)
        assert [new for new, _reason in follower.steps] == ORDER
        assert follower.shown[-len(ORDER) :] == ORDER
        assert view.active_state(manager.objects, active) == view.ActiveState.ACTIVATED
        address = view.address(manager.objects, device)
        assert address is not None
        assert address.gateway == "192.168.77.1"
        assert view.name_servers(manager.objects, device) == ("192.168.77.1",)
        await manager.delete_profile(path)
        await asyncio.sleep(1)
        assert follower.steps[-2:] == [(110, 38), (30, 38)]
        assert view.address(manager.objects, device) is None
        assert view.active_connection(manager.objects, device) is None
        await end(manager)

    run(work())


@pytest.mark.parametrize(
    ("point", "password", "expected"),
    [
        (HOME, "another one", [(60, Reason.SUPPLICANT_DISCONNECT), (120, Reason.NO_SECRETS)]),
        (None, "password", [(50, 0), (120, Reason.SSID_NOT_FOUND)]),
        (
            FakeAccessPoint(b"home", b"password", dhcp=False),
            "password",
            [(70, 0), (120, Reason.IP_CONFIG_UNAVAILABLE)],
        ),
    ],
)
def test_a_failure_has_its_reason(
    point: FakeAccessPoint | None, password: str, expected: list[tuple[int, int]]
) -> None:
    async def work() -> None:
        manager, follower, device = await running(*([point] if point else []))
        path = await manager.add_profile(profile("1", b"home", password), on_disk=False)
        await manager.activate(path, device)
        await asyncio.sleep(40)
        assert follower.steps[-3:] == [*expected, (30, 0)]
        assert manager.daemon.dialogues == []
        await end(manager)

    run(work())


def test_an_activation_takes_the_place_of_another() -> None:
    async def work() -> None:
        manager, follower, device = await running(HOME, FakeAccessPoint(b"cafe"))
        first = await manager.add_profile(profile("1", b"home", "password"), on_disk=False)
        second = await manager.add_profile(profile("2", b"cafe"), on_disk=True)
        await manager.activate(first, device)
        await asyncio.sleep(10)
        follower.steps.clear()
        active = await manager.activate(second, device)
        assert view.active_connection(manager.objects, device) != active
        await asyncio.sleep(10)
        assert follower.steps[:3] == [(110, 60), (30, 60), (40, 0)]
        assert view.active_connection(manager.objects, device) == active
        await end(manager)

    run(work())


def test_a_lost_access_point_ends_it_after_a_while() -> None:
    async def work() -> None:
        manager, follower, device = await running(HOME)
        path = await manager.add_profile(profile("1", b"home", "password"), on_disk=False)
        await manager.activate(path, device)
        await asyncio.sleep(10)
        manager.daemon.air.remove(b"home")
        await asyncio.sleep(10)
        assert view.device_state(manager.objects, device) == DeviceState.ACTIVATED
        await asyncio.sleep(10)
        assert follower.steps[-2:] == [(120, Reason.SSID_NOT_FOUND), (30, 0)]
        await end(manager)

    run(work())


def test_it_connects_by_itself_unless_it_was_told_not_to() -> None:
    async def work() -> None:
        manager, _follower, device = await running(HOME)
        manager.daemon.owner_adds(profile("1", b"home", "password", autoconnect=True))
        await asyncio.sleep(10)
        owners = view.active_connection(manager.objects, device)
        assert owners is not None
        await manager.set_autoconnect(device, False)
        assert view.active_connection(manager.objects, device) == owners
        other = await manager.add_profile(profile("2", b"home", "password"), on_disk=False)
        await manager.activate(other, device)
        await asyncio.sleep(10)
        await manager.delete_profile(other)
        await asyncio.sleep(60)
        assert view.active_connection(manager.objects, device) is None
        await manager.set_autoconnect(device, True)
        await asyncio.sleep(10)
        assert view.active_connection(manager.objects, device) is not None
        await manager.disconnect(device)
        await manager.set_autoconnect(device, True)
        await asyncio.sleep(60)
        assert view.active_connection(manager.objects, device) is None
        await end(manager)

    run(work())


def test_secrets_are_told_apart_and_reapply_is_particular() -> None:
    async def work() -> None:
        manager, _follower, device = await running(HOME)
        path = await manager.add_profile(profile("1", b"home", "password"), on_disk=True)
        shown = await manager.profile_settings(path)
        assert "psk" not in shown["802-11-wireless-security"]
        secrets = await manager.profile_secrets(path, "802-11-wireless-security")
        assert secrets == {"802-11-wireless-security": {"psk": "password"}}
        await manager.activate(path, device)
        await asyncio.sleep(10)
        applied, version = await manager.applied(device)
        fixed = {"address": ("s", "10.9.8.7"), "prefix": ("u", 24)}
        changed = {
            **applied,
            "ipv4": {"method": ("s", "manual"), "address-data": ("aa{sv}", [fixed])},
        }
        with pytest.raises(ManagerError):
            await manager.reapply(device, changed, version + 1)
        with pytest.raises(ManagerError):
            await manager.reapply(device, {**changed, "802-11-wireless": {}}, version)
        ipv4 = {"addresses": applied["ipv4"]["addresses"], **changed["ipv4"]}
        await manager.reapply(device, {**applied, "ipv4": ipv4}, version)
        await asyncio.sleep(2)
        assert view.address(manager.objects, device) is None  # the old form is the one that counts
        await manager.reapply(device, changed, 0)
        await asyncio.sleep(2)
        address = view.address(manager.objects, device)
        assert address is not None
        assert (address.ip, address.gateway) == ("10.9.8.7", "0.0.0.0")
        await end(manager)

    run(work())


def test_what_is_wrong_is_refused() -> None:
    async def work() -> None:
        manager, _follower, device = await running(HOME)
        for wrong in (
            profile("1", b"home", "short"),
            profile("1", b""),
            {**profile("1", b"home"), "802-11-wireless": {"ssid": ("ay", "home")}},
        ):
            with pytest.raises(ManagerError):
                await manager.add_profile(wrong, on_disk=False)
        for call in (
            manager.disconnect(device),
            manager.applied(device),
            manager.delete_profile("/nowhere"),
            manager.activate("/nowhere", device),
            manager.set_managed("/nowhere", True),
        ):
            with pytest.raises(ManagerError):
                await call
        await end(manager)
        with pytest.raises(ManagerError):
            await manager.request_scan(device)

    run(work())


def test_calls_fail_and_hang_as_told() -> None:
    async def work() -> None:
        manager, _follower, device = await running(HOME)
        manager.fail_next("request_scan")
        with pytest.raises(ManagerError):
            await manager.request_scan(device)
        await manager.request_scan(device)
        manager.hang_next("permissions")
        before = asyncio.get_running_loop().time()
        with pytest.raises(ManagerError):
            await manager.permissions()
        assert asyncio.get_running_loop().time() - before == pytest.approx(20)
        assert manager.asked("request_scan") == [("request_scan", "wlan0")] * 2
        await end(manager)

    run(work())


def test_rfkill_a_pulled_stick_and_a_restart() -> None:
    async def work() -> None:
        manager, follower, device = await running(HOME)
        manager.daemon.switch_wireless(False)
        await asyncio.sleep(1)
        assert follower.steps == [(20, 0)]
        assert view.access_points(manager.objects, device) == []
        manager.daemon.switch_wireless(True)
        await asyncio.sleep(10)
        assert len(view.access_points(manager.objects, device)) == 1
        manager.daemon.remove_device("wlan0")
        await asyncio.sleep(1)
        assert view.device(manager.objects, "wlan0") is None
        manager.daemon.add_device("wlan0")
        await asyncio.sleep(10)
        assert view.device(manager.objects, "wlan0") is not None
        path = await manager.add_profile(profile("1", b"home"), on_disk=False)
        manager.stop()
        assert (manager.present, manager.objects) == (False, {})
        manager.daemon.start()
        await asyncio.sleep(10)
        assert manager.present
        assert [one.path for one in manager.daemon.profiles] == [path]
        await end(manager)

    run(work())


def test_the_cable() -> None:
    async def work() -> None:
        manager, _follower, _device = await running()
        ethernet = view.device(manager.objects, "eth0")
        assert ethernet is not None
        manager.daemon.owner_adds(
            {
                "connection": {
                    "id": ("s", "wired"),
                    "uuid": ("s", "00000000-0000-4000-8000-000000000009"),
                    "type": ("s", "802-3-ethernet"),
                }
            }
        )
        await asyncio.sleep(5)
        assert view.device_state(manager.objects, ethernet) == DeviceState.ACTIVATED
        manager.daemon.plug(False)
        assert not view.carrier(manager.objects, ethernet)
        assert view.address(manager.objects, ethernet) is not None
        await asyncio.sleep(7)
        assert view.device_state(manager.objects, ethernet) == DeviceState.UNAVAILABLE
        manager.daemon.plug()
        await asyncio.sleep(5)
        assert view.device_state(manager.objects, ethernet) == DeviceState.ACTIVATED
        await end(manager)

    run(work())
