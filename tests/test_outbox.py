"""The only writer: order, holding back, silence in pass-through, and how much may wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gateway.outbox import Outbox
from tests.harness import FakeLine


def with_outbox(work: Callable[[Outbox, FakeLine], None]) -> None:
    async def main() -> None:
        line = FakeLine()
        work(Outbox(line), line)

    asyncio.run(main())


def test_each_message_is_one_write_in_its_order() -> None:
    def work(outbox: Outbox, line: FakeLine) -> None:
        outbox.write(b"reply")
        outbox.notify(b"news")
        outbox.write(b"another")
        assert line.writes == [b"reply", b"news", b"another"]

    with_outbox(work)


def test_news_wait_between_prompt_and_answer_and_keep_their_order() -> None:
    def work(outbox: Outbox, line: FakeLine) -> None:
        outbox.hold()
        outbox.write(b"prompt")
        outbox.notify(b"first")
        outbox.notify(b"second")
        outbox.write(b"answer")
        assert line.writes == [b"prompt", b"answer"]
        outbox.release()
        assert line.writes == [b"prompt", b"answer", b"first", b"second"]
        outbox.release()
        outbox.notify(b"third")
        assert line.writes[4:] == [b"third"]

    with_outbox(work)


def test_in_pass_through_no_news_are_written_then_or_later() -> None:
    def work(outbox: Outbox, line: FakeLine) -> None:
        outbox.muted = True
        outbox.notify(b"news")
        outbox.write(b"data")
        outbox.muted = False
        outbox.release()
        assert line.writes == [b"data"]

    with_outbox(work)


@pytest.mark.parametrize(
    ("baud", "budget"),
    [(None, 16384), (115200, 2048), (921600, 2048), (3000000, 6000), (100_000_000, 16384)],
)
def test_no_more_data_waits_than_leaves_within_20_ms(baud: int | None, budget: int) -> None:
    class PacedLine(FakeLine):
        def seconds(self, count: int) -> float:
            return count * 10 / baud if baud else 0.0

    async def main() -> None:
        line = PacedLine()
        outbox = Outbox(line)
        # fewer than 2048 bytes at a time would cost more turns than they spare waiting
        assert outbox.budget() == pytest.approx(budget, abs=1)
        line.slow = True
        outbox.write(bytes(1000))
        assert outbox.budget() == pytest.approx(budget - 1000, abs=1)
        outbox.write(bytes(20000))
        assert outbox.budget() < 0
        assert outbox.seconds_left() == pytest.approx(210000 / baud if baud else 0.0)

    asyncio.run(main())
