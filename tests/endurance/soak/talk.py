"""One link's life, as both of its ends know it, and whether what arrived is what was sent."""

from __future__ import annotations

import asyncio
import random
import ssl
from dataclasses import dataclass

from tests.endurance.soak.streams import Arriving, Stream

HELLO = 8
"""Bytes ahead of the stream by which a client of our servers tells which talk it has."""


@dataclass(frozen=True)
class Plan:
    """What the two ends have in mind; either may be kept from it.

    `up` bytes are the microcontroller's, in AT+CIPSENDs of at most `largest`; `down` those of
    the far end. `leaves` is when the microcontroller closes: never ("far": the far end does),
    once all has arrived ("done"), or after `patience` bytes ("early").
    """

    kind: str
    tls: bool = False
    up: int = 0
    down: int = 0
    largest: int = 2048
    leaves: str = "far"
    patience: int = 0
    abort: bool = False


class Talk:
    """A plan, and how far it went.

    `excuse` says that from now on bytes may be lost, never that one may be wrong.
    """

    def __init__(self, seed: int, number: int, plan: Plan) -> None:
        self.number = number
        self.plan = plan
        self.random = random.Random(f"{seed}/{number}")
        name = f"link {number} ({plan.kind}), "
        self.up_stream = Stream(f"{name}seed {seed}, sent")
        self.up = Arriving(self.up_stream.name)
        # an echo is what was sent
        down = self.up_stream.name if plan.kind == "echo" else f"{name}seed {seed}, received"
        self.down_stream = Stream(down)
        self.down = Arriving(down)
        self.sent_up = 0
        self.unsure_up = 0
        self.sent_down = 0
        self.up_excused = plan.kind == "stall"
        self.down_excused = False
        self.was_reset = False
        """Whether the far end saw its connection reset."""
        self.broken = False
        """Whether the far end's connection ended by an error."""
        self.context: ssl.SSLContext | None = None
        """The far end's, where it speaks TLS."""
        self.far_end: asyncio.Task[None] | None = None
        self.arrived = asyncio.Event()
        """Set when more has arrived at the far end, or it has begun or ended."""
        self.down_news = asyncio.Event()
        """Set when the microcontroller has received more."""
        self.far_is_there = False
        self.claimed = False
        """Whether the microcontroller has been told that this client is here."""

    @property
    def hello(self) -> bytes:
        """What a client of our servers sends first."""
        return self.number.to_bytes(HELLO)

    def receive(self, data: bytes) -> None:
        """The microcontroller has received some of the far end's bytes. Raises Wrong."""
        self.down.feed(data)
        self.down_news.set()

    def excuse(self) -> None:
        """The link was broken off: either way the end may be missing."""
        self.up_excused = self.down_excused = True

    def verdict(self) -> str | None:
        """What is wrong with the totals of both ways, both ends being gone; None if nothing."""
        most_up = self.sent_up + self.unsure_up
        if self.up.count > most_up:
            return f"{self.up.count} bytes arrived of {most_up} sent"
        if self.down.count > self.sent_down:
            return f"{self.down.count} bytes were received of {self.sent_down} sent"
        if not self.up_excused and self.up.count < self.sent_up:
            return f"SEND OK for {self.sent_up} bytes, and {self.up.count} arrived"
        if not self.down_excused and self.down.count < self.sent_down:
            return f"{self.sent_down} bytes were sent, and {self.down.count} received"
        if self.was_reset and not self.up_excused:
            return "the gateway reset the connection"
        return None
