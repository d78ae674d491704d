"""The lives of links from the microcontroller's end: sent, received, closed, and judged."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable

from tests.endurance.soak.conversation import Reply
from tests.endurance.soak.patience import PatientSlots
from tests.endurance.soak.plans import GONE_AT_ONCE, NO_LINK
from tests.endurance.soak.slots import Link
from tests.endurance.soak.streams import Wrong
from tests.endurance.soak.talk import HELLO, Talk

FAR_END_WITHIN = 40.0


class Links(PatientSlots):
    """Plays the microcontroller's part of talks; what ended how is in `endings`."""

    def __init__(
        self, wrong: Callable[[str], None], disturbed: Callable[..., bool], *, lost: str, back: str
    ) -> None:
        super().__init__(wrong, disturbed, lost=lost, back=back)
        self.endings: Counter[tuple[str, str]] = Counter()
        self._lives: set[asyncio.Task[None]] = set()

    def accepted(self, link: Link) -> None:
        """Live the life of a client."""
        task = asyncio.ensure_future(self._live_accepted(link))
        self._lives.add(task)
        task.add_done_callback(self._lives.discard)

    async def idle(self) -> None:
        """Return when every life is over."""
        while self._lives:
            await asyncio.wait(self._lives)

    async def open(self, slot: int, talk: Talk, host: str, port: int, parts: str = "") -> bool:
        """Open a link and live it to its end; False if it did not come about."""
        kind = "SSL" if talk.plan.tls else "TCP"
        id_ = f"{slot}," if self.multiplexed else ""
        link = self._slots[slot] = Link(slot, talk)
        line = f'AT+CIPSTART={id_}"{kind}","{host}",{port}{parts}'
        reply = await self.mcu.ask_then(lambda: None if link.closed else line)
        if reply is None or not reply.ok:
            if self._slots[slot] is link:
                self._slots[slot] = None
            await self._not_opened(link, talk, reply)
            return False
        if talk.plan.kind in NO_LINK:
            raise Wrong(f"AT+CIPSTART opened a link to {talk.plan.kind}")
        await self.live(link)
        return True

    async def _not_opened(self, link: Link, talk: Talk, reply: Reply | None) -> None:
        kind = talk.plan.kind
        expected = kind in NO_LINK or kind in GONE_AT_ONCE
        refused = expected and "connect fail" in str(reply)
        if reply is not None and not refused and not self.disturbed(link.made_at):
            raise Wrong(f"AT+CIPSTART to {kind} (link {talk.number}): {reply}")
        talk.excuse()
        if talk.far_end is not None:
            talk.far_end.cancel()
        await self.over(talk, "refused" if refused else "not opened", link.made_at)

    async def _live_accepted(self, link: Link) -> None:
        try:
            while link.talk is None and not link.closed:
                await self._pull(link)
                if link.talk is None and not link.closed and not (link.waiting and self.passive):
                    await self.news(link)
            if link.talk is not None:
                await self.live(link)
            else:
                self.endings["a client without a word", "broken off"] += 1
        except (AssertionError, TimeoutError) as error:
            self.wrong(f"{type(error).__name__}: {error}")

    async def live(self, link: Link) -> None:
        """Play the microcontroller's part of a talk, to the end of both ends."""
        talk = link.talk
        assert talk is not None
        pulling = asyncio.ensure_future(self._keep_pulling(link))
        try:
            failed = await self._send_all(link, talk)
            await self._until_leaving(link, talk)
            how = await self._leave(link, talk)
        finally:
            pulling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pulling
        await self.over(talk, "SEND FAIL" if failed else how, link.made_at)

    async def _send_all(self, link: Link, talk: Talk) -> bool:
        """Send what the plan says, while there is a link; whether a payload was not taken."""
        plan = talk.plan
        until = plan.patience if plan.leaves == "early" and plan.up else plan.up
        while not link.closed and talk.sent_up < until:
            size = min(until - talk.sent_up, talk.random.randint(1, plan.largest))
            if talk.random.random() < 0.3:
                size = min(until - talk.sent_up, plan.largest)
            talk.unsure_up = size
            id_ = f"{link.slot}," if self.multiplexed else ""
            line = f"AT+CIPSEND={id_}{size}"
            reply = await self.mcu.send(
                lambda line=line: None if link.closed else line,  # type: ignore[misc]
                lambda size=size: self._payload(link, talk, size),  # type: ignore[misc]
            )
            if reply is None:
                break
            if reply.final == "SEND OK":
                talk.sent_up += size
                talk.unsure_up = 0
                self.bytes_up += size
                if f"Recv {size} bytes" not in reply.lines:
                    raise Wrong(f"AT+CIPSEND of {size}: {reply}")
            elif reply.final == "SEND FAIL":
                # part of it may have gone
                talk.excuse()
                if not link.closed and not self._may_fail(talk):
                    raise Wrong(f"link {talk.number} ({plan.kind}): {reply}")
                await self.closed(link, talk)
                return True
            else:
                talk.unsure_up = 0
                if "link is not valid" not in reply.lines:
                    raise Wrong(f"{line}: {reply}")
                await self.closed(link, talk)
        return False

    def _payload(self, link: Link, talk: Talk, size: int) -> list[bytes]:
        """What is sent at the prompt, in one piece or two.

        Nothing, so that it ends by itself after 10 s, where a client has taken the slot that
        was just left: the prompt is for its link.
        """
        if link.closed and self._slots[link.slot] is not None:
            return []
        data = talk.up_stream.part(talk.sent_up, size)
        cut = talk.random.randint(0, size)
        return [data[:cut], data[cut:]] if 0 < cut < size else [data]

    def _may_fail(self, talk: Talk) -> bool:
        """Whether the peer may have closed, or taken nothing for long."""
        ends_first = talk.plan.leaves == "far" and talk.plan.kind != "both ways"
        return ends_first or talk.plan.kind == "stall" or talk.down_excused or self.disturbed()

    async def _until_leaving(self, link: Link, talk: Talk) -> None:
        """Wait until it is time for the microcontroller to close, or it is closed."""
        plan = talk.plan
        if plan.leaves == "far":
            await self.closed(link, talk)
        wanted = talk.sent_up if plan.kind == "echo" else 0
        if plan.leaves == "early" and plan.kind != "stall":
            wanted = plan.patience
        while not link.closed and talk.down.count < wanted:
            await self.news(link)

    async def _leave(self, link: Link, talk: Talk) -> str:
        """Close, unless it is closed; how it ended."""
        if link.closed:
            return "broken off" if talk.up_excused or talk.down_excused else "in order"
        plan = talk.plan
        if plan.leaves == "early":
            talk.excuse()
        id_ = f"{link.slot}," if self.multiplexed else ""
        if plan.abort:
            talk.excuse()
            mode = f"AT+CIPCLOSEMODE={id_}1"
            reply = await self.mcu.ask_then(lambda: None if link.closed else mode)
            if reply is not None and self[link.slot] is not link:
                # it was closed when that came: the mode would be the next link's
                await self.mcu.ask(f"AT+CIPCLOSEMODE={id_}0")
        await self.close(link)
        await self.closed(link, talk)
        return "aborted" if plan.abort else "closed early" if plan.leaves == "early" else "in order"

    async def open_only(self, talk: Talk, host: str, port: int) -> None:
        """Open the only link, for pass-through. Raises Wrong."""
        link = self._slots[0] = Link(0, talk)
        kind = "SSL" if talk.plan.tls else "TCP"
        reply = await self.mcu.ask(f'AT+CIPSTART="{kind}","{host}",{port}')
        if not reply.ok or not link.opened:
            raise Wrong(f"AT+CIPSTART: {reply}")

    async def close_only(self, talk: Talk) -> None:
        """Close it after pass-through."""
        link = self._slots[0]
        if link is None:
            raise Wrong("the link was closed in pass-through")
        link.leaving = True
        reply = await self.mcu.ask("AT+CIPCLOSE")
        if not reply.ok or not link.closed:
            raise Wrong(f"AT+CIPCLOSE: {reply}")

    async def over(self, talk: Talk, how: str, since: float) -> None:
        """Wait for the far end of a link that was made at `since` and has ended, and judge.

        One whose end the network has lost hears no more of it: it is left. Raises Wrong where
        the network was in order.
        """
        ended = time.monotonic()
        suffix = " (TLS)" if talk.plan.tls else " (client)" if talk.claimed else ""
        self.endings[talk.plan.kind.removesuffix(" TLS") + suffix, how] += 1
        if talk.far_end is not None:
            if talk.plan.kind == "stall":
                talk.far_end.cancel()
            done, _ = await asyncio.wait((talk.far_end,), timeout=FAR_END_WITHIN)
            if not done:
                if not self.disturbed(ended):
                    said = f"link {talk.number} ({talk.plan.kind}, {how}) is closed"
                    raise Wrong(f"{said}, its far end is not")
                talk.excuse()
                talk.far_end.cancel()
                await asyncio.wait((talk.far_end,))
                self.half_open["far end"] += 1
        if talk.broken and self.disturbed(since):
            talk.excuse()
        if (verdict := talk.verdict()) is not None:
            raise Wrong(f"link {talk.number} ({talk.plan.kind}, {how}): {verdict}")

    # reading

    async def _keep_pulling(self, link: Link) -> None:
        try:
            while not link.closed:
                await link.to_pull.wait()
                link.to_pull.clear()
                await self._pull(link)
        except AssertionError as error:
            self.wrong(f"{type(error).__name__}: {error}")

    async def _pull(self, link: Link) -> None:
        """Read what waits, in passive mode."""
        asked = least = came = 0

        def line() -> str | None:
            nonlocal asked, least, came
            if not link.waiting or not self.passive or link.closed or link.leaving:
                return None
            asked = link.talk.random.choice((1, 99, 1460, 2048, 2048)) if link.talk else HELLO
            least, came = min(asked, link.waiting), 0
            id_ = f"{link.slot}," if self.multiplexed else ""
            return f"AT+CIPRECVDATA={id_}{asked}"

        def taken(data: bytes) -> None:
            nonlocal came
            came = len(data)
            self.received(link, data)

        while (reply := await self.mcu.ask_then(line, taken)) is not None:
            # with a network in disorder the link may have been closed meanwhile
            if reply.ok and not least <= came <= asked:
                raise Wrong(f"{asked} bytes asked, at least {least} there, {came} came")
            if not reply.ok and not link.closed:
                raise Wrong(f"AT+CIPRECVDATA of link {link.slot}: {reply}")
