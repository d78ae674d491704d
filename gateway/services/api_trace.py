"""Somebody who watches the conversation, as the session sees it."""

from __future__ import annotations

from typing import Protocol

SOCKET_NAME = "monitor.sock"
"""The socket in the service's runtime folder."""


class Trace(Protocol):
    """Where records go while somebody watches. Without, nobody makes any."""

    listening: bool
    """Whether there is anybody. To be asked before a record is made."""

    def tell(self, kind: str, **values: object) -> None:
        """Hand over a record. It is seen by others: no password and no payload is in it."""


class Unwatched:
    """A trace that nobody can watch."""

    listening = False

    def tell(self, kind: str, **values: object) -> None:
        """Nobody hears it."""
