"""What the checks may ask of the machine, and the values that it answers with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.services.device_advice import Holder


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has run. `status` is None where it could not be run to its end.

    `missing`: no such program is installed.
    """

    status: int | None
    output: str = ""
    error: str = ""
    missing: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether it ended with status 0."""
        return self.status == 0

    @property
    def complaint(self) -> str:
        """Why it did not succeed, in one line."""
        return self.error.partition("\n")[0] or f"it ended with status {self.status}"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the machine. `groups` are names, `group_ids` numbers, the primary one included."""

    name: str
    user_id: int
    group_ids: tuple[int, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def is_root(self) -> bool:
        """Whether the kernel and polkit refuse it nothing."""
        return self.user_id == 0


@dataclass(frozen=True, slots=True)
class Node:
    """A file's status: who owns it, its permission bits, when it was written (seconds).

    `device` is (major, minor) of a character device. `group` is the name, or the number.
    """

    user_id: int
    group_id: int
    mode: int
    group: str = "root"
    written: float = 0.0
    device: tuple[int, int] | None = None
    is_folder: bool = False

    def allows(self, account: Account, wanted: int) -> bool:
        """Whether `account` may do all of `wanted`: 4 read, 2 write, 1 search."""
        if account.is_root:
            return True
        if account.user_id == self.user_id:
            granted = self.mode >> 6
        elif self.group_id in account.group_ids:
            granted = self.mode >> 3
        else:
            granted = self.mode
        return granted & wanted == wanted


class Host(Protocol):
    """This machine. Paths are texts; what reads them raises OSError."""

    @property
    def me(self) -> Account:
        """Who runs the doctor."""

    @property
    def caller(self) -> Account:
        """Who typed the command: behind `sudo` the user, otherwise the same as `me`."""

    def read(self, path: str) -> str:
        """A text file's content, at most 64 KiB, undecodable bytes replaced. Raises OSError."""

    def read_bytes(self, path: str, limit: int) -> bytes:
        """A regular file's first bytes, at most `limit`. Raises OSError."""

    def names(self, folder: str) -> list[str]:
        """The sorted names in a folder. Raises OSError."""

    def resolved(self, path: str) -> str:
        """The path without symlinks."""

    def node(self, path: str) -> Node:
        """The status of what `path` leads to. Raises OSError."""

    def free_bytes(self, folder: str) -> int | None:
        """What an ordinary user may still write there; None where it is mounted read-only.

        Raises OSError.
        """

    def run(self, *command: str, account: Account | None = None) -> Done:
        """Run a program, as `account` where one is given and we are root. Never raises."""

    def account(self, name: str) -> Account | None:
        """A user by name."""

    def holders(self, device: str) -> Sequence[Holder]:
        """The processes that have `device` open, of those that we may look into."""

    def console_users(self, device: str) -> Sequence[Holder]:
        """The processes that have `device` as their terminal: a getty, a shell."""

    def has_program(self, name: str) -> bool:
        """Whether a program is installed, those for root included."""

    def has_module(self, name: str) -> bool:
        """Whether Python could import a module."""

    def now(self) -> float:
        """The machine's clock: seconds since 1970."""
