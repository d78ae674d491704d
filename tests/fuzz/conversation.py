"""A whole session, typed at and shaken: network in memory, time jumping, nothing left to chance.

An input is what is typed. Behind the byte ACTION stands one that is done instead: time passes,
a peer sends or goes, the cable is pulled. See `Room.act`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.commands import all_commands
from gateway.monitor.display import Display
from gateway.services.api_settings import Settings
from gateway.services.certificates import CertificateStore
from gateway.services.clock import SimulatedClock
from gateway.services.network.simulated import SimulatedNetwork, World
from gateway.services.settings import StoredSettings
from gateway.services.trace_watcher import record_line
from gateway.session import Services, Session
from tests import fake_time
from tests.fuzz.language import pieces_of, sizes_of
from tests.fuzz.memory_links import MemoryLinks, MemoryServers
from tests.harness import FakeLine

COMMANDS = all_commands()
GAPS = {"0": 0.03, "1": 1.1, "2": 10.5, "3": 20.5}
DATA = b"abcdefg"
TURNS = 30
"""Turns of the loop in which whatever takes no time gets on."""
MOST_ACTIONS = 40
MOST_TYPED = 20_000

FINAL_WORDS = {b"OK", b"ERROR", b"FAIL", b"SEND OK", b"SEND FAIL"}
BUSY = (b"\r\nbusy p...\r\n", b"\r\nbusy s...\r\n")


class HeldLine(FakeLine):
    """A line whose driver holds back what comes while nobody reads, as a real one does."""

    def __init__(self) -> None:
        super().__init__()
        self.held = bytearray()

    def receive(self, data: bytes) -> None:
        """Bytes come from the microcontroller."""
        self.held += data
        self._hand_over()

    def resume_reading(self) -> None:
        """What was held back comes with the loop's next turn."""
        super().resume_reading()
        if self.held:
            asyncio.get_running_loop().call_soon(self._hand_over)

    def _hand_over(self) -> None:
        if self.held and not self.paused:
            data = bytes(self.held)
            self.held.clear()
            super().receive(data)


class MemorySettings(StoredSettings):
    """Settings that are on no disk."""

    def __init__(self) -> None:
        super().__init__(Path("/nonexistent"))

    async def _store(self, settings: Settings) -> None:
        await asyncio.sleep(0)
        self.stored = settings


class Watching:
    """Keeps each record as the monitor would get it, and has it shown. Satisfies `Trace`."""

    def __init__(self, *, listening: bool) -> None:
        self.listening = listening
        self.records: list[dict[str, object]] = []
        self._display = Display(raw=True, colour=True)

    def tell(self, kind: str, **values: object) -> None:
        """A record is made."""
        assert self.listening
        record = json.loads(record_line(kind, asyncio.get_running_loop().time(), values))
        assert self._display.lines(record) or kind == "hello"
        self.records.append(record)


