"""How NetworkManager is looked for and kept, with connections that a test makes up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.services.network.bus_calls import BUS_LOST, Calls
from gateway.services.network.bus_values import NOT_RUNNING, Asked
from gateway.services.network.bus_watch import BusWatch, Connection, Receiver
from gateway.services.network.manager import NM, ROOT, ManagerError
from tests import fake_time

OWNER = ":1.7"
NEXT_OWNER = ":1.8"


@dataclass
class MadeUp:
    """A connection. What `answers` holds for a step is raised, waited for, or given."""

    answers: dict[str, Any] = field(default_factory=dict)
    owned_by: str = OWNER
    lost: bool = False
    steps: list[str] = field(default_factory=list)
    told: Callable[[str], None] = lambda owner: None
    receiver: Receiver = lambda member, path, contents: None

    async def _step(self, name: str, otherwise: Any = None) -> Any:
        self.steps.append(name)
        answer = self.answers.get(name, otherwise)
        if isinstance(answer, Exception):
            raise answer
        return await answer if isinstance(answer, asyncio.Future) else answer

    async def watch_owner(self, told: Callable[[str], None]) -> None:
        """See Connection."""
        self.told = told
        await self._step("watch")

    async def owner(self) -> str:
        """See Connection."""
        return str(await self._step("owner", self.owned_by))

    async def follow(self, owner: str, receiver: Receiver) -> None:
        """See Connection."""
        self.receiver = receiver
        await self._step(f"follow {owner}")

    async def managed_objects(self, owner: str) -> Any:
        """See Connection."""
        return await self._step("objects", {ROOT: {NM: {"Version": ("s", "1")}}})

    async def permissions(self, owner: str) -> dict[str, str]:
        """See Connection."""
        return dict(await self._step("permissions", {}))

    async def register_agent(self, owner: str) -> None:
        """See Connection."""
        await self._step("agent")

    def close(self) -> None:
        """See Connection."""
        self.steps.append("close")


@dataclass
class World:
    """A watch, and the connections that it gets, one after the other; then no bus is there."""

    connections: list[MadeUp]
    patience: float = 0.0
    opened: list[float] = field(default_factory=list)
    changes: int = 0

    def __post_init__(self) -> None:
        self.watch = BusWatch(self._open, patience=self.patience)
        self.watch.listener = self

    def manager_changed(self) -> None:
        """Count it."""
        self.changes += 1

    def device_state_changed(self, device: str, new: int, old: int, reason: int) -> None:
        """Nothing here looks at it."""

    def _open(self, told_lost: Callable[[], None]) -> Awaitable[Connection]:
        self.lose = told_lost
        self.opened.append(asyncio.get_running_loop().time())
        opened: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        if self.connections:
            opened.set_result(self.connections.pop(0))
        else:
            opened.set_exception(ManagerError("no bus"))
        return opened

    def run_for(self, seconds: float, then: Callable[[], Awaitable[None]] | None = None) -> None:
        """Watch for so long, and after that while `then` runs."""

        async def run() -> None:
            watching = asyncio.create_task(self.watch.run())
            await asyncio.sleep(seconds)
            if then is not None:
                await then()
            watching.cancel()
            await asyncio.wait({watching})

        fake_time.run(run())


def test_the_bus_is_tried_again_after_longer_and_longer_pauses(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World([])
    world.run_for(130)
    assert world.opened == pytest.approx([0, 1, 3, 7, 15, 31, 61, 91, 121])
    assert [record.getMessage() for record in caplog.records] == ["no bus"]
    assert world.watch.absence == "no bus"


def levels_of(caplog: pytest.LogCaptureFixture) -> list[int]:
    """How loudly it was said, each time, that NetworkManager does not run."""
    return [r.levelno for r in caplog.records if r.getMessage().startswith(NOT_RUNNING)]


@pytest.mark.parametrize(
    ("comes_after", "levels"),
    [
        (5, [logging.INFO]),
        (70, [logging.INFO, logging.WARNING]),
        (None, [logging.INFO, logging.WARNING]),
    ],
)
def test_at_boot_it_may_be_late(
    caplog: pytest.LogCaptureFixture, comes_after: float | None, levels: list[int]
) -> None:
    caplog.set_level(logging.INFO)
    connection = MadeUp(owned_by="")
    world = World([connection], patience=60)

    async def come_and_go() -> None:
        connection.owned_by = OWNER
        connection.told(OWNER)
        await asyncio.sleep(1)
        assert world.watch.present

    if comes_after is None:
        world.run_for(200)
    else:
        world.run_for(comes_after, come_and_go)
    assert levels_of(caplog) == levels


def test_later_it_is_missed_at_once(caplog: pytest.LogCaptureFixture) -> None:
    connection = MadeUp()
    world = World([connection], patience=60)

    async def go() -> None:
        connection.told("")

    world.run_for(5, go)
    assert levels_of(caplog) == [logging.WARNING]


def test_after_success_the_first_pause_is_short_again() -> None:
    second = MadeUp()
    world = World([MadeUp(answers={"watch": ManagerError("x")}), second])

    async def lose() -> None:
        second.lost = True
        world.lose()
        await asyncio.sleep(2.5)

    world.run_for(10, lose)
    assert world.opened == pytest.approx([0, 1, 11])
    assert second.steps[-1] == "close"


def test_it_pings_and_a_ping_finds_what_no_signal_told() -> None:
    connection = MadeUp()
    world = World([connection])

    async def other_owner() -> None:
        assert connection.steps.count("owner") == 1
        connection.owned_by = NEXT_OWNER
        await asyncio.sleep(31)
        assert world.watch.owner == NEXT_OWNER
        assert connection.steps.count("owner") == 2
        connection.owned_by = ""
        await asyncio.sleep(31)
        assert not world.watch.present

    world.run_for(29, other_owner)


def test_a_ping_without_answer_is_the_end_of_the_connection() -> None:
    connection = MadeUp()
    world = World([connection, MadeUp()])

    async def hang() -> None:
        connection.answers["owner"] = ManagerError("dbus did not answer")
        await asyncio.sleep(30)
        assert world.watch.owner == ""
        assert connection.steps[-1] == "close"
        await asyncio.sleep(1)
        assert world.watch.present

    world.run_for(1, hang)


def test_nothing_counts_that_comes_from_the_one_before() -> None:
    connection = MadeUp()
    world = World([connection])

    async def change_hands() -> None:
        old = connection.receiver
        connection.told("")
        assert world.watch.owner == ""
        assert world.watch.objects == {}
        connection.told(NEXT_OWNER)
        await asyncio.sleep(1)
        assert world.watch.present
        old("InterfacesAdded", "/", ("/late", {"x.Y": {}}))
        assert "/late" not in world.watch.objects
        connection.receiver("InterfacesAdded", "/", ("/new", {"x.Y": {}}))
        assert "/new" in world.watch.objects

    world.run_for(1, change_hands)
    assert connection.steps.count(f"follow {NEXT_OWNER}") == 1


def test_one_that_vanishes_while_it_is_being_read_is_no_trouble(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connection = MadeUp()
    world = World([connection])

    async def vanish() -> None:
        answer = asyncio.get_running_loop().create_future()
        connection.answers["objects"] = answer
        connection.told("")
        connection.told(NEXT_OWNER)
        await asyncio.sleep(1)
        connection.told("")
        answer.set_exception(ManagerError("gone"))
        await asyncio.sleep(1)
        assert world.watch.owner == ""
        del connection.answers["objects"]
        connection.told(OWNER)
        await asyncio.sleep(1)
        assert world.watch.present

    world.run_for(1, vanish)
    assert len(world.opened) == 1
    assert "gone" not in caplog.text


def test_one_that_does_not_answer_is_tried_anew(caplog: pytest.LogCaptureFixture) -> None:
    answers = {"objects": ManagerError("it hangs")}
    world = World([MadeUp(answers=answers), MadeUp(answers=answers), MadeUp()])
    world.run_for(4)
    assert world.opened == pytest.approx([0, 1, 3])
    assert [it.getMessage() for it in caplog.records].count("it hangs") == 1


def test_a_fault_of_ours_is_logged_and_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    world = World([MadeUp(answers={"owner": KeyError("oops")}), MadeUp()])

    async def present() -> None:
        assert world.watch.present

    world.run_for(2, present)
    assert [it.levelno for it in caplog.records if it.exc_info] == [logging.ERROR]


def test_a_crowd_of_signals_is_told_as_one() -> None:
    connection = MadeUp()
    world = World([connection])

    async def crowd() -> None:
        before = world.changes
        for number in range(100):
            connection.receiver("InterfacesAdded", "/", (f"/{number}", {"x.Y": {}}))
        connection.receiver("PropertiesChanged", "/5", ("x.Y", {}, []))
        await asyncio.sleep(0.1)
        assert world.changes == before + 1
        connection.receiver("PropertiesChanged", "/5", ("x.Y", {}, []))  # nothing new
        connection.receiver("PropertiesChanged", "/none", ("x.Y", {"a": ("s", "")}, []))
        await asyncio.sleep(0.1)
        assert world.changes == before + 1
        connection.receiver("PropertiesChanged", "/5", ("x.Y", {"a": ("s", "b")}, []))
        connection.receiver("PropertiesChanged", "/5", ("x.Y", {}, ["a"]))
        assert world.watch.objects["/5"] == {"x.Y": {}}

    world.run_for(1, crowd)


def test_what_is_asked_has_its_time_and_ends_with_the_connection() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        calls = Calls(20, lambda error: None)
        with pytest.raises(ManagerError, match="did not x within 20 s"):
            await calls.ask(Asked("x"), loop.create_future)
        assert loop.time() == pytest.approx(20)
        asking = [asyncio.create_task(calls.ask(Asked("x"), loop.create_future)) for _ in "ab"]
        await asyncio.sleep(1)
        calls.lose()
        for task in asking:
            with pytest.raises(ManagerError, match=BUS_LOST):
                await task
        with pytest.raises(ManagerError, match=BUS_LOST):
            await calls.ask(Asked("x"), loop.create_future)
        assert loop.time() == pytest.approx(21)

    fake_time.run(run())
