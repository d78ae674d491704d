"""`Manager` on a NetworkManager in memory, for fast tests.

`FakeManager.daemon` is the NetworkManager, with hands to do things to it; `calls` is what was
asked of it. Run it on the loop of tests/fake_time.py: things take as long as they really do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar

from gateway.services.network.manager import (
    NO_OBJECT,
    ManagerError,
    ManagerListener,
    Objects,
    Profile,
    Properties,
)
from tests.services.fake_daemon import FakeDaemon
from tests.services.fake_profiles import refusal, shown_unwrapped, with_old_keys

BUS_SECONDS = 0.2
TIME_LIMIT = 20.0

ACTIONS = (
    "network-control",
    "settings.modify.system",
    "wifi.scan",
    "wifi.share.protected",
    "wifi.share.open",
)

T = TypeVar("T")


class FakeManager:
    """Implements `Manager`. Calls take effect though their caller is cancelled, as over a bus."""

    def __init__(self, daemon: FakeDaemon | None = None) -> None:
        self.daemon = daemon or FakeDaemon()
        self.call_seconds = 0.002
        self.calls: list[tuple[str, str]] = []
        self._on_the_bus = False
        self._failing: dict[str, ManagerError] = {}
        self._hanging: set[str] = set()
        self._unanswered: set[str] = set()
        self._refused: frozenset[str] = frozenset()
        self._pending: set[asyncio.Future[None]] = set()
        self._listener: ManagerListener | None = None
        self._keeps_secrets: Callable[[str], bool] = lambda uuid: False
        self._reaching: asyncio.TimerHandle | None = None

    def fail_next(self, name: str, error: ManagerError | None = None) -> None:
        """The next call of this name is refused."""
        self._failing[name] = error or _denied(name)

    def fail_always(self, *names: str) -> None:
        """All calls of these names are refused, until `heal`."""
        self._refused = frozenset(names)

    def heal(self) -> None:
        """No call fails or hangs any more."""
        self._refused = frozenset()
        self._failing.clear()
        self._hanging.clear()
        self._unanswered.clear()

    def hang_next(self, name: str) -> None:
        """The next call of this name does nothing, and is not answered within its limit."""
        self._hanging.add(name)

    def lose_next_answer(self, name: str) -> None:
        """The next call of this name takes effect, and its answer never comes."""
        self._unanswered.add(name)

    def stop(self) -> None:
        """NetworkManager stops; calls that wait for an answer end."""
        self.daemon.stop()
        for future in self._pending:
            if not future.done():
                future.set_exception(_absent())

    def asked(self, *names: str) -> list[tuple[str, str]]:
        """The calls of these names, each with what it was about."""
        return [call for call in self.calls if call[0] in names]

    @property
    def present(self) -> bool:
        """Whether NetworkManager runs, and the bus has been reached."""
        return self._on_the_bus and self.daemon.objects.present

    @property
    def missing(self) -> bool:
        """Whether the bus has been reached, and nobody was there."""
        return self._on_the_bus and not self.daemon.objects.present

    @property
    def objects(self) -> Objects:
        """The mirror."""
        return self.daemon.objects.shown if self._on_the_bus else {}

    def listen(
        self, listener: ManagerListener | None, keeps_secrets: Callable[[str], bool]
    ) -> None:
        """See `Manager.listen`."""
        self._let_go()
        self._listener, self._keeps_secrets = listener, keeps_secrets
        if self._on_the_bus:
            if listener is not None:
                self.daemon.objects.listeners.append(listener)
            self.daemon.agents.append(keeps_secrets)

    def _let_go(self) -> None:
        if self._listener in self.daemon.objects.listeners:
            self.daemon.objects.listeners.remove(self._listener)
        if self._keeps_secrets in self.daemon.agents:
            self.daemon.agents.remove(self._keeps_secrets)

    async def start(self) -> None:
        """The bus is reached a moment later, and the mirror filled if NetworkManager runs."""
        self._reaching = asyncio.get_running_loop().call_later(BUS_SECONDS, self._reach_bus)

    def _reach_bus(self) -> None:
        self._on_the_bus = True
        self.listen(self._listener, self._keeps_secrets)
        if self._listener is not None:
            self._listener.manager_changed()

    async def close(self) -> None:
        """Whoever closes it hears no more. NetworkManager goes on."""
        if self._reaching is not None:
            self._reaching.cancel()
        self._on_the_bus = False
        self._let_go()

    async def add_profile(self, profile: Profile, *, on_disk: bool) -> str:
        """See `Manager.add_profile`."""
        name = str(profile.get("connection", {}).get("id", ("s", "?"))[1])
        return await self._call(
            "add_profile", name, lambda: self.daemon.add_profile(profile, on_disk=on_disk)
        )

    async def update_profile(self, path: str, profile: Profile, *, on_disk: bool) -> None:
        """See `Manager.update_profile`."""
        await self._call(
            "update_profile",
            self._profile_name(path),
            lambda: self.daemon.update_profile(path, profile, on_disk=on_disk),
        )

    async def delete_profile(self, path: str) -> None:
        """See `Manager.delete_profile`."""
        name = self._profile_name(path)
        await self._call("delete_profile", name, lambda: self.daemon.delete_profile(path))

    async def profile_settings(self, path: str) -> Mapping[str, Properties]:
        """See `Manager.profile_settings`."""
        return await self._call(
            "profile_settings",
            self._profile_name(path),
            lambda: shown_unwrapped(self.daemon.profile(path)),
        )

    async def profile_secrets(self, path: str, setting: str) -> Mapping[str, Properties]:
        """See `Manager.profile_secrets`."""
        return await self._call(
            "profile_secrets",
            self._profile_name(path),
            lambda: self.daemon.profile(path).secrets(setting),
        )

    async def activate(self, profile: str, device: str, specific: str = NO_OBJECT) -> str:
        """See `Manager.activate`."""
        return await self._call(
            "activate",
            self._profile_name(profile),
            lambda: self.daemon.activate(profile, device, specific),
        )

    async def disconnect(self, device: str) -> None:
        """See `Manager.disconnect`."""
        name = self._interface(device)
        await self._call("disconnect", name, lambda: self.daemon.disconnect(device))

    async def set_autoconnect(self, device: str, autoconnect: bool) -> None:
        """See `Manager.set_autoconnect`."""
        await self._call(
            "set_autoconnect",
            f"{self._interface(device)} {autoconnect}",
            lambda: self.daemon.set_autoconnect(device, autoconnect),
        )

    async def set_managed(self, device: str, managed: bool) -> None:
        """See `Manager.set_managed`."""
        await self._call(
            "set_managed",
            f"{self._interface(device)} {managed}",
            lambda: self.daemon.device(device).manage(managed),
        )

    async def applied(self, device: str) -> tuple[Profile, int]:
        """See `Manager.applied`."""

        def work() -> tuple[Profile, int]:
            found = self.daemon.device(device)
            if found.active is None:
                raise refusal("Device.NotActive", "the device is not activated")
            return with_old_keys(found.applied), found.live.version

        return await self._call("applied", self._interface(device), work)

    async def reapply(self, device: str, profile: Profile, version: int) -> None:
        """See `Manager.reapply`."""
        await self._call(
            "reapply",
            self._interface(device),
            lambda: self.daemon.device(device).reapply(profile, version),
        )

    async def request_scan(self, device: str, ssid: bytes | None = None) -> None:
        """See `Manager.request_scan`."""
        name = self._interface(device)
        await self._call("request_scan", name, lambda: self.daemon.request_scan(device, ssid))

    async def permissions(self) -> Mapping[str, str]:
        """Everything is allowed."""
        actions = {f"org.freedesktop.NetworkManager.{action}": "yes" for action in ACTIONS}
        return await self._call("permissions", "", lambda: actions)

    async def _call(self, name: str, subject: str, work: Callable[[], T]) -> T:
        self.calls.append((name, subject))
        if not self.present:
            raise _absent()
        results: list[T] = []
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        error = self._failing.pop(name, _denied(name) if name in self._refused else None)
        hangs = name in self._hanging
        silent = name in self._unanswered
        self._hanging.discard(name)
        self._unanswered.discard(name)

        life = self.daemon.objects.life

        def arrive() -> None:
            if life != self.daemon.objects.life:
                return  # it was asked of one that is gone
            try:
                if error is not None:
                    raise error
                if not self.present:
                    raise _absent()
                results.append(work())
            except ManagerError as refused:
                if not answered.done():
                    answered.set_exception(refused)
            else:
                if not (silent or answered.done()):
                    answered.set_result(None)

        if not hangs:
            asyncio.get_running_loop().call_later(self.call_seconds, arrive)
        self._pending.add(answered)
        try:
            async with asyncio.timeout(TIME_LIMIT):
                await answered
        except TimeoutError:
            message = f"NetworkManager did not answer {name} within {TIME_LIMIT:.0f} s"
            raise ManagerError(message, "org.freedesktop.DBus.Error.NoReply") from None
        finally:
            self._pending.discard(answered)
        return results[0]

    def _profile_name(self, path: str) -> str:
        with suppress(ManagerError):
            return self.daemon.profile(path).name
        return path

    def _interface(self, path: str) -> str:
        with suppress(ManagerError):
            return self.daemon.device(path).interface
        return path


def _absent() -> ManagerError:
    name = "org.freedesktop.DBus.Error.ServiceUnknown"
    return ManagerError("NetworkManager is not running", name)


def _denied(name: str) -> ManagerError:
    message = f"NetworkManager refuses {name}"
    return ManagerError(message, "org.freedesktop.DBus.Error.AccessDenied")
