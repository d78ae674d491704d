"""What a soak plays on: the rig, the links, and what is in disorder at the moment."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections import Counter
from collections.abc import Iterator

from tests.endurance.soak.credentials import Credentials
from tests.endurance.soak.links import Links
from tests.endurance.soak.plans import Scale
from tests.endurance.soak.rigs import Rig
from tests.endurance.soak.streams import Wrong
from tests.endurance.soak.talk import Plan, Talk

_SMALL = 4096


class Stage:
    """Makes talks and places for their far ends; what is wrong is in `failures`."""

    def __init__(self, rig: Rig, seed: int, scale: Scale, credentials: Credentials) -> None:
        self.rig = rig
        self.seed = seed
        self.scale = scale
        self.credentials = credentials
        self.links = Links(self.fail, self.disturbed, lost=rig.lost, back=rig.back)
        self.disturbances: Counter[str] = Counter()
        self.failures: list[str] = []
        self.failed = asyncio.Event()
        self.own = ""
        """The gateway's address, for clients from outside."""
        self._number = 0
        self._disturbing = 0
        self._calm_at = 0.0

    def fail(self, text: str) -> None:
        """Something is wrong: the soak ends."""
        self.failures.append(text)
        self.failed.set()

    def disturbed(self, since: float | None = None) -> bool:
        """Whether the network is, or was a moment ago, in disorder; or was so `since` then."""
        moment = time.monotonic() if since is None else since
        return self._disturbing > 0 or moment < self._calm_at

    @contextlib.contextmanager
    def disturbance(self, name: str, calm_after: float | None = None) -> Iterator[None]:
        """Something that happens to the network during the `with`."""
        self.disturbances[name] += 1
        self._disturbing += 1
        try:
            yield
        finally:
            self._disturbing -= 1
            calm_after = self.rig.calm_after if calm_after is None else calm_after
            self._calm_at = max(self._calm_at, time.monotonic() + calm_after)

    async def begin(self) -> None:
        """Join what the rig joins, and learn the gateway's address."""
        mcu, rig = self.links.mcu, self.rig
        await mcu.heard_ready()
        await mcu.ask("ATE0")
        if rig.joins and not (reply := await mcu.ask(rig.joins)).ok:
            raise Wrong(f"joining: {reply}")
        await self.links.online.wait()
        # so that the connection to the time servers' service is open from the start
        await mcu.ask("AT+CIPSNTPCFG=1,0")
        if "." in rig.own:
            self.own = rig.own
            return
        reply = await mcu.ask("AT+CIFSR")
        (self.own,) = [
            line.split('"')[1] for line in reply.lines if line.startswith(f"+CIFSR:{rig.own},")
        ]

    def talk(self, plan: Plan) -> Talk:
        """A talk with a number of its own."""
        self._number += 1
        talk = Talk(self.seed, self._number, plan)
        if plan.tls:
            talk.context = self.credentials.context
        return talk

    def listener(self, talk: Talk) -> socket.socket:
        """Where the talk's far end is to be reached; the caller closes it."""
        listener = self.rig.make_socket()
        listener.setblocking(False)
        if talk.plan.kind == "stall":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
        listener.bind((self.rig.host, 0))
        if talk.plan.kind != "refused":
            listener.listen(1)
        return listener
