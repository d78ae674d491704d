"""Anything a microcontroller and its surroundings may do, in any order: what always holds.

One final word for each command line, nothing unasked between a prompt and its end, the
session's answers the same however the bytes are cut, and `AT` answered `OK` at the end.
"""

from __future__ import annotations

import asyncio
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
cuts = st.lists(st.integers(1, 40), min_size=1, max_size=3)


class Conversation(RuleBasedStateMachine):
    """The same done to two gateways: one is watched and typed at in one piece."""

    def __init__(self) -> None:
        super().__init__()
        self._complaints = no_complaint()
        self._complaints.__enter__()
        self._runner = asyncio.Runner(loop_factory=fake_time.FakeTimeLoop)
        self._whole, self._cut = self._run(self._open())
        self._prompted = 0

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
        self._prompted = 0

    def _act(self, action: str) -> None:
        async def work() -> None:
            await asyncio.gather(self._whole.act(action), self._cut.act(action))

        self._run(work())

    @initialize(linked=st.booleans(), multiplexing=st.booleans(), sizes=cuts)
    def begin(self, linked: bool, multiplexing: bool, sizes: list[int]) -> None:
        """Half of the conversations have a link to begin with, half of these several."""
        text = JOIN[0] + OPEN[0] if linked else ""
        if linked and multiplexing:
            ids = "".join(OPEN[0].replace("=", f"={slot},") for slot in range(3))
            text = f"{JOIN[0]}AT+CIPMUX=1⏎AT+CIPSERVER=1,{PORT}⏎{ids}"
        self._type(as_bytes(text, PORT), sizes)

    @rule(line=st.sampled_from([line for line in LINES if line]), sizes=cuts)
    def command(self, line: str, sizes: list[int]) -> None:
        """A command, or one that fits nowhere."""
        self._type(as_bytes(f"{line}⏎", PORT), sizes)

    @rule(
        link=st.sampled_from(["", "0,", "1,"]),
        length=st.integers(1, 2049),
        given_length=st.integers(0, 3),
        sizes=cuts,
    )
    def send(self, link: str, length: int, given_length: int, sizes: list[int]) -> None:
        """A command to send, with all, half or none of its payload behind it, or too much."""
        payload = b"x" * (length * given_length // 2)
        self._type(as_bytes(f"AT+CIPSEND={link}{length}⏎") + payload, sizes)
        self._prompted = length > 0 and given_length < 2

    @precondition(lambda self: self._prompted)
    @rule(length=st.integers(1, 2048), sizes=cuts)
    def payload(self, length: int, sizes: list[int]) -> None:
        """More of a payload."""
        self._type(b"y" * length, sizes)

    @rule(sizes=cuts)
    def pass_through(self, sizes: list[int]) -> None:
        """Pass-through, as far as there is a link for it."""
        self._type(b"AT+CIPMODE=1\r\nAT+CIPSEND\r\nthrough", sizes)

    @rule()
    def escape(self) -> None:
        """`+++` between silences."""
        self._act("1")
        self._type(b"+++", [3])
        self._act("1")

    @rule(noise=st.sampled_from(NOISE) | st.binary(max_size=30).map(lambda b: b.decode("latin-1")))
    def noise(self, noise: str) -> None:
        """Bytes that mean nothing, or something by chance."""
        self._type(as_bytes(noise), [1, 7])

    @rule(action=st.sampled_from([*GAPS, *"dDcCsSnlrupqQo"]))
    def surroundings(self, action: str) -> None:
        """Time passes; a peer, the access point, the cable or the line's reader does something."""
        self._act(action)

    def teardown(self) -> None:
        """Everything is brought to its end, and looked at."""

        async def work() -> None:
            try:
                for room in (self._whole, self._cut):
                    await room.come_back()
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
