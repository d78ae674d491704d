"""How commands are run in the guest: from the host by its agent, inside it by subprocess."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class CommandFailed(Exception):
    """A command in the guest ended with another status than 0; the message has its output."""


@dataclass(frozen=True)
class Result:
    """What a command came to; status 124 is out of time. `seconds` it took in the guest."""

    status: int
    output: str
    seconds: float


class Shell(Protocol):
    """Somebody who runs shell commands in the guest, as root."""

    def run(
        self, command: str, *, seconds: float = 60, data: bytes = b"", check: bool = True
    ) -> Result:
        """Run `command` with `data` as its input; CommandFailed if it fails, unless told not."""
