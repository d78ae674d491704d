"""Received data in active and passive mode, and the end of a link (contract, section 6)."""

from __future__ import annotations

import asyncio
import random

import pytest

from gateway.services.links import LinkLimits
from tests.harness import Desk, at_desk
from tests.peers import Peer, link_ended, link_holds, listening, until

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"


def data(text: bytes) -> bytes:
    """+IPD with data, without id and address."""
    return b"\r\n+IPD,%d:%s" % (len(text), text)


# active mode


@pytest.mark.parametrize("mux", [0, 1])
@pytest.mark.parametrize("shown", [0, 1])
def test_the_forms_of_ipd(mux: int, shown: int) -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await desk.ask(f"AT+CIPMUX={mux}")
            await desk.ask(f"AT+CIPDINFO={shown}")
            peer = await server.link(desk, 3 if mux else None)
            await peer.send(b"hello")
            id_ = "3," if mux else ""
            origin = f",127.0.0.1,{server.port}" if shown else ""
            assert await desk.expect(b"hello") == f"\r\n+IPD,{id_}5{origin}:hello".encode()

    at_desk(work)


def test_segments_of_at_most_1460_bytes() -> None:
    sent = random.Random(1).randbytes(4000)

    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            peer = await server.link(desk)
            desk.line.slow = True
            desk.line.write(bytes(20000))
            desk.unread()
            await peer.send(sent)
            await link_holds(desk, 4000)
            assert desk.unread() == b""
            desk.line.drain()
            assert desk.unread() == (data(sent[:1460]) + data(sent[1460:2920]) + data(sent[2920:]))

    at_desk(work)


def test_closed_stands_directly_behind_the_payload() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            peer = await server.link(desk)
            await peer.send(b"last words")
            peer.close()
            assert await desk.expect(b"CLOSED\r\n") == data(b"last words") + b"CLOSED\r\n"
            await desk.ask("AT+CIPMUX=1")
            peer = await server.link(desk, 2)
            await peer.send(b"again")
            peer.close()
            assert await desk.expect(b"CLOSED\r\n") == b"\r\n+IPD,2,5:again2,CLOSED\r\n"

    at_desk(work)


def test_a_peer_that_stops_sending_is_a_peer_that_closed() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            peer = await server.link(desk)
            peer.finish()
            assert await desk.expect(b"CLOSED\r\n") == b"CLOSED\r\n"
            assert await peer.ended() == b""

    at_desk(work)


@pytest.mark.parametrize("passive", [0, 1])
def test_data_before_a_reset_is_not_lost(passive: int) -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await desk.ask(f"AT+CIPRECVMODE={passive}")
            peer = await server.link(desk)
            await peer.send(b"x" * 3000)
            peer.reset()
            if passive:
                await link_ended(desk)
                desk.unread()
                desk.type("AT+CIPRECVDATA=2048\r\nAT+CIPRECVDATA=2048\r\n")
                assert await desk.expect(b"CLOSED\r\n") == (
                    b"\r\n+CIPRECVDATA,2048:%s\r\nOK\r\n" % (b"x" * 2048)
                    + b"\r\n+CIPRECVDATA,952:%s\r\nOK\r\nCLOSED\r\n" % (b"x" * 952)
                )
            else:
                said = await desk.expect(b"CLOSED\r\n")
                assert said.count(b"x") == 3000
            assert await desk.ask("AT+CIPSTATUS") == b"STATUS:4\r\n" + OK

    at_desk(work)


def test_a_reset_alone_is_said_once() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            (await server.link(desk)).reset()
            assert await desk.expect(b"CLOSED\r\n") == b"CLOSED\r\n"
            await desk.turns(10)
            assert desk.unread() == b""

    at_desk(work)


def test_data_comes_while_a_command_runs() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server, listening() as silent:
            await desk.join()
            await desk.ask("AT+CIPMUX=1")
            peer = await server.link(desk, 0)
            desk.type(f'AT+CIPSTART=1,"SSL","127.0.0.1",{silent.port}\r\n')
            await peer.send(b"meanwhile")
            assert await desk.expect(b"meanwhile") == b"\r\n+IPD,0,9:meanwhile"
            assert await desk.expect(b"ERROR\r\n") == b"connect fail\r\n" + ERROR

    at_desk(work, limits=LinkLimits(connect_seconds=0.3))


