"""Which access point is joined after a reset or a start (contract, sections 1 to 3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from gateway.services.network.simulated import World
from tests import fake_time
from tests.commands.dialog import OK, answer, hold, news, shown
from tests.served import READY, Served, serve

WIRED = "+ETH_CONNECTED⏎+ETH_GOT_IP:192.168.101.20⏎"
WIRELESS = "WIFI CONNECTED⏎WIFI GOT IP⏎"
JOINED = WIRELESS + OK
SIM = '"esp-at-sim","password"'
OPEN = '"esp-at-open",""'


def at_pace(directory: Path, work: Callable[[Served], Coroutine[Any, Any, None]]) -> None:
    """Do `work` with a program on `directory`, at the realistic pace of a fake time."""
    serve(work, directory, World(), runner=fake_time.run)


async def restart(served: Served, line: str = "AT+RST") -> None:
    """Reset, up to `ready`."""
    served.type(line + "\r\n")
    assert shown(await served.expect(READY)) == "⏎OK⏎⏎ready⏎"


async def joined(served: Served) -> bytes | None:
    """The name of the access point that is joined at last."""
    await asyncio.sleep(120)
    point = served.network.station.access_point
    return point.ssid if point else None


@pytest.mark.parametrize(
    ("before", "at_once", "later", "ends_at"),
    [
        ([f"AT+CWJAP={SIM}"], WIRED + WIRELESS, "", b"esp-at-sim"),
        ([f"AT+CWJAP_DEF={SIM}", f"AT+CWJAP_CUR={SIM}"], WIRED + WIRELESS, "", b"esp-at-sim"),
        ([f"AT+CWJAP_CUR={SIM}"], WIRED, "", None),
        ([f"AT+CWJAP_DEF={SIM}", f"AT+CWJAP_CUR={OPEN}"], WIRED, WIRELESS, b"esp-at-sim"),
        ([f"AT+CWJAP_DEF={SIM}", "AT+CWQAP"], WIRED, WIRELESS, b"esp-at-sim"),
        ([f"AT+CWJAP_DEF={SIM}", "AT+CWAUTOCONN=0"], WIRED, "", None),
        ([f"AT+CWJAP_DEF={SIM}", "AT+CWMODE_DEF=2"], WIRED, "", None),
        ([f"AT+CWJAP_DEF={SIM}", "AT+CWMODE_CUR=2"], WIRED, WIRELESS, b"esp-at-sim"),
        ([f"AT+CWJAP_DEF={SIM}", "AT+CWMODE_CUR=3"], WIRED + WIRELESS, "", b"esp-at-sim"),
    ],
)
def test_a_reset_keeps_the_station_only_if_the_stored_one_is_joined(
    before: list[str], at_once: str, later: str, ends_at: bytes | None, tmp_path: Path
) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        for line in before:
            assert OK in await answer(served, line)
        await restart(served)
        assert await news(served) == at_once
        name = await joined(served)
        assert (shown(served.unread()), name) == (later, ends_at)

    at_pace(tmp_path, work)


@pytest.mark.parametrize(
    ("before", "said", "ends_at"),
    [
        ([f"AT+CWJAP={SIM}"], WIRELESS, b"esp-at-sim"),
        ([f"AT+CWJAP={SIM}", f"AT+CWJAP={OPEN}"], WIRELESS, b"esp-at-open"),
        ([f"AT+CWJAP={SIM}", "AT+CWQAP"], WIRELESS, b"esp-at-sim"),
        ([f"AT+CWJAP={SIM}", f"AT+CWJAP_CUR={OPEN}"], WIRELESS, b"esp-at-sim"),
        ([f"AT+CWJAP={SIM}", "AT+CWAUTOCONN=0"], "", None),
        ([f"AT+CWJAP={SIM}", "AT+CWMODE=2"], "", None),
        ([f"AT+CWJAP={SIM}", "AT+CWMODE=3"], WIRELESS, b"esp-at-sim"),
        ([f"AT+CWJAP_CUR={SIM}"], "", None),
    ],
)
def test_at_the_next_start(
    before: list[str], said: str, ends_at: bytes | None, tmp_path: Path
) -> None:
    async def first(served: Served) -> None:
        await served.quiet()
        for line in before:
            assert OK in await answer(served, line)

    async def second(served: Served) -> None:
        assert await news(served) == WIRED
        name = await joined(served)
        assert (shown(served.unread()), name) == (said, ends_at)

    at_pace(tmp_path, first)
    at_pace(tmp_path, second)


def test_autoconnect_switched_on_joins_only_at_the_next_start(tmp_path: Path) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        await hold(
            served,
            (f"AT+CWJAP={SIM}", JOINED),
            ("AT+CWQAP", "⏎OK⏎WIFI DISCONNECT⏎"),
            ("AT+CWAUTOCONN=1", OK),
        )
        assert await joined(served) is None
        await restart(served)
        assert await joined(served) == b"esp-at-sim"

    at_pace(tmp_path, work)


@pytest.mark.parametrize("seconds", [0, 0.4, 0.6, 0.8])
def test_a_reset_in_the_middle_of_a_join_stores_nothing(seconds: float, tmp_path: Path) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        served.type(f"AT+CWJAP_DEF={SIM}\r\n")
        await asyncio.sleep(seconds)
        served.unread()
        served.type("AT+RST\r\n")
        # an access point that was told as connected may be told as left, nothing else
        said = shown(await served.expect(READY)).replace("WIFI DISCONNECT⏎", "")
        assert said == "⏎OK⏎⏎ready⏎"
        assert await news(served) == WIRED
        assert await joined(served) is None
        assert served.settings.stored.access_point is None

    at_pace(tmp_path, work)


def test_restore_forgets_the_access_point(tmp_path: Path) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        await hold(served, (f"AT+CWJAP={SIM}", JOINED))
        await restart(served, "AT+RESTORE")
        assert await news(served) == WIRED
        assert await joined(served) is None
        await served.quiet()
        await restart(served)
        assert await joined(served) is None

    at_pace(tmp_path, work)


def test_the_network_hears_of_it_at_once(tmp_path: Path) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        with patch.object(served.network, "apply", wraps=served.network.apply) as apply:
            await hold(served, ("AT+CWAUTOCONN=0", OK), ("AT+CWAUTOCONN=1", OK))
        wanted = [call.args[0].autoconnect for call in apply.call_args_list]
        assert wanted == [False, True]

    at_pace(tmp_path, work)
