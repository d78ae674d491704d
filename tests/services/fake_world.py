"""What a device of a made-up NetworkManager needs of the rest of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tests.services.fake_air import FakeAir
from tests.services.fake_objects import FakeObjects
from tests.services.fake_profiles import FakeProfile
from tests.services.fake_states import FakeActive, Pace, Reason

if TYPE_CHECKING:
    from tests.services.fake_device import FakeDevice


class World(Protocol):
    """What a device needs of the rest of NetworkManager."""

    objects: FakeObjects
    air: FakeAir
    pace: Pace

    def next_by_itself(self, device: FakeDevice) -> FakeActive | None:
        """The profile that NetworkManager connects the device with by itself."""

    def went_wrong(self, profile: FakeProfile, reason: Reason) -> None:
        """An activation failed: not again by itself at once."""

    def ended_by_user(self, profile: FakeProfile) -> None:
        """Somebody asked for the end: not again by itself until it is activated."""

    def secret_seconds(self, profile: FakeProfile) -> float:
        """How long until every agent has said that it knows no other password."""

    def drop(self, active: FakeActive) -> None:
        """An active connection is over: its object goes."""

    def available_to(self, device: FakeDevice) -> list[str]:
        """The profiles that the device could be activated with now."""
