"""The microcontroller is reset in the middle of something, and begins anew with an `AT`.

It has no wire to the gateway's reset pin, so the gateway hears nothing of it but what comes:
the noise of a pin that floats while the board boots, and then a library that looks for it.
"""

from __future__ import annotations

import asyncio
import functools

import pytest

from tests import fake_time
from tests.harness import Desk, at_desk
from tests.peers import listening
from tests.services.authority import self_signed
from tests.session_parts import written

in_fake_time = functools.partial(at_desk, runner=fake_time.run)

NOISE = b"\x00\xff\xf0\x00~"
LOOKING = b"AT\r\n"
OK = written("⏎OK⏎")


async def look_every(desk: Desk, seconds: float, at_most: int) -> int:
    """Type `AT` as a library does until something but an OK comes; how often that was."""
    for count in range(at_most):
        desk.type(LOOKING)
        await asyncio.sleep(seconds)
        if desk.line.output[desk._read :]:
            return count + 1
    raise AssertionError("nothing ever came")


def test_in_the_middle_of_a_payload_a_pause_of_ten_seconds_is_the_way_out() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            peer = await server.link(desk)
            await desk.ask("AT+CIPSEND=100", b"> ")
            desk.type(b"half a payload" + NOISE + LOOKING)
            came = asyncio.get_running_loop().time()
            desk.patience = 20
            assert await desk.expect(b"FAIL\r\n") == written("⏎SEND FAIL⏎")
            assert asyncio.get_running_loop().time() - came == pytest.approx(10, abs=0.01)
            assert await desk.ask("AT") == OK
            # nothing of it has gone out, and the link is there
            await desk.ask("AT+CIPSEND=4", b"> ")
            desk.type("next")
            assert await peer.receive(4) == b"next"

    in_fake_time(work)


def test_in_the_middle_of_a_payload_a_library_that_goes_on_asking_fills_it() -> None:
    """As with an ESP: what it asks is payload, at most as many bytes as were announced."""

    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            peer = await server.link(desk)
            await desk.ask("AT+CIPSEND=30", b"> ")
            desk.type(b"half a payload" + NOISE)
            assert await look_every(desk, 1, 10) == 3
            assert await peer.receive(30) == b"half a payload" + NOISE + b"AT\r\nAT\r\nAT\r"
            # the last one's LF is a line of its own
            assert desk.unread() == written("⏎Recv 30 bytes⏎⏎SEND OK⏎⏎ERROR⏎")
            assert await desk.ask("AT") == OK

    in_fake_time(work)


@pytest.mark.parametrize("noise", [NOISE, b"\x80", b"\x00"])
def test_in_the_middle_of_a_certificate_noise_ends_it(noise: bytes) -> None:
    text = self_signed().pem

    async def work(desk: Desk) -> None:
        await desk.quiet()
        await desk.ask("AT+CIPSSLCERT", b">")
        desk.type(text[:200] + noise)
        assert desk.unread() == written("⏎ERROR⏎")
        # the first `AT` is still swallowed, for it came within a second
        desk.type(LOOKING)
        await asyncio.sleep(1)
        assert desk.unread() == b""
        assert await desk.ask("AT") == OK
        assert b"no cert" in await desk.refused("AT+CIPSSLCERT?")

    in_fake_time(work)


def test_in_the_middle_of_a_certificate_a_pause_of_twenty_seconds_is_the_way_out() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        await desk.ask("AT+CIPSSLCERT", b">")
        desk.type(self_signed().pem[:200] + LOOKING)
        came = asyncio.get_running_loop().time()
        desk.patience = 30
        assert await desk.expect(b"ERROR\r\n") == written("⏎ERROR⏎")
        assert asyncio.get_running_loop().time() - came == pytest.approx(20, abs=0.01)
        assert await desk.ask("AT") == OK

    in_fake_time(work)


def test_in_the_middle_of_a_certificate_a_library_that_goes_on_asking_gets_through() -> None:
    """What it asks is text, until that is longer than any certificate."""

    async def work(desk: Desk) -> None:
        await desk.quiet()
        await desk.ask("AT+CIPSSLCERT", b">")
        desk.type(self_signed().pem[:200])
        # an `AT` with its line end is three characters
        assert await look_every(desk, 1.1, 2000) == pytest.approx((4096 - 200) / 3, abs=3)
        assert desk.unread() == written("⏎ERROR⏎")
        assert await desk.ask("AT") == OK

    in_fake_time(work)


def test_in_pass_through_the_escape_is_the_way_out() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await desk.ask("AT+CIPMODE=1")
            peer = await server.link(desk)
            await desk.ask("AT+CIPSEND", b">")
            desk.type(b"half" + NOISE + LOOKING)
            assert await peer.receive(13) == b"half" + NOISE + LOOKING
            await asyncio.sleep(1)
            desk.type(LOOKING)
            assert await peer.receive(4) == LOOKING
            assert desk.unread() == b""
            await asyncio.sleep(1)
            desk.type("+++")
            await asyncio.sleep(1.1)
            assert await desk.ask("AT") == OK
            # as with an ESP the mode stays, and so does the link
            assert await desk.ask("AT+CIPMODE?") == written("+CIPMODE:1⏎⏎OK⏎")
            assert desk.links[0] is not None

    in_fake_time(work)


def test_in_the_middle_of_a_line_the_noise_costs_one_error() -> None:
    """Half a line, then noise, then the library's first `AT`: one ERROR, and then all is well."""

    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.type(b"AT+CWJAP=" + NOISE + LOOKING)
        assert desk.unread() == written("⏎ERROR⏎")
        assert await desk.ask("AT") == OK

    in_fake_time(work)


@pytest.mark.parametrize("turns", [0, 1, 2, 5])
def test_who_opens_the_line_when_the_cable_comes_hears_of_it_once(turns: int) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.network.unplug_ethernet()
        await desk.turns(5)
        desk.unread()
        desk.network.plug_ethernet()
        await desk.turns(turns)
        before = desk.unread()
        desk.session.opened()
        heard = desk.unread()
        await asyncio.sleep(1)
        heard += desk.unread()
        assert heard.startswith(written("⏎ready⏎+ETH_CONNECTED⏎"))
        assert heard.count(b"+ETH_CONNECTED") == heard.count(b"+ETH_GOT_IP") == 1
        assert before.count(b"+ETH_CONNECTED") == min(turns, 1)

    in_fake_time(work)
