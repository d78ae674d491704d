"""Which profiles a made-up NetworkManager connects by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from math import inf

from tests.services.fake_profiles import FakeProfile

# After so many failures in a row NetworkManager leaves a profile alone for a while.
TRIES = 4
BLOCKED_SECONDS = 300.0


class Eligible:
    """Knows, by UUID, who has failed how often and who is blocked until when."""

    def __init__(self) -> None:
        self._tries: dict[str, int] = {}
        self._blocked: dict[str, float] = {}

    def block(self, uuid: str) -> None:
        """Not by itself until it is activated or changed."""
        self._blocked[uuid] = inf

    def again(self, uuid: str) -> None:
        """Somebody activated or changed it: it is as good as new."""
        self._tries.pop(uuid, None)
        self._blocked.pop(uuid, None)

    def failed(self, uuid: str, *, for_good: bool) -> None:
        """An activation failed, `for_good` if another try is of no use."""
        self._tries[uuid] = self._tries.get(uuid, 0) + 1
        if for_good:
            self.block(uuid)
        elif self._tries[uuid] >= TRIES:
            self._tries[uuid] = 0
            self._blocked[uuid] = asyncio.get_running_loop().time() + BLOCKED_SECONDS

    def best(self, profiles: Iterable[FakeProfile]) -> FakeProfile | None:
        """The one of highest priority; of two equals the one known longer."""
        now = asyncio.get_running_loop().time()
        fitting = [
            profile
            for profile in profiles
            if profile.value("connection", "autoconnect")
            and self._blocked.get(profile.uuid, 0.0) <= now
        ]
        return max(fitting, key=_priority, default=None)


def _priority(profile: FakeProfile) -> int:
    return int(profile.value("connection", "autoconnect-priority"))
