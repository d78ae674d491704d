"""AT+CIPMODE=1 and AT+CIPSEND: a line and a link with nothing between (contract, section 6)."""

from __future__ import annotations

import asyncio
import functools
import random

import pytest

from gateway.services.links import LinkLimits
from tests import fake_time
from tests.harness import Desk, at_desk
from tests.peers import Listener, Peer, link_ended, link_holds, listening, until

OK = b"\r\nOK\r\n"
PROMPT = b"\r\nOK\r\n\r\n>"
in_fake_time = functools.partial(at_desk, runner=fake_time.run)


async def enter(desk: Desk, server: Listener) -> Peer:
    """A link in pass-through, its prompt read."""
    await desk.join()
    await desk.ask("AT+CIPMODE=1")
    peer = await server.link(desk)
    assert await desk.ask("AT+CIPSEND", b">") == PROMPT
    return peer


async def escape(desk: Desk) -> None:
    """`+++` with silence around it."""
    await asyncio.sleep(0.021)
    desk.type("+++")
    await asyncio.sleep(0.021)


async def hearing_again(desk: Desk) -> None:
    """Let the second behind the escape pass."""
    await asyncio.sleep(1.0)
    assert await desk.ask("AT") == OK


def test_bytes_pass_both_ways_as_they_are() -> None:
    every_byte = bytes(range(256))

    async def work(desk: Desk) -> None:
        with listening() as server:
            peer = await enter(desk, server)
            desk.type(every_byte)
            assert await peer.receive(256) == every_byte
            await peer.send(every_byte)
            assert await desk.expect(every_byte) == every_byte
            desk.type("AT\r\n")
            assert await peer.receive(4) == b"AT\r\n"
            assert desk.unread() == b""

    in_fake_time(work)


def test_a_packet_leaves_at_2048_bytes_or_after_20_ms_of_silence() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            peer = await enter(desk, server)
            desk.type(b"a" * 2047)
            await desk.turns(5)
            with pytest.raises(BlockingIOError):
                peer.socket.recv(1)
            desk.type(b"ab")
            await desk.turns(5)
            assert await peer.receive(2048) == b"a" * 2048
            begun = asyncio.get_running_loop().time()
            assert await peer.receive(1) == b"b"
            passed = asyncio.get_running_loop().time() - begun
            assert passed == pytest.approx(0.020, abs=0.001)

    in_fake_time(work)


def test_the_escape_and_the_second_behind_it() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            peer = await enter(desk, server)
            desk.type("before")
            await escape(desk)
            desk.type("AT\r\nlost")
            await asyncio.sleep(0.9)
            desk.type("lost too\r\n")
            await asyncio.sleep(0.1)
            assert desk.unread() == b""
            assert await desk.ask("AT") == OK
            assert await peer.receive(6) == b"before"
            await peer.send(b"framed")
            assert await desk.expect(b"framed") == b"\r\n+IPD,6:framed"
            assert await desk.ask("AT+CIPMODE?") == b"+CIPMODE:1\r\n" + OK
            await desk.ask("AT+CIPMODE=0")
            await desk.ask("AT+CIPSEND=2", b"> ")
            desk.type("ok")
            assert await peer.receive(2) == b"ok"

    in_fake_time(work)


@pytest.mark.parametrize(
    ("pieces", "received"),
    [
        (["a+++"], b"a+++"),
        (["+++b"], b"+++b"),
        (["++", "+"], None),
        (["++++"], b"++++"),
        (["++"], b"++"),
        (["+++", "x"], b"+++x"),
    ],
)
def test_what_is_an_escape_and_what_is_data(pieces: list[str], received: bytes | None) -> None:
    """Pieces come 10 ms apart, which is no silence."""

    async def work(desk: Desk) -> None:
        with listening() as server:
            peer = await enter(desk, server)
            await asyncio.sleep(0.021)
            for piece in pieces:
                desk.type(piece)
                await asyncio.sleep(0.01)
            if received is None:
                await asyncio.sleep(0.011)
                await hearing_again(desk)
            else:
                assert await peer.receive(len(received)) == received

    in_fake_time(work)


def test_no_notification_meanwhile_and_closed_afterwards() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            peer = await enter(desk, server)
            desk.network.unplug_ethernet()
            await desk.turns(20)
            assert desk.network.ethernet is not None
            assert not desk.network.ethernet.plugged
            assert desk.unread() == b""
            server.socket.close()
            peer.close()
            await until(lambda: not desk.links.open_links())
            assert desk.unread() == b""
            await escape(desk)
            assert desk.unread() == b"CLOSED\r\n"
            await hearing_again(desk)
            assert await desk.ask("AT+CIPSTATUS") == b"STATUS:4\r\n" + OK

    in_fake_time(work)


