"""What is in force on a device of a made-up NetworkManager: its settings and addresses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from gateway.services.network.manager import Profile
from tests.services.fake_air import Lease
from tests.services.fake_objects import FakeObjects
from tests.services.fake_profiles import (
    NO_ADDRESS,
    FakeProfile,
    addresses,
    refusal,
    without_old_keys,
)
from tests.services.fake_states import IP4_CONFIG, Pace

# What Device.Reapply can change; all else would take another activation.
CHANGEABLE = {"connection", "ipv4", "ipv6", "proxy", "user"}


class FakeLive:
    """The applied connection of one device, and its IP4Config object."""

    def __init__(
        self, objects: FakeObjects, pace: Pace, leased: Callable[[], Lease | None]
    ) -> None:
        self._objects = objects
        self._pace = pace
        self._leased = leased
        self._readdressing: asyncio.Task[None] | None = None
        self.applied: Profile = {}
        self.version = 0
        self.path = objects.new_path("IP4Config")
        objects.add(self.path, {IP4_CONFIG: dict(NO_ADDRESS)})

    def begin(self, profile: FakeProfile) -> None:
        """Another connection comes into force."""
        self.applied, self.version = profile.shown(), 1

    def address(self, leased: Lease | None) -> bool:
        """Show the addresses that this leads to; false if there are none to be had."""
        found = addresses(self.applied, leased)
        if found is not None:
            self._objects.set(self.path, IP4_CONFIG, **found)
        return found is not None

    def clear(self) -> None:
        """No address any more."""
        self._objects.set(self.path, IP4_CONFIG, **NO_ADDRESS)

    def stop(self) -> None:
        """End what is under way."""
        if self._readdressing is not None:
            self._readdressing.cancel()

    def reapply(self, profile: Profile, version: int) -> None:
        """Device.Reapply."""
        if version not in (0, self.version):
            raise refusal("Device.VersionIdMismatch", "another version is in force")
        for setting in {*profile, *self.applied} - CHANGEABLE:
            if profile.get(setting, {}) != self.applied.get(setting, {}):
                message = f"cannot reapply changes to {setting}"
                raise refusal("Device.IncompatibleConnection", message)
        before, self.applied = without_old_keys(self.applied), without_old_keys(profile)
        self.version += 1
        if self.applied["ipv4"] != before["ipv4"]:
            self.stop()
            self._readdressing = asyncio.get_running_loop().create_task(
                self._readdress(before["ipv4"])
            )

    async def _readdress(self, before: Mapping[str, tuple[str, Any]]) -> None:
        # As seen with 1.42: a fixed address goes before DHCP is asked; nothing else leaves
        # a moment without one.
        await asyncio.sleep(self._pace.step)
        if _method(before) == "manual" and _method(self.applied.get("ipv4", {})) == "auto":
            self.clear()
            await asyncio.sleep(self._pace.dhcp)
        self.address(self._leased())


def _method(ipv4: Mapping[str, tuple[str, Any]]) -> str:
    return str(ipv4.get("method", ("s", "auto"))[1])
