"""A device of a made-up NetworkManager: it comes up and goes down as a real one does.

States, reasons and their order are those that NetworkManager 1.42 and 1.52 showed on D-Bus.
Each state is a turn of the loop of its own, so that whoever follows sees every one of them;
as with the real one the addresses go only after DISCONNECTED was told.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any

from gateway.services.network.manager import NO_OBJECT, DeviceState, Profile
from tests.services.fake_air import Lease
from tests.services.fake_live import FakeLive
from tests.services.fake_profiles import FakeProfile, refusal
from tests.services.fake_states import ACTIVE, DEVICE, FakeActive, Reason
from tests.services.fake_world import World


class FakeDevice(ABC):
    """One device. What is asked of it takes effect in the background, in `pace`."""

    kind: str
    type_number: int

    def __init__(self, world: World, interface: str, mac: str) -> None:
        self.world = world
        self.interface = interface
        self.permanent_mac = mac
        self.active: FakeActive | None = None
        self.path = world.objects.new_path("Devices")
        self.live = FakeLive(world.objects, world.pace, self.leased)
        self._queued: FakeActive | None = None
        self._reason = Reason.NONE
        self._leaving = False
        self._script: asyncio.Task[None] | None = None
        world.objects.add(self.path, {DEVICE: self._properties(), **self.own_properties()})

    def _properties(self) -> dict[str, Any]:
        return {
            "Interface": self.interface,
            "IpInterface": self.interface,
            "DeviceType": self.type_number,
            "HwAddress": self.permanent_mac,
            "State": int(DeviceState.UNAVAILABLE),
            "StateReason": (int(DeviceState.UNAVAILABLE), 0),
            "Autoconnect": True,
            "Managed": True,
            "Real": True,
            "ActiveConnection": NO_OBJECT,
            "Ip4Config": self.ip_path,
            "AvailableConnections": [],
        }

    @property
    def ip_path(self) -> str:
        """The path of its IP4Config."""
        return self.live.path

    @property
    def applied(self) -> Profile:
        """The settings in force."""
        return self.live.applied

    @abstractmethod
    def own_properties(self) -> dict[str, dict[str, Any]]:
        """The interfaces that only this kind of device has."""

    @abstractmethod
    async def run(self, active: FakeActive) -> Reason | None:
        """Bring it up and stay so; why it failed, None if it is down already."""

    def available(self, profile: FakeProfile) -> bool:
        """Whether NetworkManager would take this profile for this device by itself."""
        return profile.fits(self.interface, self.kind)

    def list_available(self) -> None:
        """What it could be activated with may have changed."""
        self.set(AvailableConnections=self.world.available_to(self))

    @property
    def state(self) -> int:
        """Its NMDeviceState."""
        return int(self.world.objects.get(self.path, DEVICE, "State"))

    @property
    def connects_by_itself(self) -> bool:
        """Device.Autoconnect."""
        return bool(self.world.objects.get(self.path, DEVICE, "Autoconnect"))

    @property
    def mac(self) -> str:
        """The MAC that it has now."""
        return str(self.world.objects.get(self.path, DEVICE, "HwAddress"))

    def set(self, **properties: Any) -> None:
        """Change properties of its Device interface."""
        self.world.objects.set(self.path, DEVICE, **properties)

    def activate(self, active: FakeActive) -> None:
        """Bring it up by a profile, taking down what is up first."""
        self._ask(active, Reason.NEW_ACTIVATION)

    def disconnect(self, reason: Reason) -> None:
        """Take it down."""
        self._ask(None, reason)

    def end_activation(self, active: FakeActive, reason: Reason) -> None:
        """Take down what is up by `active`, or what waits to come up by it."""
        if self._queued is active:
            self._queued = None
            self.world.drop(active)
        elif self.active is active:
            self.disconnect(reason)

    def poke(self) -> None:
        """Something may have become possible: see whether it connects by itself."""
        if self.state == DeviceState.DISCONNECTED and not self.busy:
            self.start(self.follow())

    @property
    def busy(self) -> bool:
        """Whether it goes through states, or is up."""
        return self._script is not None and not self._script.done()

    def _ask(self, wanted: FakeActive | None, reason: Reason) -> None:
        if self._queued is not None:
            self.world.drop(self._queued)
        self._queued, self._reason = wanted, reason
        if not self._leaving:
            self.start(self.follow())

    async def follow(self) -> None:
        """Go down if it is up, then up by what was asked, or by itself."""
        if self.active is not None:
            await self._leave(self._reason)
        while (active := self._next()) is not None:
            self._queued = None
            await self._begin(active)
            reason = await self.run(active)
            if reason is not None:
                await self._fail(active, reason)

    def _next(self) -> FakeActive | None:
        if self.state != DeviceState.DISCONNECTED:
            return None
        return self._queued or self.world.next_by_itself(self)

    async def _begin(self, active: FakeActive) -> None:
        self.active = active
        self.live.begin(active.profile)
        self.set(ActiveConnection=active.path)
        self.prepare(active)
        await self.go(DeviceState.PREPARE)
        mac = active.profile.value(self.kind, "assigned-mac-address")
        self.set_mac(mac.upper() if mac else self.permanent_mac)
        await self.go(DeviceState.CONFIG)

    @abstractmethod
    def prepare(self, active: FakeActive) -> None:
        """What shows before PREPARE is told."""

    def set_mac(self, mac: str) -> None:
        """Another MAC."""
        self.set(HwAddress=mac)

    async def go(self, state: DeviceState, reason: Reason = Reason.NONE) -> None:
        """Change to a state: the mirror first, then StateChanged, which is a message of its own."""
        old = self.state
        self.set(State=int(state), StateReason=(int(state), int(reason)))
        for _ in range(3):
            await asyncio.sleep(0)
        self.world.objects.tell_state(self.path, int(state), old, int(reason))
        await asyncio.sleep(self.world.pace.step)

    async def address(self, active: FakeActive, leased: Lease | None) -> Reason | None:
        """From IP_CONFIG to ACTIVATED; why not, if there is no address."""
        await self.go(DeviceState.IP_CONFIG)
        method = active.profile.value("ipv4", "method", "auto")
        if method == "auto":
            limit = active.profile.value("ipv4", "dhcp-timeout", 0) or 45
            await asyncio.sleep(self.world.pace.dhcp if leased else limit)
        if not self.live.address(leased):
            return Reason.IP_CONFIG_UNAVAILABLE
        await self.go(DeviceState.IP_CHECK)
        await self.go(DeviceState.SECONDARIES)
        await self.go(DeviceState.ACTIVATED)
        self.world.objects.set(active.path, ACTIVE, State=2, Ip4Config=self.ip_path)
        return None

    async def _fail(self, active: FakeActive, reason: Reason) -> None:
        self.world.went_wrong(active.profile, reason)
        await self.go(DeviceState.FAILED, reason)
        self._let_go()
        await self.go(DeviceState.DISCONNECTED)
        self.live.clear()

    async def _leave(self, reason: Reason) -> None:
        self._leaving = True
        if self.active is not None and reason == Reason.USER_REQUESTED:
            self.world.ended_by_user(self.active.profile)
        if self.active is not None:
            self.world.objects.set(self.active.path, ACTIVE, State=3)
        try:
            await self.go(DeviceState.DEACTIVATING, reason)
            await asyncio.sleep(self.world.pace.leaving)
            self._let_go()
            await self.go(DeviceState.DISCONNECTED, reason)
            self.live.clear()
        finally:
            self._leaving = False

    async def become_unavailable(self, reason: Reason) -> None:
        """What it is connected by is gone, without DEACTIVATING."""
        self._let_go()
        await self.go(DeviceState.UNAVAILABLE, reason)
        self.live.clear()

    def _let_go(self) -> None:
        self.live.stop()
        self.set(ActiveConnection=NO_OBJECT)
        self.set_mac(self.permanent_mac)
        self.released()
        if self.active is not None:
            self.world.drop(self.active)
            self.active = None

    @abstractmethod
    def released(self) -> None:
        """The link is gone."""

    def reapply(self, profile: Profile, version: int) -> None:
        """Device.Reapply: addresses and the like of a live connection."""
        # While it still asks for an address as well, seen with 1.42.
        applies = DeviceState.IP_CONFIG <= self.state <= DeviceState.ACTIVATED
        if self.active is None or not applies:
            raise refusal("Device.NotActive", "the device is not activated")
        # Without settings those of the profile itself are meant.
        self.live.reapply(profile or self.active.profile.shown(), version)

    @abstractmethod
    def leased(self) -> Lease | None:
        """What a DHCP server would give now."""

    def start(self, script: Coroutine[Any, Any, None]) -> None:
        """Do something else from now on."""
        self.stop()
        self._script = asyncio.get_running_loop().create_task(script)
        self._script.add_done_callback(_raise)

    @abstractmethod
    def appear(self) -> None:
        """NetworkManager begins with it."""

    def manage(self, managed: bool) -> None:
        """Device.Managed."""
        if managed == self.world.objects.get(self.path, DEVICE, "Managed"):
            return
        self.set(Managed=managed)
        if managed:
            self.set(State=int(DeviceState.UNAVAILABLE))
            self.appear()
        else:
            self.end()
            self.start(self._be_unmanaged())

    def ignore(self) -> None:
        """NetworkManager leaves it alone from the beginning: `managed=0`."""
        self.set(Managed=False, State=int(DeviceState.UNMANAGED))

    async def _be_unmanaged(self) -> None:
        self._let_go()
        await self.go(DeviceState.UNMANAGED, Reason.NOW_UNMANAGED)

    async def vanish(self) -> None:
        """It is pulled out of the machine; its objects go."""
        self.end()
        self._let_go()
        await self.go(DeviceState.UNMANAGED, Reason.NOW_UNMANAGED)
        self.world.objects.remove(self.path)
        self.world.objects.remove(self.ip_path)

    def end(self) -> None:
        """End everything, for good."""
        self.stop()

    def stop(self) -> None:
        """End what is under way."""
        self.live.stop()
        if self._script is not None:
            self._script.cancel()


def _raise(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.result()