class Room:
    """One gateway after the other on one line, as the daemon makes them."""

    def __init__(self, *, watched: bool) -> None:
        self.line = HeldLine()
        self.watching = Watching(listening=watched)
        self.links = MemoryLinks()
        self.servers = MemoryServers()
        self.resets = 0
        self._network = SimulatedNetwork(World(pace=0))
        self._settings = MemorySettings()
        self._session: Session

    async def open(self) -> None:
        """Power on."""
        await self._network.start()
        self._begin()
        await self.settle()

    def _begin(self) -> None:
        # Not the session's doing: the daemon puts the line back to its stored speed.
        self.links, self.servers = MemoryLinks(), MemoryServers()
        services = Services(
            network=self._network,
            links=self.links,
            servers=self.servers,
            certificates=CertificateStore(None, self._settings.stored.certificate_maximum),
            clock=SimulatedClock(lambda: 1_700_000_000.0),
            settings=self._settings,
            memory=lambda: (1000, 900),
            trace=self.watching,
        )
        self._session = Session(self.line, COMMANDS, services)
        self.links.listener = self._session.announcer
        self._session.start()
        stored = self._settings.stored
        joins = stored.autoconnect and stored.has_station
        self._network.begin(
            self._session.announcer,
            self._session.gateway.wanted(),
            stored.access_point if joins else None,
        )

    async def _end(self) -> None:
        self._network.end()
        await self._session.close()
        self.links.end()

    async def close(self) -> None:
        """Power off."""
        await self._end()
        await self._network.close()
        await asyncio.sleep(0)

    async def settle(self) -> None:
        """All that takes no time happens; a reset that was asked for is carried out."""
        await self._turn()
        while self._session.over.done():
            self.resets += 1
            assert self._session.over.exception() is None
            await self._end()
            self.line.held.clear()
            self._settings.reset()
            self._begin()
            await self._turn()

    async def _turn(self) -> None:
        """Let the loop turn until nothing comes of it any more."""
        seen: tuple[int, int] | None = None
        while seen != (now := (len(self.line.output), len(self.line.held))):
            seen = now
            for _ in range(TURNS):
                await asyncio.sleep(0)

    @property
    def multiplexing(self) -> bool:
        """Whether a link has to be named."""
        return self._session.gateway.volatile.multiplexing

    async def type(self, data: bytes, sizes: list[int] | None = None) -> None:
        """The microcontroller sends, in pieces of these sizes or at once."""
        start = turn = 0
        while start < len(data):
            size = sizes[turn % len(sizes)] if sizes else len(data)
            self.line.receive(data[start : start + size])
            start, turn = start + size, turn + 1
        await self.settle()

    async def act(self, action: str) -> None:
        """Something else happens; for a sign that is none nothing does."""
        if action in GAPS:
            await asyncio.sleep(GAPS[action])
        elif action == "+":
            await asyncio.sleep(1.1)
            await self.type(b"+++")
            await asyncio.sleep(1.1)
        elif action in "dDcCsSn":
            self._move_peers(action)
        elif action == "l":
            self._network.lose_access_point(b"esp-at-sim")
        elif action == "r":
            self._network.restore_access_point(b"esp-at-sim")
        elif action == "u":
            self._network.unplug_ethernet()
        elif action == "p":
            self._network.plug_ethernet()
        elif action == "o":
            self._session.opened()
        elif action == "q":
            self.line.slow = True
        elif action == "Q":
            self.take_all()
        await self.settle()

    def take_all(self) -> None:
        """The microcontroller reads again."""
        self.line.slow = False
        self.line.drain()

    def _move_peers(self, action: str) -> None:
        links = self.links.open_links()
        if action == "n":
            new = self.links.accept() if self.servers.running else None
            if new is not None:
                self._session.announcer.link_accepted(new)
            return
        for link in links if action.isupper() else links[:1]:
            if action in "dD":
                link.receive(DATA if action == "d" else DATA * 500)
                self._session.announcer.link_changed(link)
            elif action in "cC":
                link.go_on(end=True)
                self._session.announcer.link_changed(link)
            elif action == "s":
                link.stalled = True
            elif action == "S":
                link.go_on()

    async def come_back(self) -> None:
        """After any input: silence, an escape, a line end, and `AT` is answered `OK`.

        What is said unasked is said then, and no link is left that has ended and has no data.
        """
        self.take_all()
        for link in self.links.open_links():
            link.go_on()
        await asyncio.sleep(30)  # longer than payload, certificate text or a join may take
        await self.settle()
        await self.type(b"+++")
        await asyncio.sleep(2)
        await self.settle()
        await self.type(b"\r\n")
        assert self.line.output.endswith(b"\r\nERROR\r\n"), bytes(self.line.output[-80:])
        start = len(self.line.output)
        await self.type(b"AT\r\n")
        answer = bytes(self.line.output[start:])
        assert answer.removeprefix(b"AT\r\n") == b"\r\nOK\r\n", answer
        await self.act("p")
        await self.act("u")
        assert self.line.output.endswith(b"+ETH_DISCONNECTED\r\n"), "nothing is said unasked"
        assert not any(link.ended and not link.waiting for link in self.links.open_links())


