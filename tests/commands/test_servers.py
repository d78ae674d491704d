"""TCP servers of the gateway and their clients (contract, section 6)."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket

import pytest

from gateway.services.links import LinkLimits
from tests import fake_time
from tests.harness import Desk, at_desk
from tests.peers import client, free_port, link_holds, listening, until

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"
NO_CHANGE = b"no change\r\n" + ERROR
in_fake_time = functools.partial(at_desk, runner=fake_time.run)


async def serve(desk: Desk, port: int | None = None) -> int:
    """Joined, several links allowed, a server started; its port."""
    await desk.join()
    await desk.ask("AT+CIPMUX=1")
    port = port or free_port()
    assert await desk.ask(f"AT+CIPSERVER=1,{port}") == OK
    return port


async def refuses(port: int) -> bool:
    """Whether nobody listens on a port."""
    with contextlib.suppress(ConnectionRefusedError):
        async with client(port):
            return False
    return True


# starting and stopping


def test_a_server_needs_mux() -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        for line in ("AT+CIPSERVER=1", "AT+CIPSERVER=1,8080", "AT+CIPSERVER=0"):
            assert await desk.refused(line) == ERROR

    at_desk(work)


def test_wrong_arguments() -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        await desk.ask("AT+CIPMUX=1")
        for wrong in ("", "2", "1,0", "1,65536", "1,-1", "1,", "1,80,80", "x", '1,"80"', "0,0"):
            assert await desk.refused(f"AT+CIPSERVER={wrong}") == ERROR
        assert await desk.refused("AT+CIPSERVER?") == ERROR
        assert desk.servers.running == 0

    at_desk(work)


def test_the_port_is_333_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[tuple[str, int]] = []

    async def work(desk: Desk) -> None:
        monkeypatch.setattr(socket.socket, "bind", lambda _, address: bound.append(address))
        await desk.join()
        await desk.ask("AT+CIPMUX=1")
        assert await desk.ask("AT+CIPSERVER=1") == OK

    at_desk(work)
    assert bound == [("", 333)]


def test_five_servers_and_the_oldest_is_stopped_first() -> None:
    async def work(desk: Desk) -> None:
        ports = [await serve(desk)]
        for _ in range(4):
            ports.append(free_port())
            assert await desk.ask(f"AT+CIPSERVER=1,{ports[-1]}") == OK
        assert await desk.refused(f"AT+CIPSERVER=1,{free_port()}") == NO_CHANGE
        assert await desk.refused(f"AT+CIPSERVER=1,{ports[2]}") == NO_CHANGE
        assert await desk.ask(f"AT+CIPSERVER=0,{ports[1]}") == OK
        assert await desk.refused(f"AT+CIPSERVER=0,{ports[1]}") == NO_CHANGE
        for oldest in (ports[0], ports[2], ports[3], ports[4]):
            async with client(oldest):
                assert await desk.expect(b"CONNECT\r\n") == b"0,CONNECT\r\n"
            assert await desk.expect(b"CLOSED\r\n") == b"0,CLOSED\r\n"
            assert await desk.ask("AT+CIPSERVER=0") == OK
            assert await refuses(oldest)
        assert await desk.refused("AT+CIPSERVER=0") == NO_CHANGE

    at_desk(work)


def test_a_port_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    async def work(desk: Desk) -> None:
        with listening() as other:
            await desk.join()
            await desk.ask("AT+CIPMUX=1")
            assert await desk.refused(f"AT+CIPSERVER=1,{other.port}") == ERROR
        # below 1024 an ordinary user is refused
        with monkeypatch.context() as patch:
            patch.setattr(socket.socket, "bind", forbidden)
            assert await desk.refused("AT+CIPSERVER=1,80") == ERROR
        assert await desk.refused("AT+CIPSERVER=0") == NO_CHANGE

    at_desk(work)


def test_links_outlive_their_server() -> None:
    async def work(desk: Desk) -> None:
        port = await serve(desk)
        async with client(port) as peer:
            assert await desk.expect(b"CONNECT\r\n") == b"0,CONNECT\r\n"
            assert await desk.ask("AT+CIPSERVER=0") == OK
            await peer.send(b"still here")
            assert await desk.expect(b"here") == b"\r\n+IPD,0,10:still here"
            # and a server can be had again on the same port meanwhile
            assert await desk.ask(f"AT+CIPSERVER=1,{port}") == OK

    at_desk(work)


# clients


def test_a_client_is_announced_listed_and_answered() -> None:
    async def work(desk: Desk) -> None:
        port = await serve(desk)
        async with client(port) as peer:
            await peer.send(b"GET")
            assert await desk.expect(b"GET") == b"0,CONNECT\r\n\r\n+IPD,0,3:GET"
            assert await desk.ask("AT+CIPSTATUS") == (
                b'STATUS:3\r\n+CIPSTATUS:0,"TCP","127.0.0.1",%d,%d,1\r\n' % (peer.port, port) + OK
            )
            await desk.ask("AT+CIPSEND=0,2", b"> ")
            desk.type("ok")
            assert await peer.receive(2) == b"ok"
            await desk.expect(b"SEND OK\r\n")
            assert await desk.ask("AT+CIPCLOSE=0") == b"0,CLOSED\r\n" + OK
            assert await peer.ended() == b""

    at_desk(work)


def test_a_client_takes_the_lowest_free_slot() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            port = await serve(desk)
            for slot in (0, 1, 3):
                await server.link(desk, slot)
            async with client(port), client(port):
                assert await desk.expect(b"CONNECT\r\n") == b"2,CONNECT\r\n"
                assert await desk.expect(b"CONNECT\r\n") == b"4,CONNECT\r\n"
                assert await desk.refused(f'AT+CIPSTART=2,"TCP","127.0.0.1",{server.port}') == (
                    b"ALREADY CONNECTED\r\n" + ERROR
                )

    at_desk(work)


def test_a_client_that_comes_during_a_send_is_announced_afterwards() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            port = await serve(desk)
            await server.link(desk, 0)
            await desk.ask("AT+CIPSEND=0,2", b"> ")
            async with client(port) as peer:
                await peer.send(b"hi")
                peer.finish()
                await until(lambda: desk.links[1] is not None)
                await link_holds(desk, 2, 1)
                assert desk.unread() == b""
                desk.type("ab")
                assert await desk.expect(b"1,CLOSED\r\n") == (
                    b"\r\nRecv 2 bytes\r\n\r\nSEND OK\r\n1,CONNECT\r\n\r\n+IPD,1,2:hi1,CLOSED\r\n"
                )

    at_desk(work)


def test_surplus_clients_wait_with_their_data() -> None:
    async def work(desk: Desk) -> None:
        port = await serve(desk)
        async with contextlib.AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(client(port)) for _ in range(7)]
            for slot in range(5):
                assert await desk.expect(b"CONNECT\r\n") == b"%d,CONNECT\r\n" % slot
            await peers[5].send(b"sixth")
            await peers[6].send(b"seventh")
            await desk.turns(10)
            assert desk.unread() == b""
            peers[3].close()
            assert await desk.expect(b"sixth") == b"3,CLOSED\r\n3,CONNECT\r\n\r\n+IPD,3,5:sixth"
            assert await desk.ask("AT+CIPCLOSE=1") == b"1,CLOSED\r\n" + OK
            assert await desk.expect(b"seventh") == b"1,CONNECT\r\n\r\n+IPD,1,7:seventh"

    at_desk(work)


def test_the_limit_of_clients() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            port = await serve(desk)
            second = free_port()
            await desk.ask(f"AT+CIPSERVER=1,{second}")
            assert await desk.ask("AT+CIPSERVERMAXCONN?") == b"+CIPSERVERMAXCONN:5\r\n" + OK
            for wrong in ("", "0", "6", "x", "1,1"):
                assert await desk.refused(f"AT+CIPSERVERMAXCONN={wrong}") == ERROR
            assert await desk.ask("AT+CIPSERVERMAXCONN=1") == OK
            assert await desk.ask("AT+CIPSERVERMAXCONN?") == b"+CIPSERVERMAXCONN:1\r\n" + OK
            async with client(port) as first:
                assert await desk.expect(b"CONNECT\r\n") == b"0,CONNECT\r\n"
                async with client(second) as other:
                    await other.send(b"early")
                    # a link of our own does not count, nor does it wait
                    await server.link(desk, 1)
                    assert desk.unread() == b""
                    assert await desk.ask("AT+CIPSERVERMAXCONN=2") == OK
                    assert await desk.expect(b"early") == b"2,CONNECT\r\n\r\n+IPD,2,5:early"
                    assert await desk.ask("AT+CIPSERVERMAXCONN=1") == OK
                    first.close()
                    await desk.expect(b"0,CLOSED\r\n")
                    async with client(port):
                        await desk.turns(10)
                        assert desk.unread() == b""

    at_desk(work)


def test_a_waiting_client_gets_the_slot_of_a_start_that_failed() -> None:
    async def work(desk: Desk) -> None:
        with listening() as silent:
            port = await serve(desk)
            async with contextlib.AsyncExitStack() as stack:
                for _ in range(4):
                    await stack.enter_async_context(client(port))
                    await desk.expect(b"CONNECT\r\n")
                desk.type(f'AT+CIPSTART=4,"SSL","127.0.0.1",{silent.port}\r\n')
                late = await stack.enter_async_context(client(port))
                await late.send(b"now")
                await desk.turns(10)
                assert desk.unread() == b""
                assert await desk.expect(b"now") == (
                    b"connect fail\r\n" + ERROR + b"4,CONNECT\r\n\r\n+IPD,4,3:now"
                )

    at_desk(work, limits=LinkLimits(connect_seconds=0.3))


def test_a_client_that_is_gone_before_it_is_taken() -> None:
    async def work(desk: Desk) -> None:
        port = await serve(desk)
        async with client(port) as peer:
            await peer.send(b"x")
            peer.reset()
        await until(lambda: b"CLOSED" in desk.line.output)
        said = desk.unread()
        assert said.startswith(b"0,CONNECT\r\n")
        assert said.endswith(b"0,CLOSED\r\n")
        assert not await refuses(port)

    at_desk(work)


# idle clients


def test_the_idle_limit_is_queried_and_set() -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        assert await desk.ask("AT+CIPSTO?") == b"+CIPSTO:180\r\n" + OK
        for good in ("0", "7200"):
            assert await desk.ask(f"AT+CIPSTO={good}") == OK
            assert await desk.ask("AT+CIPSTO?") == b"+CIPSTO:" + good.encode() + b"\r\n" + OK
        for wrong in ("", "-1", "7201", "x", "1,1"):
            assert await desk.refused(f"AT+CIPSTO={wrong}") == ERROR

    at_desk(work)


async def seconds_until_closed(desk: Desk) -> float:
    """How long it takes until `0,CLOSED` is said."""
    begun = asyncio.get_running_loop().time()
    assert await desk.expect(b"CLOSED\r\n") == b"0,CLOSED\r\n"
    return asyncio.get_running_loop().time() - begun


def test_a_silent_client_is_closed() -> None:
    async def work(desk: Desk) -> None:
        desk.patience = 1000
        port = await serve(desk)
        async with client(port) as peer:
            await desk.expect(b"CONNECT\r\n")
            assert await seconds_until_closed(desk) == pytest.approx(180, abs=0.1)
            assert await peer.ended() == b""

    in_fake_time(work)


def test_bytes_either_way_count_from_anew() -> None:
    async def work(desk: Desk) -> None:
        desk.patience = 1000
        port = await serve(desk)
        await desk.ask("AT+CIPSTO=10")
        async with client(port) as peer:
            await desk.expect(b"CONNECT\r\n")
            await asyncio.sleep(6)
            await peer.send(b"x")
            assert await desk.expect(b":x") == b"\r\n+IPD,0,1:x"
            await asyncio.sleep(6)
            await desk.ask("AT+CIPSEND=0,1", b"> ")
            desk.type("y")
            await desk.expect(b"SEND OK\r\n")
            assert await seconds_until_closed(desk) == pytest.approx(10, abs=0.1)

    in_fake_time(work)


def test_a_new_limit_counts_from_the_last_byte() -> None:
    async def work(desk: Desk) -> None:
        desk.patience = 10_000
        port = await serve(desk)
        await desk.ask("AT+CIPSTO=0")
        async with client(port):
            await desk.expect(b"CONNECT\r\n")
            await asyncio.sleep(1000)
            assert desk.unread() == b""
            await desk.ask("AT+CIPSTO=1010")
            assert await seconds_until_closed(desk) == pytest.approx(10, abs=0.1)
        async with client(port):
            await desk.expect(b"CONNECT\r\n")
            await asyncio.sleep(1000)
            desk.type("AT+CIPSTO=999\r\n")
            assert desk.unread() in (b"0,CLOSED\r\n" + OK, OK + b"0,CLOSED\r\n")

    in_fake_time(work)


def test_unread_data_keeps_a_client() -> None:
    async def work(desk: Desk) -> None:
        desk.patience = 1000
        port = await serve(desk)
        await desk.ask("AT+CIPSTO=10")
        await desk.ask("AT+CIPRECVMODE=1")
        async with client(port) as peer:
            await peer.send(b"x")
            await desk.expect(b"+IPD,0,1\r\n")
            await asyncio.sleep(100)
            await peer.send(b"y")
            assert await desk.expect(b"+IPD,0,2\r\n") == b"\r\n+IPD,0,2\r\n"
            await asyncio.sleep(100)
            assert await desk.ask("AT+CIPRECVDATA=0,2") == b"\r\n+CIPRECVDATA,2:xy\r\nOK\r\n"
            assert await seconds_until_closed(desk) <= 1.1

    in_fake_time(work)


def test_only_links_of_running_servers_are_closed() -> None:
    async def work(desk: Desk) -> None:
        desk.patience = 1000
        with listening() as server:
            port = await serve(desk)
            await desk.ask("AT+CIPSTO=10")
            async with client(port):
                await desk.expect(b"CONNECT\r\n")
                await server.link(desk, 1)
                await desk.ask("AT+CIPSERVER=0")
                await asyncio.sleep(100)
                assert desk.unread() == b""
                desk.type(f"AT+CIPSERVER=1,{port}\r\n")
                assert desk.unread() in (b"0,CLOSED\r\n" + OK, OK + b"0,CLOSED\r\n")
                assert (await desk.ask("AT+CIPSTATUS")).count(b"+CIPSTATUS:1,") == 1

    in_fake_time(work)


def test_a_client_is_told_of_before_a_command_can_mean_it() -> None:
    """What was typed for a link that is closed must not end its successor without a word."""

    async def work(desk: Desk) -> None:
        port = await serve(desk)
        desk.unread()
        desk.line.slow = True
        desk.line.write(bytes(16384))
        async with client(port):
            await until(lambda: desk.links[0] is not None)
            assert b"CONNECT" not in desk.unread()
            desk.type("AT+CIPCLOSE=0\r\n")
            assert desk.unread() == b"0,CONNECT\r\n0,CLOSED\r\n" + OK

    at_desk(work)
