"""What of NetworkManager's is ours: the profiles that we made, and the devices that we hold.

Written to disk before NetworkManager hears of it, so that after a kill at any moment the next
start, or `esp-at-gateway release-network`, finds all that was left behind.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any, Final

from gateway.config import StorageOptions
from gateway.records import Record
from gateway.services.api import Interface
from gateway.services.atomic_file import read_file, remedy, replace_file, set_aside

VERSION = 1
FILE_NAME = "network.json"

_FRESH_SECONDS: Final = 60.0
"""Longer than a call to NetworkManager is waited for, three times over."""

logger = logging.getLogger("gateway.network")


class _Content(Record):
    """What the file says: our profiles by UUID, and the interfaces with what was done to each."""

    profiles: Mapping[str, Interface]
    held: Mapping[str, Interface]
    changed: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()
    folder: str = ""


def release_command(state_dir: Path) -> str:
    """What gives back, at the shell's prompt, what the record in `state_dir` says."""
    command = "sudo esp-at-gateway release-network"
    if state_dir == StorageOptions().state_dir:
        return command
    return f"{command} --state-dir {shlex.quote(str(state_dir))}"


class OwnershipRecord:
    """The record in `directory`; loaded at once, and `network.json.bad` if it is unreadable.
    Raises OSError where the machine is out of descriptors or memory.

    Everything asked of it is true at once; what a method changes is on the disk when it
    returns, also when its caller is cancelled. Where the disk refuses, that is said once in
    the journal, and the record holds in memory.
    """

    def __init__(self, directory: Path) -> None:
        self._file = directory / FILE_NAME
        self._content = self._on_disk = _load(self._file)
        self._writing = asyncio.Lock()
        self._recorded_at: dict[str, float] = {}
        self._refused = False

    @property
    def release_command(self) -> str:
        """What gives back, at the shell's prompt, what this record says."""
        return release_command(self._file.parent)

    @property
    def empty(self) -> bool:
        """Whether nothing is ours."""
        return not (self._content.profiles or self.touched)

    @property
    def held(self) -> Mapping[str, Interface]:
        """The interfaces that NetworkManager was told not to connect by itself, and for what."""
        return self._content.held

    @property
    def touched(self) -> frozenset[str]:
        """The interfaces at which something is to be undone."""
        return frozenset(self._content.held) | self._content.changed | self._content.taken

    def has_changed(self, interface: str) -> bool:
        """Whether a live connection of somebody else's may be other than its profile says."""
        return interface in self._content.changed

    def has_taken(self, interface: str) -> bool:
        """Whether NetworkManager manages `interface` only because we told it to."""
        return interface in self._content.taken

    def holds(self, interface: str) -> bool:
        """Whether NetworkManager was told not to connect `interface` by itself."""
        return interface in self._content.held

    def has_profile(self, uuid: str) -> bool:
        """Whether we made the profile with this UUID."""
        return uuid in self._content.profiles

    def profiles(self, which: Interface | None = None) -> frozenset[str]:
        """The UUIDs of our profiles, all or those for one interface."""
        profiles = self._content.profiles.items()
        return frozenset(uuid for uuid, kind in profiles if which in (None, kind))

    async def add_profile(self, uuid: str, which: Interface) -> None:
        """We are about to make a profile."""
        self._recorded_at[uuid] = asyncio.get_running_loop().time()
        profiles = {**self._content.profiles, uuid: which}
        await self._change(replace(self._content, profiles=profiles))

    async def forget_profile(self, uuid: str) -> None:
        """A profile of ours is there no more."""
        self._recorded_at.pop(uuid, None)
        profiles = _without(self._content.profiles, uuid)
        await self._change(replace(self._content, profiles=profiles))

    async def forget_gone(self, found: Iterable[str], which: Interface | None) -> None:
        """No profile but the UUIDs `found`, of all or of one interface's, is there any more.

        Not so what was recorded less than a minute ago: a call that nobody waits for any
        more may still be on its way to NetworkManager, and make it.
        """
        now = asyncio.get_running_loop().time()
        for uuid in self.profiles(which).difference(found):
            if now - self._recorded_at.get(uuid, -inf) > _FRESH_SECONDS:
                await self.forget_profile(uuid)

    async def hold(self, interface: str, which: Interface = Interface.STATION) -> None:
        """We are about to tell NetworkManager not to connect an interface by itself."""
        held = {**self._content.held, interface: which}
        await self._change(replace(self._content, held=held))

    async def free(self, interface: str) -> None:
        """NetworkManager may connect an interface by itself again."""
        held = _without(self._content.held, interface)
        await self._change(replace(self._content, held=held))

    async def note_change(self, interface: str) -> None:
        """We are about to change a live connection of somebody else's."""
        await self._change(replace(self._content, changed=self._content.changed | {interface}))

    async def take(self, interface: str) -> None:
        """We are about to have NetworkManager manage an interface that it leaves alone."""
        await self._change(replace(self._content, taken=self._content.taken | {interface}))

    async def let_go(self, interface: str) -> None:
        """There is nothing to undo at an interface any more."""
        content = self._content
        await self._change(
            replace(
                content,
                held=_without(content.held, interface),
                changed=content.changed - {interface},
                taken=content.taken - {interface},
            )
        )

    async def settled(self) -> None:
        """Wait until nothing is being written."""
        async with self._writing:
            pass

    async def _change(self, content: _Content) -> None:
        self._content = replace(content, folder=str(self._file.parent))
        await asyncio.shield(asyncio.ensure_future(self._store()))

    async def _store(self) -> None:
        async with self._writing:
            content = self._content
            if content == self._on_disk:
                return
            try:
                await asyncio.to_thread(replace_file, self._file, _encode(content))
            except OSError as error:
                self._tell(error)
            else:
                self._on_disk, self._refused = content, False

    def _tell(self, error: OSError) -> None:
        if not self._refused:
            self._refused = True
            logger.error(
                "what is ours of NetworkManager cannot be recorded in %s (%s): should the "
                "gateway be killed, run: sudo nmcli device set %s autoconnect yes",
                self._file.parent,
                remedy(error, self._file.parent),
                min(self._content.held, default="wlan0"),
            )


