"""The other end's hanging up is noticed beside whoever reads."""

from __future__ import annotations

import asyncio
import socket

from gateway.services.network.hang_up import HangUp


def test_it_is_told_once_and_not_for_what_is_read() -> None:
    async def run() -> None:
        here, there = socket.socketpair()
        told = asyncio.Event()
        with here, there:
            watch = HangUp(here.fileno(), told.set)
            there.send(b"read by somebody else")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not told.is_set()
            there.close()
            async with asyncio.timeout(10):
                await told.wait()
            assert here.recv(100) == b"read by somebody else"
            watch.close()

    asyncio.run(run())


def test_it_is_told_though_the_socket_was_closed_at_once() -> None:
    async def run() -> None:
        here, there = socket.socketpair()
        told = asyncio.Event()
        HangUp(here.fileno(), told.set)
        there.close()
        here.close()
        async with asyncio.timeout(10):
            await told.wait()

    asyncio.run(run())


def test_closed_it_tells_nothing() -> None:
    async def run() -> None:
        here, there = socket.socketpair()
        told = asyncio.Event()
        watch = HangUp(here.fileno(), told.set)
        watch.close()
        there.close()
        here.close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not told.is_set()

    asyncio.run(run())
