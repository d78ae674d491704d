"""The record of what is ours: on disk before it is true, and never lost to a bad file."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import stat
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.services import atomic_file
from gateway.services.api import Interface, Wanted
from gateway.services.network import ownership
from gateway.services.network.manager import ManagerError, Profile
from gateway.services.network.our_profiles import OurProfile, find_ours
from gateway.services.network.ownership import OwnershipRecord
from gateway.services.network.profiles import ethernet_profile, identity_of
from tests.fake_time import run
from tests.services.fake_daemon import FakeDaemon
from tests.services.fake_manager import FakeManager
from tests.services.managed_world import owners_ethernet
from tests.services.stored import failing

ONE, TWO = "6c0b8f3e-43d6-4a42-9c5e-3d2a0a0f5b11", "6c0b8f3e-43d6-4a42-9c5e-3d2a0a0f5b12"


def file_in(folder: Path) -> Path:
    return folder / "network.json"


def test_nothing_is_ours_at_first(tmp_path: Path) -> None:
    record = OwnershipRecord(tmp_path / "not" / "there")
    assert record.empty
    assert record.profiles() == frozenset()
    assert not record.has_profile(ONE)
    assert not record.holds("wlan0")


def test_what_is_recorded_is_known_to_the_next(tmp_path: Path) -> None:
    async def main() -> None:
        record = OwnershipRecord(tmp_path / "state")
        await record.add_profile(ONE, Interface.STATION)
        await record.add_profile(TWO, Interface.SOFTAP)
        await record.hold("wlan0")
        await record.hold("ap0", Interface.SOFTAP)

    run(main())
    record = OwnershipRecord(tmp_path / "state")
    assert record.profiles() == {ONE, TWO}
    assert record.profiles(Interface.SOFTAP) == {TWO}
    assert record.has_profile(ONE)
    assert record.held == {"wlan0": Interface.STATION, "ap0": Interface.SOFTAP}
    file = file_in(tmp_path / "state")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["version"] == 1


def test_what_is_given_back_is_forgotten(tmp_path: Path) -> None:
    async def main() -> None:
        record = OwnershipRecord(tmp_path)
        await record.add_profile(ONE, Interface.STATION)
        await record.hold("wlan0")
        await record.forget_profile(ONE)
        await record.let_go("wlan0")
        # of what is not there nothing is left either
        await record.forget_profile(TWO)
        await record.let_go("eth0")
        assert record.empty

    run(main())
    assert OwnershipRecord(tmp_path).empty


def test_it_is_on_the_disk_though_its_caller_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, gate = threading.Event(), threading.Event()
    replace_file = atomic_file.replace_file

    def slow(file: Path, text: str) -> None:
        begun.set()
        assert gate.wait(10)
        replace_file(file, text)

    async def main() -> None:
        monkeypatch.setattr(ownership, "replace_file", slow)
        record = OwnershipRecord(tmp_path)
        caller = asyncio.create_task(record.hold("wlan0"))
        await asyncio.to_thread(begun.wait, 10)
        second = asyncio.create_task(record.add_profile(ONE, Interface.STATION))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        # it is true at once, whatever the disk does
        assert record.holds("wlan0")
        assert record.has_profile(ONE)
        gate.set()
        await second
        await record.settled()

    asyncio.run(main())
    assert OwnershipRecord(tmp_path).held == {"wlan0": Interface.STATION}
    assert OwnershipRecord(tmp_path).profiles() == {ONE}


def test_a_disk_that_refuses_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        record = OwnershipRecord(tmp_path)
        with failing("rename", errno.ENOSPC):
            await record.add_profile(ONE, Interface.STATION)
            await record.hold("wlan1")
        assert record.holds("wlan1")
        assert OwnershipRecord(tmp_path).empty
        (told,) = caplog.records
        assert told.levelno == logging.ERROR
        assert "No space left on device" in told.getMessage()
        await record.add_profile(TWO, Interface.STATION)

    run(main())
    record = OwnershipRecord(tmp_path)
    assert record.profiles() == {ONE, TWO}
    assert record.holds("wlan1")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"7",
        b"{}",
        b'{"version": 2, "profiles": {}, "held": {}}',
        b'{"version": 1, "profiles": {}}',
        b'{"version": 1, "profiles": [], "held": {}}',
        b'{"version": 1, "profiles": {"a": "radio"}, "held": {}}',
        b'{"version": 1, "profiles": {"a": ["station"]}, "held": {}}',
        b'{"version": 1, "profiles": {}, "held": ["wlan0"]}',
        b"[" * 100_000,
    ],
)
def test_an_unreadable_file_is_set_aside(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file_in(tmp_path).write_bytes(content)
    record = OwnershipRecord(tmp_path)
    assert record.empty
    assert (tmp_path / "network.json.bad").read_bytes() == content
    (told,) = caplog.records
    assert "network.json.bad" in told.getMessage()
    run(record.hold("wlan0"))
    assert OwnershipRecord(tmp_path).holds("wlan0")


def profile(uuid: str) -> Profile:
    return ethernet_profile(identity_of(uuid, Interface.ETHERNET), "eth0", Wanted())


def unmarked(uuid: str) -> Profile:
    return {name: keys for name, keys in profile(uuid).items() if name != "user"}


def test_ours_is_what_is_recorded_and_marked(tmp_path: Path) -> None:
    async def main() -> None:
        manager = FakeManager(FakeDaemon())
        manager.daemon.start()
        await manager.start()
        await asyncio.sleep(60)
        record = OwnershipRecord(tmp_path)
        await manager.add_profile(profile(ONE), on_disk=False)
        assert await find_ours(manager, record) == []
        assert manager.asked("profile_settings") == []
        await record.add_profile(ONE, Interface.ETHERNET)
        await record.add_profile(TWO, Interface.ETHERNET)
        # somebody's own, though its UUID is in the record
        await manager.add_profile(unmarked(TWO), on_disk=True)
        (found,) = await find_ours(manager, record)
        assert found == OurProfile(ONE, "ESP gateway: Ethernet", found.path, on_disk=False)
        assert await find_ours(manager, record, Interface.ETHERNET) == [found]
        assert await find_ours(manager, record, Interface.STATION) == []
        manager.daemon.stop()

    run(main())


Work = Callable[[FakeManager, OwnershipRecord], Coroutine[Any, Any, None]]


def with_one_of_two(folder: Path, work: Work) -> None:
    """On a NetworkManager that has the first of two profiles that are recorded."""

    async def main() -> None:
        manager = FakeManager(FakeDaemon())
        manager.daemon.start()
        manager.daemon.owner_adds(owners_ethernet())
        await manager.start()
        await asyncio.sleep(60)
        record = OwnershipRecord(folder)
        await record.add_profile(ONE, Interface.ETHERNET)
        await record.add_profile(TWO, Interface.ETHERNET)
        await manager.add_profile(profile(ONE), on_disk=False)
        try:
            await work(manager, record)
        finally:
            manager.daemon.stop()

    run(main())


def test_what_networkmanager_has_no_more_is_forgotten(tmp_path: Path) -> None:
    """Not at once: the call that makes it may still be under way."""

    async def work(manager: FakeManager, record: OwnershipRecord) -> None:
        for _ in range(2):
            await find_ours(manager, record)
            assert record.profiles() == {ONE, TWO}
            await asyncio.sleep(45)
        await record.add_profile("station", Interface.STATION)
        await find_ours(manager, record, Interface.STATION)
        assert record.profiles() == {ONE, TWO, "station"}
        await find_ours(manager, record, Interface.ETHERNET)
        assert record.profiles() == {ONE, "station"}

    with_one_of_two(tmp_path, work)


def test_what_an_earlier_run_recorded_is_forgotten_at_once(tmp_path: Path) -> None:
    async def work(manager: FakeManager, record: OwnershipRecord) -> None:
        anew = OwnershipRecord(tmp_path)
        await find_ours(manager, anew)
        assert anew.profiles() == {ONE}

    with_one_of_two(tmp_path, work)


@pytest.mark.parametrize("how", ["refused", "not answered"])
def test_where_one_may_be_overlooked_nothing_is_concluded(tmp_path: Path, how: str) -> None:
    async def work(manager: FakeManager, record: OwnershipRecord) -> None:
        await asyncio.sleep(100)
        (manager.fail_next if how == "refused" else manager.hang_next)("profile_settings")
        with pytest.raises(ManagerError):
            await find_ours(manager, record)
        assert record.profiles() == {ONE, TWO}

    with_one_of_two(tmp_path, work)


def test_the_owners_that_cannot_be_read_do_not_matter_once_all_of_ours_are_found(
    tmp_path: Path,
) -> None:
    async def work(manager: FakeManager, record: OwnershipRecord) -> None:
        await record.forget_profile(TWO)
        manager.fail_next("profile_settings")  # the owner's is the first
        (found,) = await find_ours(manager, record)
        assert found.uuid == ONE

    with_one_of_two(tmp_path, work)


def test_one_that_its_owner_keeps_to_other_users_is_not_ours(tmp_path: Path) -> None:
    async def work(manager: FakeManager, record: OwnershipRecord) -> None:
        name = "org.freedesktop.NetworkManager.Settings.PermissionDenied"
        manager.fail_next("profile_settings", ManagerError("not for you", name))
        (found,) = await find_ours(manager, record)
        assert found.uuid == ONE

    with_one_of_two(tmp_path, work)


def test_one_that_goes_meanwhile_is_not_overlooked(tmp_path: Path) -> None:
    async def work(manager: FakeManager, record: OwnershipRecord) -> None:
        looking = asyncio.create_task(find_ours(manager, record))
        await asyncio.sleep(0)
        for gone in list(manager.daemon.profiles):
            manager.daemon.delete_profile(gone.path)
        assert await looking == []

    with_one_of_two(tmp_path, work)
