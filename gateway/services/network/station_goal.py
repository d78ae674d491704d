"""What the station is to be."""

from __future__ import annotations

import asyncio
from dataclasses import field
from enum import Enum

from gateway.records import Record
from gateway.services.api import Credentials, JoinError, JoinFailure


class Aim(Enum):
    """What the station is to be."""

    STILL = "as it is"
    GUEST = "the owner's"
    AWAY = "not joined"
    JOINED = "joined"


class Goal(Record):
    """An aim with what it takes; `asked` is a caller who waits for it until `deadline`."""

    aim: Aim
    credentials: Credentials | None = None
    keep: bool = False
    asked: asyncio.Future[None] | None = field(default=None, compare=False)
    deadline: float = 0.0

    @property
    def has_caller(self) -> bool:
        """Whether somebody still waits for the result."""
        return self.asked is not None and not self.asked.done()

    def superseded(self) -> None:
        """Tell a caller who still waits that something else is wanted."""
        if self.asked is not None and not self.asked.done():
            self.asked.set_exception(
                JoinError(JoinFailure.OTHER, "Another join, a leave or a reset came between.")
            )