# passive mode


async def join_passive(desk: Desk) -> None:
    """Joined, without echo, in passive mode."""
    await desk.join()
    await desk.ask("AT+CIPRECVMODE=1")


def test_the_total_is_said_again_whenever_it_grows() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await join_passive(desk)
            peer = await server.link(desk)
            await peer.send(b"12345")
            assert await desk.expect(b"5\r\n") == b"\r\n+IPD,5\r\n"
            await peer.send(b"678")
            assert await desk.expect(b"8\r\n") == b"\r\n+IPD,8\r\n"
            assert await desk.ask("AT+CIPRECVDATA=6") == b"\r\n+CIPRECVDATA,6:123456\r\nOK\r\n"
            await peer.send(b"9")
            assert await desk.expect(b"3\r\n") == b"\r\n+IPD,3\r\n"
            assert await desk.ask("AT+CIPRECVLEN?") == b"+CIPRECVLEN:3,0,0,0,0\r\n" + OK

    at_desk(work)


def test_the_end_of_a_link_is_no_growth() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await join_passive(desk)
            peer = await server.link(desk)
            await peer.send(b"12345")
            assert await desk.expect(b"5\r\n") == b"\r\n+IPD,5\r\n"
            peer.close()
            await link_ended(desk)
            assert desk.unread() == b""
            assert await desk.ask("AT") == OK
            desk.type("AT+CIPRECVDATA=5\r\n")
            assert desk.unread() == b"\r\n+CIPRECVDATA,5:12345\r\nOK\r\nCLOSED\r\n"

    at_desk(work)


def test_with_ids_and_several_links() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await join_passive(desk)
            await desk.ask("AT+CIPMUX=1")
            for slot in (0, 4):
                peer = await server.link(desk, slot)
                await peer.send(b"%d" % slot * (slot + 1))
                await desk.expect(b"\r\n+IPD,%d,%d\r\n" % (slot, slot + 1))
            assert await desk.ask("AT+CIPRECVLEN?") == b"+CIPRECVLEN:1,0,0,0,5\r\n" + OK
            assert await desk.ask("AT+CIPRECVDATA=4,2") == b"\r\n+CIPRECVDATA,2:44\r\nOK\r\n"
            assert await desk.ask("AT+CIPRECVDATA=0,2048") == b"\r\n+CIPRECVDATA,1:0\r\nOK\r\n"
            assert await desk.ask("AT+CIPRECVLEN?") == b"+CIPRECVLEN:0,0,0,0,3\r\n" + OK

    at_desk(work)


def test_what_cannot_be_read() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            peer = await server.link(desk)
            assert await desk.refused("AT+CIPRECVDATA=1") == ERROR
            await desk.ask("AT+CIPRECVMODE=1")
            assert await desk.refused("AT+CIPRECVDATA=1") == ERROR
            await peer.send(b"data")
            await desk.expect(b"+IPD,4\r\n")
            for wrong in ("0", "-1", "", "x", "1,1,1", "1,"):
                assert (await desk.refused(f"AT+CIPRECVDATA={wrong}")).endswith(ERROR)
            assert await desk.refused("AT+CIPRECVDATA=2049") == b"too long\r\n" + ERROR
            assert await desk.ask("AT+CIPRECVDATA=2048") == b"\r\n+CIPRECVDATA,4:data\r\nOK\r\n"
            await desk.ask("AT+CIPCLOSE")
            assert await desk.refused("AT+CIPRECVDATA=1") == b"link is not valid\r\n" + ERROR
            await desk.ask("AT+CIPMUX=1")
            assert await desk.refused("AT+CIPRECVDATA=1") == ERROR
            assert await desk.refused("AT+CIPRECVDATA=5,1") == ERROR
            assert await desk.refused("AT+CIPRECVDATA=2,1") == b"link is not valid\r\n" + ERROR

    at_desk(work)


