"""Anything a microcontroller and its surroundings may do, in any order: what always holds.

One final word for each command line, nothing unasked between a prompt and its end, the
session's answers the same however the bytes are cut, and `AT` answered `OK` at the end.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests import fake_time
from tests.at.test_any_bytes import LINES, NOISE
from tests.at.transcripts import JOIN, OPEN, as_bytes
from tests.fuzz.conversation import GAPS, Room, check_records, no_complaint

PORT = 80
HARMLESS = [
    line for line in LINES if not re.search(r"CWQAP|CLOSE|RST|RESTORE|CWMODE|CIPMUX|^$|SEND", line)
]
cuts = st.lists(st.integers(1, 40), min_size=1, max_size=3)


class Conversation(RuleBasedStateMachine):
    """The same done to two gateways: one is watched and typed at in one piece."""

    def __init__(self) -> None:
        super().__init__()
        self._complaints = no_complaint()
        self._complaints.__enter__()
        self._runner = asyncio.Runner(loop_factory=fake_time.FakeTimeLoop)
        self._whole, self._cut = self._run(self._open())

    async def _open(self) -> tuple[Room, Room]:
        rooms = Room(watched=True), Room(watched=False)
        for room in rooms:
            await room.open()
        return rooms

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)

    def _type(self, data: bytes, sizes: list[int]) -> None:
        async def work() -> None:
            await self._whole.type(data)
            await self._cut.type(data, sizes)

        self._run(work())

    def _act(self, action: str) -> None:
        async def work() -> None:
            await asyncio.gather(self._whole.act(action), self._cut.act(action))

        self._run(work())

    @initialize(linked=st.sampled_from([0, 1, 1, 3]), echo=st.booleans(), sizes=cuts)
    def begin(self, linked: int, echo: bool, sizes: list[int]) -> None:
        """Most conversations have a link to begin with, or three."""
        text = ("" if echo else "ATE0⏎") + (JOIN[0] if linked else "")
        if linked == 1:
            text += OPEN[0]
        elif linked:
            text += f"AT+CIPMUX=1⏎AT+CIPSERVER=1,{PORT}⏎"
            text += "".join(OPEN[0].replace("=", f"={slot},") for slot in range(linked))
        self._type(as_bytes(text, PORT), sizes)

    @rule(line=st.sampled_from(HARMLESS), sizes=cuts)
    def command(self, line: str, sizes: list[int]) -> None:
        """A command that leaves the links as they are."""
        self._type(as_bytes(f"{line}⏎", PORT), sizes)

    @rule(line=st.sampled_from(LINES), sizes=cuts)
    def any_command(self, line: str, sizes: list[int]) -> None:
        """Any command, a reset too."""
        self._type(as_bytes(f"{line}⏎", PORT), sizes)

    @rule(length=st.sampled_from([1, 5, 2048]), halves=st.integers(0, 3), sizes=cuts)
    def send(self, length: int, halves: int, sizes: list[int]) -> None:
        """A link to send over, with none, half or all of the payload behind it, or too much."""
        link = self._link()
        payload = b"x" * (length * halves // 2)
        self._type(as_bytes(f"AT+CIPMODE=0⏎AT+CIPSEND={link}{length}⏎") + payload, sizes)

    def _link(self) -> str:
        """The beginning of a command's arguments that names link 0, which is open then."""
        link = "0," if self._whole.multiplexing else ""
        if self._whole.links[0] is None:
            self._type(as_bytes(JOIN[0] + OPEN[0].replace("=", f"={link}"), PORT), [9])
        return link

    @precondition(lambda self: self._whole.line.output.endswith(b"> "))
    @rule(length=st.sampled_from([1, 4, 1024, 2048]), sizes=cuts)
    def payload(self, length: int, sizes: list[int]) -> None:
        """More of a payload."""
        self._type(b"y" * length, sizes)

    @precondition(lambda self: not self._whole.multiplexing)
    @rule(sizes=cuts)
    def pass_through(self, sizes: list[int]) -> None:
        """Pass-through, as far as there is a link for it."""
        self._link()
        self._type(b"AT+CIPMODE=1\r\nAT+CIPSEND\r\nthrough", sizes)

    @rule(noise=st.sampled_from(NOISE) | st.binary(max_size=30).map(lambda b: b.decode("latin-1")))
    def noise(self, noise: str) -> None:
        """Bytes that mean nothing, or something by chance."""
        self._type(as_bytes(f"{noise}⏎"), [1, 7])

    @rule(action=st.sampled_from(["+", *GAPS, *"lrupqQo"]))
    def surroundings(self, action: str) -> None:
        """Time, an escape, the access point, the cable, whoever reads the line."""
        self._act(action)

    @rule(action=st.sampled_from("dDcCsSn"))
    def peers(self, action: str) -> None:
        """Data comes, or a peer goes: at any moment, behind a prompt too."""
        self._act(action)

    def teardown(self) -> None:
        """Everything is brought to its end, and looked at."""

        async def work() -> None:
            try:
                # side by side: both live through the same seconds
                await asyncio.gather(self._whole.come_back(), self._cut.come_back())
                check_records(self._whole.watching.records)
                assert self._whole.line.output == self._cut.line.output
            finally:
                for room in (self._whole, self._cut):
                    await room.close()

        try:
            self._run(work())
        finally:
            self._runner.close()
            self._complaints.__exit__(None, None, None)


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
