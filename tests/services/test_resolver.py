"""Host names to addresses: off the loop, limited, and never in the way of the process's end."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.services import resolver
from gateway.services.api_links import LookupFailed
from gateway.services.resolver import MOST_AT_ONCE, resolve

STREAM = (socket.AF_INET, socket.SOCK_STREAM, 6, "")


def test_an_address_is_its_own_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "getaddrinfo")
    assert asyncio.run(resolve("10.1.2.3", 80, socket.AF_INET)) == [("10.1.2.3", 80)]
    assert asyncio.run(resolve("::1", 80, socket.AF_INET6)) == [("::1", 80)]


def test_all_addresses_in_the_systems_order(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def answer(*question: object) -> list[object]:
        asked.append(question)
        return [(*STREAM, ("10.0.0.2", 80)), (*STREAM, ("10.0.0.1", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    found = asyncio.run(resolve("two.example", 80, socket.AF_INET))
    assert found == [("10.0.0.2", 80), ("10.0.0.1", 80)]
    assert asked == [("two.example", 80, socket.AF_INET, socket.SOCK_STREAM)]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not"),
        (UnicodeError("label too long"), "not a name that DNS can hold"),
        (OSError(24, "Too many open files"), "Too many open files"),
    ],
)
def test_a_failure_tells_its_cause(
    error: Exception, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> list[object]:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(LookupFailed, match=f"a.example: {cause}"):
        asyncio.run(resolve("a.example", 80, socket.AF_INET))


@pytest.fixture
def silent_name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Lookups answer only once the event is set."""
    answered = threading.Event()

    def wait(*_: object) -> list[object]:
        answered.wait()
        return [(*STREAM, ("10.0.0.1", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    monkeypatch.setattr(resolver, "_running", threading.BoundedSemaphore(MOST_AT_ONCE))
    yield answered
    answered.set()
    for thread in threading.enumerate():
        if thread.name == "lookup":
            thread.join(10)


def test_a_lookup_can_be_given_up(silent_name_server: threading.Event) -> None:
    async def work() -> None:
        lookup = asyncio.ensure_future(resolve("slow.example", 80, socket.AF_INET))
        await asyncio.sleep(0)
        lookup.cancel()
        with pytest.raises(asyncio.CancelledError):
            await lookup
        # the answer comes when nobody waits for it any more
        silent_name_server.set()
        assert await resolve("slow.example", 80, socket.AF_INET) == [("10.0.0.1", 80)]

    asyncio.run(work())


def test_there_is_a_limit_to_lookups_that_hang(silent_name_server: threading.Event) -> None:
    async def work() -> None:
        lookups = [
            asyncio.ensure_future(resolve(f"{number}.example", 80, socket.AF_INET))
            for number in range(MOST_AT_ONCE)
        ]
        await asyncio.sleep(0)
        with pytest.raises(LookupFailed, match="8 lookups hang already"):
            await resolve("one.more.example", 80, socket.AF_INET)
        silent_name_server.set()
        assert await asyncio.gather(*lookups) == [[("10.0.0.1", 80)]] * MOST_AT_ONCE
        assert await resolve("one.more.example", 80, socket.AF_INET) == [("10.0.0.1", 80)]

    asyncio.run(work())


FOREVER = """
import asyncio, socket, threading
from gateway.services.resolver import resolve
from gateway.services.waiting import within

socket.getaddrinfo = lambda *_: threading.Event().wait()
try:
    asyncio.run(within(0.05, resolve("slow.example", 80, socket.AF_INET)))
except TimeoutError:
    print("given up")
"""


def test_a_lookup_that_hangs_does_not_hold_up_the_process() -> None:
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", FOREVER],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert (ended.stdout, ended.stderr) == ("given up\n", "")