def test_the_receive_mode_is_ignored_until_the_escape() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await desk.ask("AT+CIPRECVMODE=1")
            await desk.ask("AT+CIPMODE=1")
            peer = await server.link(desk)
            await peer.send(b"waited")
            await desk.expect(b"+IPD,6\r\n")
            assert await desk.ask("AT+CIPSEND", b"waited") == PROMPT + b"waited"
            await escape(desk)
            await peer.send(b"later")
            assert await desk.expect(b"5\r\n") == b"\r\n+IPD,5\r\n"

    in_fake_time(work)


def test_a_lost_link_is_reopened_every_second() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            peer = await enter(desk, server)
            await peer.send(b"the end")
            peer.close()
            begun = asyncio.get_running_loop().time()
            again = await server.accept()
            passed = asyncio.get_running_loop().time() - begun
            assert passed == pytest.approx(1.0, abs=0.1)
            await until(lambda: bool(desk.links.open_links()))
            desk.type("over the new one")
            assert await again.receive(16) == b"over the new one"
            await again.send(b"and back")
            assert await desk.expect(b"and back") == b"the endand back"
            await escape(desk)
            await hearing_again(desk)
            shown = await desk.ask("AT+CIPSTATUS")
            assert shown.startswith(b"STATUS:3\r\n")

    in_fake_time(work)


def test_reopening_goes_on_while_the_server_is_away_and_typing_is_dropped() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            peer = await enter(desk, server)
            port = server.port
            server.socket.close()
            peer.reset()
            await until(lambda: not desk.links.open_links())
            for _ in range(3):
                desk.type("into the void")
                await asyncio.sleep(1.0)
            server.open(port)
            again = await server.accept()
            await until(lambda: bool(desk.links.open_links()))
            desk.type("here")
            assert await again.receive(4) == b"here"
            assert desk.unread() == b""

    in_fake_time(work)


def test_a_congested_peer_holds_the_line_back_and_loses_nothing() -> None:
    packets = [random.Random(number).randbytes(2048) for number in range(4000)]

    async def work(desk: Desk) -> None:
        with listening(small=True) as server:
            peer = await enter(desk, server)
            typed = 0
            while not desk.line.paused:
                desk.type(packets[typed])
                typed += 1
                await desk.turns(2)
            assert typed < len(packets)
            everything = b"".join(packets[:typed])
            assert await peer.receive(len(everything)) == everything
            await until(lambda: not desk.line.paused)
            desk.type("more")
            assert await peer.receive(4) == b"more"

    at_desk(work)


def test_a_stalled_peer_is_left_and_the_link_opened_anew() -> None:
    async def work(desk: Desk) -> None:
        with listening(small=True) as server:
            await enter(desk, server)
            while not desk.line.paused:
                desk.type(b"x" * 2048)
                await desk.turns(2)
            again = await server.accept()
            await until(lambda: bool(desk.links.open_links()) and not desk.line.paused)
            desk.type("new")
            assert await again.receive(3) == b"new"

    at_desk(work, limits=LinkLimits(send_seconds=0.1))


def test_what_came_before_the_escape_is_sent() -> None:
    async def work(desk: Desk) -> None:
        with listening(small=True) as server:
            peer = await enter(desk, server)
            sent = 0
            link = desk.links[0]
            assert link is not None
            # fill the kernel's buffers behind the gateway's back
            while taken := link.send_at_once(b"f" * 65536):
                sent += taken
            desk.type(b"last words")
            await escape(desk)
            assert (await peer.receive(sent + 10))[sent:] == b"last words"
            await asyncio.sleep(1.0)
            assert await desk.ask("AT") == OK

    at_desk(work)


def test_data_that_waits_when_the_escape_comes_is_framed() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            peer = await enter(desk, server)
            desk.line.slow = True
            desk.line.write(bytes(20000))
            desk.unread()
            await peer.send(b"late")
            peer.close()
            await link_holds(desk, 4)
            await link_ended(desk)
            await escape(desk)
            assert desk.unread() == b""
            desk.line.drain()
            assert desk.unread() == b"\r\n+IPD,4:lateCLOSED\r\n"

    in_fake_time(work)
