"""A radio of a made-up NetworkManager: scans, stations and SoftAPs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from gateway.services.network.manager import NO_OBJECT, DeviceState
from tests.services.fake_air import FakeAccessPoint, Lease, lease
from tests.services.fake_device import FakeDevice
from tests.services.fake_profiles import SECURITY, WIRELESS, FakeProfile
from tests.services.fake_states import ACCESS_POINT, WIRELESS_DEVICE, FakeActive, Reason
from tests.services.fake_world import World

# NetworkManager looks around by itself while it is not connected.
BACKGROUND_SCAN = 20.0


class FakeWifi(FakeDevice):
    """A radio. It knows what its last scan saw; a hidden network shows its name when asked."""

    kind = WIRELESS
    type_number = 2

    def __init__(self, world: World, interface: str, mac: str) -> None:
        self._seen: dict[str, FakeAccessPoint] = {}
        self._named: set[bytes] = set()
        self._joined: FakeAccessPoint | None = None
        self._made_up: str | None = None
        self._scanning_mac: str | None = None
        self._background: set[asyncio.Task[None]] = set()
        super().__init__(world, interface, mac)

    def own_properties(self) -> dict[str, dict[str, Any]]:
        """Its Device.Wireless interface."""
        wireless = {
            "HwAddress": self.permanent_mac,
            "PermHwAddress": self.permanent_mac,
            "Mode": 2,
            "AccessPoints": [],
            "ActiveAccessPoint": NO_OBJECT,
            "LastScan": -1,
        }
        return {WIRELESS_DEVICE: wireless}

    def available(self, profile: FakeProfile) -> bool:
        """By itself it takes a profile whose access point its last scan saw."""
        if not super().available(profile):
            return False
        return profile.opens_access_point or self._known(profile) is not None

    def set_mac(self, mac: str) -> None:
        """Another MAC, in both places."""
        super().set_mac(mac)
        self.world.objects.set(self.path, WIRELESS_DEVICE, HwAddress=mac)

    def scan_as(self, mac: str) -> None:
        """Have a made-up MAC whenever it is not connected: wifi.scan-rand-mac-address."""
        self._scanning_mac = mac
        if self.state <= DeviceState.DISCONNECTED:
            self.set_mac(mac)

    def appear(self) -> None:
        """It works after a while, and looks around."""
        self._in_background(self._look_around())
        self.start(self._appear())

    async def _appear(self) -> None:
        await asyncio.sleep(self.world.pace.boot)
        await self.go(DeviceState.DISCONNECTED, Reason.SUPPLICANT_AVAILABLE)
        self.scan(None)

    async def _look_around(self) -> None:
        while True:
            await asyncio.sleep(BACKGROUND_SCAN)
            if self.state == DeviceState.DISCONNECTED:
                await self._scan(None)

    def switch(self, on: bool) -> None:
        """Rfkill: off it is UNAVAILABLE and sees nothing."""
        self.end()
        if on:
            self.appear()
        else:
            self.start(self._switch_off())

    async def _switch_off(self) -> None:
        await self.become_unavailable(Reason.NONE)
        self._show({})

    def scan(self, ssid: bytes | None) -> None:
        """RequestScan."""
        self._in_background(self._scan(ssid))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _scan(self, ssid: bytes | None) -> None:
        await asyncio.sleep(self.world.pace.scan)
        if self.state < DeviceState.DISCONNECTED:
            return
        if ssid:
            self._named.add(ssid)
        if not self.world.pace.telling:
            self.look()
        milliseconds = int(asyncio.get_running_loop().time() * 1000)
        self.world.objects.set(self.path, WIRELESS_DEVICE, LastScan=milliseconds)
        self.poke()
        if self.world.pace.telling:
            await asyncio.sleep(self.world.pace.telling)
            self.look()
            self.poke()

    def look(self) -> None:
        """See what is on the air."""
        air = self.world.air
        before = ((path, air.now(point)) for path, point in self._seen.items())
        seen = {path: point for path, point in before if point is not None}
        if self._joined is not None:
            seen[self._path_of(self._joined)] = air.now(self._joined) or self._joined
        for point in air.points:
            if point not in seen.values():
                seen[self.world.objects.new_path("AccessPoint")] = point
        self._show(seen)

    def _path_of(self, point: FakeAccessPoint) -> str:
        known = (path for path, seen in self._seen.items() if seen.is_same(point))
        return next(known, "") or self.world.objects.new_path("AccessPoint")

    def _show(self, seen: dict[str, FakeAccessPoint]) -> None:
        objects = self.world.objects
        now = asyncio.get_running_loop().time()
        gone = set(self._seen) - set(seen)
        for path, point in seen.items():
            joined = self._joined is not None and point.is_same(self._joined)
            named = not point.hidden or point.ssid in self._named or joined
            properties = point.properties(now, named=named)
            if path in self._seen:
                objects.set(path, ACCESS_POINT, **properties)
            else:
                objects.add(path, {ACCESS_POINT: properties})
        self._seen = seen
        self._list()
        self.list_available()
        for path in gone:
            objects.remove(path)

    def _list(self) -> None:
        paths = [*self._seen, *([self._made_up] if self._made_up else [])]
        self.world.objects.set(self.path, WIRELESS_DEVICE, AccessPoints=paths)

    def _known(self, profile: FakeProfile) -> str | None:
        fitting = [
            (point.strength, path)
            for path, point in self._seen.items()
            if point.ssid == profile.ssid
            and profile.bssid in ("", point.mac)
            and (not point.hidden or point.ssid in self._named)
        ]
        return max(fitting)[1] if fitting else None

    def prepare(self, active: FakeActive) -> None:
        """Its access point shows from PREPARE on; one that is not known is made up."""
        mode = 3 if active.profile.opens_access_point else 2
        self.world.objects.set(self.path, WIRELESS_DEVICE, Mode=mode)
        path = active.specific if active.specific in self._seen else self._known(active.profile)
        if path is None:
            path = self._made_up = self.world.objects.new_path("AccessPoint")
            made_up = FakeAccessPoint(active.profile.ssid, strength=0)
            properties = made_up.properties(0, named=True) | {"HwAddress": "", "LastSeen": -1}
            self.world.objects.add(path, {ACCESS_POINT: properties})
            self._list()
        self.world.objects.set(self.path, WIRELESS_DEVICE, ActiveAccessPoint=path)

    async def run(self, active: FakeActive) -> Reason | None:
        """Associate, get an address, stay until the access point is gone for too long."""
        profile = active.profile
        if SECURITY in profile.settings:
            await self.go(DeviceState.NEED_AUTH)
            await self.go(DeviceState.PREPARE)
            await self.go(DeviceState.CONFIG)
        if profile.opens_access_point:
            await asyncio.sleep(self.world.pace.association)
            return await self.address(active, None) or await self._serve()
        reason = await self._associate(profile)
        if reason is None:
            reason = await self.address(active, self.leased())
        return reason or await self._stay(profile)

    async def _serve(self) -> Reason | None:
        await self.world.air.until(lambda: False)
        return None

    async def _associate(self, profile: FakeProfile) -> Reason | None:
        def find() -> FakeAccessPoint | None:
            point = self.world.air.find(profile.ssid, profile.bssid)
            asked = point is not None and (not point.hidden or profile.value(WIRELESS, "hidden"))
            return point if asked else None

        await self.world.air.until(lambda: find() is not None, self.world.pace.search)
        point = find()
        if point is None:
            return Reason.SSID_NOT_FOUND
        await asyncio.sleep(self.world.pace.association)
        if point.password != profile.password:
            pace = self.world.pace
            # With SAE the access point does not answer, which takes NetworkManager its time.
            await asyncio.sleep(pace.search if point.speaks_sae else pace.handshake)
            await self.go(DeviceState.NEED_AUTH, Reason.SUPPLICANT_DISCONNECT)
            await asyncio.sleep(self.world.secret_seconds(profile))
            return Reason.NO_SECRETS
        self._join(point)
        return None

    def _join(self, point: FakeAccessPoint) -> None:
        self._joined = point
        path = self._path_of(point)
        self._show({**self._seen, path: point})
        self.world.objects.set(self.path, WIRELESS_DEVICE, ActiveAccessPoint=path)
        self._forget_made_up()

    def _forget_made_up(self) -> None:
        made_up, self._made_up = self._made_up, None
        if made_up is not None:
            self._list()
            self.world.objects.remove(made_up)

    async def _stay(self, profile: FakeProfile) -> Reason | None:
        air = self.world.air

        def joined() -> bool:
            return air.now(self._joined) is not None

        while True:
            await air.until(lambda: not joined())
            await asyncio.sleep(self.world.pace.association)
            other = self._other(profile)
            if not joined() and other is not None:
                self._join(other)  # roaming: the device's state stays as it is
            elif not await air.until(joined, self.world.pace.link):
                return Reason.SSID_NOT_FOUND

    def _other(self, profile: FakeProfile) -> FakeAccessPoint | None:
        """Another access point that lets it in by the same profile."""
        point = self.world.air.find(profile.ssid, profile.bssid)
        return point if point is not None and point.password == profile.password else None

    def released(self) -> None:
        """No access point any more."""
        self._joined = None
        self.set_mac(self._scanning_mac or self.permanent_mac)
        self.world.objects.set(self.path, WIRELESS_DEVICE, ActiveAccessPoint=NO_OBJECT, Mode=2)
        self._forget_made_up()

    def leased(self) -> Lease | None:
        """By the access point's own DHCP server."""
        point = self.world.air.now(self._joined)
        return lease(point.subnet, self.mac) if point is not None and point.dhcp else None

    def end(self) -> None:
        """End everything, looking around too."""
        super().end()
        for task in list(self._background):
            task.cancel()
