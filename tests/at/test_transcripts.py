"""Whole conversations through a real session, cut in every way: the same bytes come back."""

from __future__ import annotations

import asyncio

import pytest

from tests.at.transcripts import TRANSCRIPTS, Conversation, as_bytes
from tests.harness import Desk
from tests.session_parts import at_fake_desk, peer


def pieces(data: bytes, size: int) -> list[bytes]:
    """`data` in pieces of `size` bytes, 0 for one piece."""
    size = size or len(data)
    return [data[start : start + size] for start in range(0, len(data), size)]


async def replay(desk: Desk, typed: bytes, written: bytes, size: int, turns: int) -> None:
    """Type in pieces, with so many turns of the loop between, and compare what is written."""
    for piece in pieces(typed, size):
        desk.type(piece)
        await desk.turns(turns)
    answer = b""
    while len(answer) < len(written):
        desk.line.news.clear()
        fresh = desk.unread()
        answer += fresh
        if not fresh:
            async with asyncio.timeout(desk.patience):
                await desk.line.news.wait()
    assert answer == written


def conversation(rows: Conversation, port: int) -> list[tuple[bytes, bytes]]:
    return [(as_bytes(typed, port), as_bytes(written, port)) for typed, written in rows]


@pytest.mark.parametrize("size", [0, 1, 2, 7])
@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_row_by_row(name: str, size: int) -> None:
    async def work(desk: Desk) -> None:
        async with peer() as made:
            for typed, written in conversation(TRANSCRIPTS[name], made.port):
                await replay(desk, typed, written, size, 0)
            await asyncio.sleep(1)
            assert desk.unread() == b""

    at_fake_desk(work)


@pytest.mark.parametrize("turns", [0, 1])
@pytest.mark.parametrize("size", [0, 1, 2, 7])
@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_without_waiting_for_any_answer(name: str, size: int, turns: int) -> None:
    async def work(desk: Desk) -> None:
        async with peer() as made:
            rows = conversation(TRANSCRIPTS[name], made.port)
            typed, written = (b"".join(column) for column in zip(*rows, strict=True))
            await replay(desk, typed, written, size, turns)
            await asyncio.sleep(1)
            assert desk.unread() == b""

    at_fake_desk(work)