class _Complaints(logging.Handler):
    """Formats all that is logged, and keeps what must never be."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep an error, and whatever comes with a traceback."""
        message = record.getMessage()
        if record.exc_info or record.levelno >= logging.ERROR:
            exception = record.exc_info[1] if record.exc_info else None
            self.found.append(f"{message} {exception!r}")
            if exception is not None:
                raise exception


@contextmanager
def no_complaint() -> Iterator[None]:
    """Fails for what is logged as an error or with a traceback."""
    logger, complaints = logging.getLogger("gateway"), _Complaints()
    asyncio_logger = logging.getLogger("asyncio")
    level = logger.level
    logger.addHandler(complaints)
    asyncio_logger.addHandler(complaints)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(complaints)
        asyncio_logger.removeHandler(complaints)
    assert complaints.found == []


def output_of(data: bytes, *, whole: bool) -> bytes:
    """What is written for an input that is typed at once, or in pieces."""

    async def work() -> bytes:
        room = Room(watched=whole)
        await room.open()
        try:
            for number, (action, typed) in enumerate(pieces_of(data[:MOST_TYPED])):
                if number > MOST_ACTIONS:
                    break
                if action is not None:
                    await room.act(chr(action))
                await room.type(typed, None if whole else sizes_of(data))
            await room.come_back()
        finally:
            await room.close()
        if whole:
            check_records(room.watching.records)
        return bytes(room.line.output)

    with no_complaint():
        return fake_time.run(work())


def session(data: bytes) -> None:
    """No bug, the same answers however cut, replies as they must be, `AT` answers at the end."""
    assert output_of(data, whole=True) == output_of(data, whole=False)


# what the records of a conversation tell


def check_records(records: list[dict[str, object]]) -> None:
    """One final word for each line, nothing between a prompt and its end."""
    prompted = False
    early: list[str] = []
    open_lines = forgiven = 0
    for record in records:
        kind, text = record["kind"], str(record.get("text"))
        seen = b"".join(
            bytes.fromhex(each) if isinstance(each, str) else b"." * int(each)
            for each in _told(record)
        )
        if kind == "reply" and seen == b"\r\nready\r\n":
            # begun anew, or for another reader, whom a prompt's end leaves what waited behind
            # it: only what runs still is answered
            forgiven, prompted = open_lines, False
            early.clear()
        elif kind == "reply" and "result" in record:
            words = [word for word in seen.split(b"\r\n") if word in FINAL_WORDS]
            # in pass-through nothing is written behind an escape
            assert len(words) == 1 or seen in (b"", b"CLOSED\r\n"), seen
            assert open_lines > 0, "a reply to nothing"
            assert not early, f"{early} behind a prompt"
            open_lines -= 1
            prompted = False
        elif kind == "reply" and seen in BUSY:
            assert open_lines > 1, "busy with nothing"
            open_lines -= 1
        elif kind == "reply":
            prompted = prompted or seen.endswith(b">") or seen.endswith(b"> ")
        elif kind in ("notification", "data") and prompted:
            early.append(text)
        elif _is_line(record):
            open_lines += 1
            # `?` may go without an answer for a moment (contract, section 1)
            forgiven += len(seen) == len(b"?\r\n")
    assert not early, f"{early} behind a prompt"
    assert open_lines <= forgiven, f"{open_lines} lines without an answer"


def _told(record: dict[str, object]) -> list[str | int]:
    told = record.get("bytes", [])
    assert isinstance(told, list)
    return told


def _is_line(record: dict[str, object]) -> bool:
    """Whether it is a command line; one that is too long is noise that ends here."""
    text = str(record.get("text"))
    if record["kind"] == "noise":
        return text.startswith("<256 bytes and more")
    return record["kind"] == "command" and "bytes" in record
