"""The machine that the doctor runs on."""

from __future__ import annotations

import contextlib
import grp
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.doctor.host import Account, Done, Node
from gateway.services.device_advice import Holder, openers, terminal_users

COMMAND_SECONDS: Final = 20.0
"""How long a command may take: a service on D-Bus that hangs must not hang the doctor.

On a slow machine one that systemd has to start first takes 6 s, and some do at once.
"""

_AT_ONCE: Final = 3

_TEXT_LIMIT: Final = 64 * 1024

_ROOT: Final = Account("root", 0, (0,), ("root",))


class ThisHost:
    """Asks the kernel, the files and the machine's own programs. Satisfies Host."""

    def __init__(self, command_seconds: float = COMMAND_SECONDS) -> None:
        self._seconds = command_seconds
        # Twenty at once on the one core of a Pi Zero would all take as long as the last.
        self._places = threading.Semaphore(_AT_ONCE)
        # An ordinary user's PATH leaves out where Debian has iw and rfkill.
        self._path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"

    @property
    def me(self) -> Account:
        """Who runs the doctor."""
        return _account_by_number(os.geteuid())

    @property
    def caller(self) -> Account:
        """Who typed the command: behind `sudo` the user, otherwise the same as `me`."""
        me = self.me
        behind = os.environ.get("SUDO_USER", "") if me.is_root else ""
        return self.account(behind) or me

    def read(self, path: str) -> str:
        """A text file's content, at most 64 KiB, undecodable bytes replaced. Raises OSError."""
        with open(path, "rb", opener=_without_waiting) as file:
            return file.read(_TEXT_LIMIT).decode("utf-8", errors="replace")

    def read_bytes(self, path: str, limit: int) -> bytes:
        """A regular file's first bytes, at most `limit`. Raises OSError."""
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(0, "it is not a file")
            return file.read(limit)

    def names(self, folder: str) -> list[str]:
        """The sorted names in a folder. Raises OSError."""
        return sorted(os.listdir(folder))

    def resolved(self, path: str) -> str:
        """The path without symlinks."""
        return os.path.realpath(path)

    def node(self, path: str) -> Node:
        """The status of what `path` leads to. Raises OSError."""
        status = os.stat(path)
        number = status.st_rdev if stat.S_ISCHR(status.st_mode) else None
        return Node(
            status.st_uid,
            status.st_gid,
            stat.S_IMODE(status.st_mode),
            _group_name(status.st_gid),
            status.st_mtime,
            None if number is None else (os.major(number), os.minor(number)),
            stat.S_ISDIR(status.st_mode),
        )

    def free_bytes(self, folder: str) -> int | None:
        """What an ordinary user may still write there; None where it is mounted read-only.

        Raises OSError.
        """
        disk = os.statvfs(folder)
        return None if disk.f_flag & os.ST_RDONLY else disk.f_bavail * disk.f_frsize

    def run(self, *command: str, account: Account | None = None) -> Done:
        """Run a program, as `account` where one is given and we are root. Never raises."""
        program = shutil.which(command[0], path=self._path)
        if program is None:
            return Done(None, error=f"{command[0]} is not installed", missing=True)
        with self._places:
            return self._run(program, command, account)

    def _run(self, program: str, command: Sequence[str], account: Account | None) -> Done:
        try:
            child = subprocess.Popen(
                [program, *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "LC_ALL": "C.UTF-8", "PATH": self._path},
                process_group=0,
                **_as(account),
            )
        except (OSError, subprocess.SubprocessError) as error:
            return Done(None, error=f"{command[0]} cannot be run: {error}")
        with child:
            try:
                output, told = child.communicate(timeout=self._seconds)
            except subprocess.TimeoutExpired:
                # With its children, which hold the pipes open as well.
                os.killpg(child.pid, signal.SIGKILL)
                return Done(None, error=f"{command[0]} did not answer within {self._seconds:g} s")
        return Done(
            child.returncode,
            output.decode("utf-8", errors="replace"),
            told.decode("utf-8", errors="replace").strip(),
        )

    def account(self, name: str) -> Account | None:
        """A user by name."""
        try:
            entry = pwd.getpwnam(name)
        except (KeyError, ValueError):
            return None
        return _account(entry)

    def holders(self, device: str) -> Sequence[Holder]:
        """The processes that have `device` open, of those that we may look into."""
        return list(openers(device))

    def console_users(self, device: str) -> Sequence[Holder]:
        """The processes that have `device` as their terminal: a getty, a shell."""
        try:
            return list(terminal_users(os.stat(device).st_rdev))
        except OSError:
            return []

    def has_program(self, name: str) -> bool:
        """Whether a program is installed, those for root included."""
        return shutil.which(name, path=self._path) is not None

    def has_module(self, name: str) -> bool:
        """Whether Python could import a module."""
        try:
            return importlib.util.find_spec(name) is not None
        except (ImportError, ValueError):
            return False

    def now(self) -> float:
        """The machine's clock: seconds since 1970."""
        return time.time()


def _without_waiting(path: str, flags: int) -> int:
    """Open without waiting for the other end of a named pipe."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _as(account: Account | None) -> Mapping[str, Any]:
    """What makes a child process another user's; nothing where we may not."""
    if account is None or os.geteuid() != 0 or account.is_root:
        return {}
    ids = account.group_ids
    return {"user": account.user_id, "group": ids[0], "extra_groups": ids, "cwd": "/"}


def _account_by_number(number: int) -> Account:
    try:
        return _account(pwd.getpwuid(number))
    except KeyError:
        return _ROOT if number == 0 else Account(str(number), number, tuple(os.getgroups()))


def _account(entry: pwd.struct_passwd) -> Account:
    ids = [entry.pw_gid]
    with contextlib.suppress(OSError):
        ids += [each for each in os.getgrouplist(entry.pw_name, entry.pw_gid) if each not in ids]
    return Account(entry.pw_name, entry.pw_uid, tuple(ids), tuple(map(_group_name, ids)))


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