def _load(file: Path) -> _Content:
    try:
        content = _decode(json.loads(read_file(file)))
        if _is_copy(content, file):
            logger.warning(
                "%s is a copy of the one in %s, and what that names is not ours: "
                "an empty one is used",
                *(file, content.folder),
            )
            return _Content({}, {})
        return content
    except FileNotFoundError:
        return _Content({}, {})
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        kept = set_aside(file)
        logger.error(
            "the record of what is ours of NetworkManager is unreadable (%s), %s; "
            "an empty one is used, and profiles named ESP gateway may be left over: delete "
            "them with nmcli connection delete",
            error,
            kept,
        )
        return _Content({}, {})


def _is_copy(content: _Content, file: Path) -> bool:
    """Whether another gateway still has what the file was copied from.

    One that was moved, or is of an earlier version, which did not say where it was, is ours.
    """
    if content.folder in ("", str(file.parent)):
        return False
    return os.path.exists(Path(content.folder) / FILE_NAME)


def _without(named: Mapping[str, Interface], name: str) -> Mapping[str, Interface]:
    return {one: which for one, which in named.items() if one != name}


def _encode(content: _Content) -> str:
    parts = {"profiles": content.profiles, "held": content.held}
    named: dict[str, object] = {
        part: {name: which.value for name, which in names.items()} for part, names in parts.items()
    }
    named |= {"changed": sorted(content.changed), "taken": sorted(content.taken)}
    named["folder"] = content.folder
    return json.dumps({"version": VERSION, **named}, indent=1)


def _decode(raw: Any) -> _Content:
    """The reverse of `_encode`. Raises what comes of any other content."""
    if raw["version"] != VERSION:
        raise ValueError(f"its version is not {VERSION}")
    profiles, held = (
        {name: Interface(which) for name, which in raw[part].items()}
        for part in ("profiles", "held")
    )
    # Once what is held was also what may be changed, and nothing was taken.
    changed = frozenset(raw.get("changed", held))
    taken = frozenset(raw.get("taken", ()))
    folder = raw.get("folder", "")
    if not all(isinstance(name, str) for name in (folder, *changed, *taken)):
        raise TypeError("a name is no text")
    return _Content(profiles, held, changed, taken, folder)
