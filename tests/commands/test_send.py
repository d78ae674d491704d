"""AT+CIPSEND with a length: prompt, payload, and what becomes of it (contract, section 6)."""

from __future__ import annotations

import asyncio
import functools
import random

import pytest

from gateway.services.links import LinkLimits
from tests import fake_time
from tests.harness import Desk, at_desk
from tests.peers import link_ended, link_holds, listening

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"
PROMPT = b"\r\nOK\r\n> "
FAIL = b"\r\nSEND FAIL\r\n"
IN_FAKE_TIME = functools.partial(at_desk, runner=fake_time.run)
STALL = LinkLimits(send_seconds=0.1)


def sent(count: int) -> bytes:
    """What is answered to a payload that the kernel has taken."""
    return b"\r\nRecv %d bytes\r\n\r\nSEND OK\r\n" % count


async def prompt(desk: Desk, arguments: str) -> None:
    """AT+CIPSEND up to its prompt, and nothing behind it."""
    assert await desk.ask(f"AT+CIPSEND={arguments}", b"> ") == PROMPT
    assert desk.unread() == b""


def test_a_payload_goes_out_whatever_its_bytes() -> None:
    every_byte = bytes(range(256)) * 8

    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            peer = await server.link(desk)
            for payload in (b"a", b"AT\r\n+++\r\nAT+RST\r\n", every_byte):
                await prompt(desk, str(len(payload)))
                desk.type(payload)
                assert await desk.expect(b"SEND OK\r\n") == sent(len(payload))
                assert await peer.receive(len(payload)) == payload

    at_desk(work)


@pytest.mark.parametrize("pieces", [1, 2, 7, 1000])
def test_command_and_payload_in_one_stream(pieces: int) -> None:
    typed = b"AT+CIPSEND=4\r\nabcdAT\r\nAT+CIPSEND=2\r\nefAT\r\n"

    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            peer = await server.link(desk)
            for start in range(0, len(typed), pieces):
                desk.type(typed[start : start + pieces])
            assert desk.unread() == PROMPT + sent(4) + OK + PROMPT + sent(2) + OK
            assert await peer.receive(6) == b"abcdef"

    at_desk(work)


@pytest.mark.parametrize(
    ("mux", "arguments", "text"),
    [
        (0, "2049", "too long"),
        (0, "99999999999", "too long"),
        (0, "0", ""),
        (0, "-1", ""),
        (0, "x", ""),
        (0, "", ""),
        (0, '"4"', ""),
        (0, "44,", ""),
        (0, "0,4", "MUX=0"),
        (0, "3,4", "MUX=0"),
        (1, "4", ""),
        (1, "5,4", ""),
        (1, "0,2049", "too long"),
        (1, "0,0", ""),
        (1, "0,4,4", ""),
        (1, "1,4", "link is not valid"),
    ],
)
def test_wrong_arguments(mux: int, arguments: str, text: str) -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await desk.ask(f"AT+CIPMUX={mux}")
            await server.link(desk, 0 if mux else None)
            said = await desk.refused(f"AT+CIPSEND={arguments}")
            assert said == (text + "\r\n" if text else "").encode() + ERROR
            assert await desk.ask("AT") == OK

    at_desk(work)


def test_without_a_link_or_in_the_wrong_mode() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            assert await desk.refused("AT+CIPSEND=4") == b"link is not valid\r\n" + ERROR
            assert await desk.refused("AT+CIPSEND") == ERROR
            await desk.ask("AT+CIPMODE=1")
            assert await desk.refused("AT+CIPSEND") == b"link is not valid\r\n" + ERROR
            await server.link(desk)
            assert await desk.refused("AT+CIPSEND=4") == b"IPMODE=1\r\n" + ERROR

    at_desk(work)


def test_with_ids() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await desk.ask("AT+CIPMUX=1")
            peers = {slot: await server.link(desk, slot) for slot in (4, 1)}
            for slot, peer in peers.items():
                await prompt(desk, f"{slot},3")
                desk.type(b"to%d" % slot)
                assert await desk.expect(b"SEND OK\r\n") == sent(3)
                assert await peer.receive(3) == b"to%d" % slot

    at_desk(work)


