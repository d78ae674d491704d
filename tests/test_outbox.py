"""The only writer: order, holding back, silence in pass-through, and how much may wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gateway.outbox import Change, News, Outbox
from gateway.services.api import Interface
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


BUDGET = 16384


def news(text: str) -> News:
    """`w` is of Wi-Fi, `e` of Ethernet; `-` lost, `+` connected, `=` has an address."""
    interface = Interface.STATION if text[0] == "w" else Interface.ETHERNET
    return News(text.encode(), interface, Change("-+=".index(text[1])))


def tell(outbox: Outbox, texts: str) -> None:
    for text in texts.split():
        outbox.notify_of(news(text))


def test_news_of_the_network_wait_for_room_and_the_next_reply_takes_them_along() -> None:
    def work(outbox: Outbox, line: FakeLine) -> None:
        tell(outbox, "w+")
        line.slow = True
        outbox.write(bytes(BUDGET))
        tell(outbox, "w=1 e-")
        outbox.catch_up()
        assert line.writes == [b"w+", bytes(BUDGET)]
        outbox.write(b"reply")
        assert line.writes[2:] == [b"w=1", b"e-", b"reply"]
        tell(outbox, "w-")
        outbox.notify(b"link")
        assert line.writes[5:] == [b"w-", b"link"]
        tell(outbox, "w+")
        line._buffered = 0
        outbox.catch_up()
        assert line.writes[7:] == [b"w+"]

    with_outbox(work)


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ("w- w+ w=1 e-", "w- w+ w=1 e-"),
        ("w- w+ w=1 " * 99, "w- w+ w=1"),
        ("w=1 w- w+ " * 99, "w- w+"),
        ("w- w+ e- w=1 " * 99 + "w-", "e- w-"),
        ("w+ w=1 w- " * 99, "w-"),
        ("w=1 e=1 " * 99 + "e=2 w=2", "e=2 w=2"),
    ],
)
def test_of_those_that_wait_for_room_the_outdated_are_left_out(told: str, left: str) -> None:
    def work(outbox: Outbox, line: FakeLine) -> None:
        line.slow = True
        outbox.write(bytes(BUDGET))
        tell(outbox, told)
        assert len(line.writes) == 1
        line._buffered = 0
        outbox.catch_up()
        assert b" ".join(line.writes[1:]).decode() == left

    with_outbox(work)


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ("w- w+ w=1 e- " * 4, "w- w+ w=1 e- " * 4),
        ("w- w+ w=1 e- " * 4 + "e+", "w- w+ w=1 e- e+"),
        ("w- w+ w=1 e- " * 4 + "w-", "e- w-"),
    ],
)
def test_of_many_that_wait_for_a_reply_the_outdated_are_left_out(told: str, left: str) -> None:
    def work(outbox: Outbox, line: FakeLine) -> None:
        outbox.hold()
        tell(outbox, told)
        outbox.release()
        assert b" ".join(line.writes).decode() == left.strip()

    with_outbox(work)


def test_what_waits_of_links_is_never_left_out() -> None:
    def work(outbox: Outbox, line: FakeLine) -> None:
        outbox.hold()
        outbox.notify(b"link")
        tell(outbox, "w- w+ " * 20)
        outbox.notify(b"link")
        outbox.release()
        assert line.writes.count(b"link") == 2
        assert line.writes[0] == line.writes[-1] == b"link"

    with_outbox(work)


def test_what_waits_is_not_written_by_one_who_is_cut_off() -> None:
    def work(outbox: Outbox, line: FakeLine) -> None:
        line.slow = True
        outbox.write(bytes(BUDGET))
        tell(outbox, "w-")
        outbox.cut_off()
        outbox.catch_up()
        assert line.writes == [bytes(BUDGET)]

    with_outbox(work)