def test_totals_wait_for_send_ok_and_are_then_said_once() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await join_passive(desk)
            peer = await server.link(desk)
            await peer.send(b"one")
            await desk.expect(b"+IPD,3\r\n")
            await desk.ask("AT+CIPSEND=2", b"> ")
            for total in (6, 9):
                await peer.send(b"two")
                await link_holds(desk, total)
            assert desk.unread() == b""
            desk.type("ab")
            assert desk.unread() == b"\r\nRecv 2 bytes\r\n\r\nSEND OK\r\n\r\n+IPD,9\r\n"

    at_desk(work)


# changing the mode


def test_to_active_with_data_waiting() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await join_passive(desk)
            await desk.ask("AT+CIPMUX=1")
            staying, leaving = await server.link(desk, 0), await server.link(desk, 1)
            await staying.send(b"stay")
            await leaving.send(b"leave")
            leaving.close()
            await link_holds(desk, 4, 0)
            await link_ended(desk, 1)
            desk.unread()
            desk.type("AT+CIPRECVMODE=0\r\n")
            assert desk.unread() == OK + b"\r\n+IPD,0,4:stay\r\n+IPD,1,5:leave1,CLOSED\r\n"
            assert await desk.ask("AT+CIPRECVLEN?") == b"+CIPRECVLEN:0,0,0,0,0\r\n" + OK

    at_desk(work)


def test_to_passive_with_data_on_its_way() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            peer = await server.link(desk)
            desk.line.slow = True
            desk.line.write(bytes(20000))
            await peer.send(b"caught")
            await link_holds(desk, 6)
            desk.unread()
            desk.type("AT+CIPRECVMODE=1\r\n")
            assert desk.unread() == OK
            desk.line.slow = False
            desk.line.drain()
            assert desk.unread() == b"\r\n+IPD,6\r\n"
            assert await desk.ask("AT+CIPRECVDATA=9") == b"\r\n+CIPRECVDATA,6:caught\r\nOK\r\n"

    at_desk(work)


# bounded buffers


@pytest.mark.parametrize("passive", [0, 1])
def test_the_sender_is_held_back_and_nothing_is_lost(passive: int) -> None:
    """A microcontroller that reads nothing: the sender's send blocks, the buffer stays small."""
    limits = LinkLimits(buffer_bytes=4096)

    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await desk.ask(f"AT+CIPRECVMODE={passive}")
            peer = await server.link(desk)
            desk.line.slow = True
            desk.line.write(bytes(20000))
            desk.unread()
            sent = peer.fill()
            await link_holds(desk, 4096)
            sent += peer.fill()
            await desk.turns(20)
            assert peer.fill() == 0
            link = desk.links[0]
            assert link is not None
            assert link.waiting == 4096
            desk.line.slow = False
            await desk.ask("AT+CIPRECVMODE=0")
            desk.line.drain()
            peer.finish()
            said = await desk.expect(b"CLOSED\r\n")
            assert said.count(b"x") == sent

    at_desk(work, limits=limits)


def test_five_links_at_once_byte_for_byte() -> None:
    texts = [random.Random(slot).randbytes(50_000) for slot in range(5)]

    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await desk.ask("AT+CIPMUX=1")
            peers = [await server.link(desk, slot) for slot in range(5)]

            async def speak(peer: Peer, text: bytes) -> None:
                await peer.send(text)
                peer.finish()

            await asyncio.gather(*map(speak, peers, texts))
            await until(lambda: not desk.links.open_links())
            assert parts(desk.unread()) == texts

    at_desk(work)


def parts(stream: bytes) -> list[bytes]:
    """What each link got, of a stream of `+IPD,<id>,<n>:<data>` and `<id>,CLOSED`."""
    got = [bytearray() for _ in range(5)]
    while stream:
        if stream.startswith(b"\r\n+IPD,"):
            head, _, rest = stream.partition(b":")
            slot, count = map(int, head.split(b",")[1:])
            got[slot] += rest[:count]
            assert len(rest[:count]) == count <= 1460
            stream = rest[count:]
        else:
            assert stream[1:].startswith(b",CLOSED\r\n")
            stream = stream[10:]
    return [bytes(one) for one in got]