def test_notifications_wait_from_the_prompt_to_send_ok() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await desk.ask("AT+CIPMUX=1")
            one, other = await server.link(desk, 0), await server.link(desk, 1)
            await prompt(desk, "0,5")
            desk.type("he")
            await one.send(b"early")
            other.close()
            await link_holds(desk, 5, 0)
            await link_ended(desk, 1)
            desk.type("llo")
            assert await desk.expect(b"1,CLOSED\r\n") == (
                sent(5) + b"\r\n+IPD,0,5:early" + b"1,CLOSED\r\n"
            )

    at_desk(work)


def test_a_link_that_closes_between_prompt_and_payload() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            peer = await server.link(desk)
            await prompt(desk, "4")
            peer.close()
            await link_ended(desk)
            assert desk.unread() == b""
            # all four are payload, and what follows them is a command again
            desk.type("AT\r\nAT\r\n")
            assert desk.unread() == b"\r\nRecv 4 bytes\r\n" + FAIL + b"CLOSED\r\n" + OK

    at_desk(work)


def test_a_link_that_is_reset_between_prompt_and_payload() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            peer = await server.link(desk)
            await prompt(desk, "2")
            peer.reset()
            await link_ended(desk)
            desk.type("ab")
            assert desk.unread() == b"\r\nRecv 2 bytes\r\n" + FAIL + b"CLOSED\r\n"

    at_desk(work)


def test_a_peer_that_has_only_stopped_sending_is_still_sent_to() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await desk.ask("AT+CIPRECVMODE=1")
            peer = await server.link(desk)
            await peer.send(b"done")
            peer.finish()
            await desk.expect(b"+IPD,4\r\n")
            await prompt(desk, "5")
            desk.type("reply")
            assert await desk.expect(b"SEND OK\r\n") == sent(5)
            assert await peer.receive(5) == b"reply"

    at_desk(work)


# time


def test_a_payload_that_does_not_come() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            peer = await server.link(desk)
            await prompt(desk, "5")
            desk.type("ab")
            desk.patience = 20
            begun = asyncio.get_running_loop().time()
            assert await desk.expect(b"SEND FAIL\r\n") == FAIL
            passed = asyncio.get_running_loop().time() - begun
            assert passed == pytest.approx(10, abs=0.1)
            assert await desk.ask("AT") == OK
            # nothing of it was sent, and the link is still there
            await prompt(desk, "3")
            desk.type("new")
            assert await desk.expect(b"SEND OK\r\n") == sent(3)
            assert await peer.receive(3) == b"new"

    IN_FAKE_TIME(work)


def test_each_byte_of_a_payload_gives_ten_more_seconds() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await server.link(desk)
            await prompt(desk, "3")
            for byte in "abc":
                assert desk.unread() == b""
                await asyncio.sleep(9.9)
                desk.type(byte)
            assert await desk.expect(b"SEND OK\r\n") == sent(3)

    IN_FAKE_TIME(work)


PAYLOAD = random.Random(7).randbytes(2048)


async def stall(desk: Desk) -> int:
    """Send PAYLOAD until it is not taken; how many times, the last one included."""
    times = 0
    while True:
        await prompt(desk, "2048")
        desk.type(PAYLOAD)
        times += 1
        said = desk.unread()
        if said == b"\r\nRecv 2048 bytes\r\n":
            return times
        assert said == sent(2048)


def test_a_stalled_peer_ends_in_send_fail() -> None:
    async def work(desk: Desk) -> None:
        with listening(small=True) as server:
            await desk.join()
            await server.link(desk)
            await stall(desk)
            desk.type("AT\r\n?\r\n")
            assert await desk.expect(b"CLOSED\r\n") == (
                b"\r\nbusy s...\r\n" * 2 + FAIL + b"CLOSED\r\n"
            )
            assert await desk.ask("AT") == OK
            assert await desk.ask("AT+CIPSTATUS") == b"STATUS:4\r\n" + OK

    at_desk(work, limits=STALL)


def test_a_peer_that_reads_again_gets_everything() -> None:
    async def work(desk: Desk) -> None:
        with listening(small=True) as server:
            await desk.join()
            peer = await server.link(desk)
            times = await stall(desk)
            assert await peer.receive(2048 * times) == PAYLOAD * times
            assert await desk.expect(b"SEND OK\r\n") == b"\r\nSEND OK\r\n"

    at_desk(work)


def test_a_reset_ends_a_send_that_is_stalled() -> None:
    async def work(desk: Desk) -> None:
        with listening(small=True) as server:
            await desk.join()
            await server.link(desk)
            await stall(desk)
            desk.type("AT+RST\r\n")
            assert await desk.expect(b"OK\r\n") == OK
            await desk.session.over

    at_desk(work)
