"""What a session is told of its network, and what is no news."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from gateway.services.api import Address
from gateway.services.network.news import NetworkNews, Presence
from tests.services.network_contract import Recorder

HOME = Address("192.168.1.7", "192.168.1.1", "255.255.255.0")
OTHER = Address("192.168.1.8", "192.168.1.1", "255.255.255.0")
UP = Presence(1, HOME, 1, HOME)


def told(*presences: Presence) -> list[str]:
    """What a listener hears while the network goes through `presences`."""
    recorder, now = Recorder(), [presences[0]]

    async def work() -> None:
        news = NetworkNews(lambda: now[0])
        news.begin(recorder)
        for presence in presences:
            now[0] = presence
            news.announce()
        news.end()

    asyncio.run(work())
    return recorder.events


BEGINNING = ["ethernet connected", "ethernet 192.168.1.7", "connected", "got address"]


def test_an_address_that_is_away_for_a_moment_is_no_news() -> None:
    faded = replace(HOME, gateway="0.0.0.0")
    assert told(UP, Presence(1, None, 1, HOME), UP) == BEGINNING
    assert told(UP, Presence(1, faded, 1, HOME), UP) == BEGINNING
    assert told(UP, Presence(1, faded, 1, HOME), Presence(0, None, 1, HOME)) == [*BEGINNING, "lost"]


def test_another_address_after_a_moment_without_is_news() -> None:
    after = told(UP, Presence(1, None, 1, None), Presence(1, OTHER, 1, OTHER))
    assert after == [*BEGINNING, "ethernet 192.168.1.8", "got address"]


def test_the_same_address_in_another_stay_is_news() -> None:
    after = told(UP, Presence(0, None, 0, None), Presence(2, HOME, 2, HOME))
    assert after == [
        *BEGINNING,
        "ethernet lost",
        "lost",
        "ethernet connected",
        "ethernet 192.168.1.7",
        "connected",
        "got address",
    ]
