"""AT+CIPSTART, CIPSTATUS, CIPCLOSE and the switches around them (contract, section 6)."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator

import pytest

from gateway.services.links import LinkLimits
from gateway.services.network.simulated import World
from tests import fake_time
from tests.harness import Desk, at_desk
from tests.peers import Listener, free_port, listening

SHORT = LinkLimits(connect_seconds=0.05)
NO_IP = World(pace=0, ethernet=False)
ERROR = "\r\nERROR\r\n"


def failed(text: str, line: str = "") -> bytes:
    """An error reply with its text, and a line behind it."""
    head = text + "\r\n" if text else ""
    return (head + ERROR + (line + "\r\n" if line else "")).encode()


async def answer(desk: Desk, line: str) -> bytes:
    """All that is written for a line whose reply ends in ERROR, and right behind it."""
    said = await desk.refused(line)
    return said + desk.unread()


# CIPSTART


def test_open_with_and_without_an_id() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            assert await desk.ask(f'AT+CIPSTART="TCP","localhost",{server.port},7200') == (
                b"CONNECT\r\n\r\nOK\r\n"
            )
            await desk.ask("AT+CIPCLOSE")
            await desk.ask("AT+CIPMUX=1")
            assert await desk.ask(f'AT+CIPSTART=3,"TCP","127.0.0.1",{server.port}') == (
                b"3,CONNECT\r\n\r\nOK\r\n"
            )

    at_desk(work)


def test_keep_alive_reaches_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int, object]] = []

    class Watched(socket.socket):
        def setsockopt(self, level: int, name: int, value: object) -> None:  # type: ignore[override]
            asked.append((level, name, value))
            super().setsockopt(level, name, value)  # type: ignore[call-overload]

    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            monkeypatch.setattr(socket, "socket", Watched)
            await desk.ask(f'AT+CIPSTART="TCP","127.0.0.1",{server.port},90')

    at_desk(work)
    assert (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1) in asked
    assert (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 90) in asked


@pytest.mark.parametrize(
    ("mux", "arguments", "text"),
    [
        (0, '"UDP","127.0.0.1",80', "Link type ERROR"),
        (0, '"tcp","127.0.0.1",80', "Link type ERROR"),
        (0, 'TCP,"127.0.0.1",80', "Link type ERROR"),
        (0, '0,"TCP","127.0.0.1",80', "Link type ERROR"),
        (0, "", "Link type ERROR"),
        (0, '"TCP",127.0.0.1,80', "IP ERROR"),
        (0, '"TCP","",80', "IP ERROR"),
        (0, '"TCP","1.2.3",80', "IP ERROR"),
        (0, '"TCP","256.0.0.1",80', "IP ERROR"),
        (0, '"TCP","a b",80', "IP ERROR"),
        (0, '"TCP","127.0.0.1,80', "IP ERROR"),
        (0, '"TCP","127.0.0.1"', ""),
        (0, '"TCP","127.0.0.1",0', ""),
        (0, '"TCP","127.0.0.1",65536', ""),
        (0, '"TCP","127.0.0.1",99999999999999999999', ""),
        (0, '"TCP","127.0.0.1","80"', ""),
        (0, '"TCP","127.0.0.1",80,7201', ""),
        (0, '"TCP","127.0.0.1",80,-1', ""),
        (0, '"TCP","127.0.0.1",80,', ""),
        (0, '"TCP","127.0.0.1",80,0,0', ""),
        (1, '"TCP","127.0.0.1",80', ""),
        (1, '5,"TCP","127.0.0.1",80', ""),
        (1, '-1,"TCP","127.0.0.1",80', ""),
        (1, '1,"UDP","127.0.0.1",80', "Link type ERROR"),
        (1, '1,"SSL","1.1.1.1.1",80', "IP ERROR"),
        (1, '1,"SSL","127.0.0.1",65536', ""),
    ],
)
def test_syntax_is_checked_first(mux: int, arguments: str, text: str) -> None:
    async def work(desk: Desk) -> None:
        # no address either, and a link that does not answer: syntax comes before both
        await desk.quiet()
        await desk.ask(f"AT+CIPMUX={mux}")
        assert await answer(desk, f"AT+CIPSTART={arguments}") == failed(text)

    at_desk(work, world=NO_IP)


def test_no_address_then_a_taken_slot() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await server.link(desk)
            open_again = f'AT+CIPSTART="TCP","127.0.0.1",{server.port}'
            assert await answer(desk, open_again) == failed("ALREADY CONNECTED")
            await desk.ask("AT+CWQAP")
            await desk.expect(b"WIFI DISCONNECT\r\n")
            assert await answer(desk, open_again) == failed("no ip")

    at_desk(work, world=NO_IP)


def test_ethernet_alone_is_enough() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.quiet()
            await server.link(desk)

    at_desk(work)


def _unknown(*_: object) -> list[object]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("mux", [0, 1])
def test_an_unknown_name(mux: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _unknown)

    async def work(desk: Desk) -> None:
        await desk.join()
        await desk.ask(f"AT+CIPMUX={mux}")
        id_ = "0," if mux else ""
        said = await answer(desk, f'AT+CIPSTART={id_}"TCP","no.such.example",80')
        assert said == failed("DNS Fail", "" if mux else "CLOSED")
        assert await answer(desk, 'AT+CIPDOMAIN="no.such.example"') == failed("DNS Fail")
        # a start that failed was no link: the status is still 2
        assert await desk.ask("AT+CIPSTATUS") == b"STATUS:2\r\n\r\nOK\r\n"

    at_desk(work)


@pytest.mark.parametrize("mux", [0, 1])
def test_a_refused_connection(mux: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def work(desk: Desk) -> None:
        await desk.join()
        await desk.ask(f"AT+CIPMUX={mux}")
        id_ = "4," if mux else ""
        said = await answer(desk, f'AT+CIPSTART={id_}"TCP","127.0.0.1",{free_port()}')
        assert said == failed("connect fail", "" if mux else "CLOSED")
        assert await desk.ask("AT+CIPSTATUS") == b"STATUS:2\r\n\r\nOK\r\n"
        await desk.turns(5)
        assert desk.unread() == b""

    at_desk(work)
    assert "Connection refused" in caplog.text


@pytest.fixture
def full_server() -> Iterator[int]:
    """The port of a server whose backlog is full, so that no connection is made."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        with socket.socket() as first, socket.socket() as second:
            first.connect(server.getsockname())
            second.setblocking(False)
            second.connect_ex(server.getsockname())
            yield server.getsockname()[1]


@pytest.mark.parametrize("kind", ["TCP", "SSL"])
def test_a_connection_that_is_not_made_in_time(kind: str, full_server: int) -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        said = await answer(desk, f'AT+CIPSTART="{kind}","127.0.0.1",{full_server}')
        assert said == failed("connect fail", "CLOSED")
        assert await desk.ask("AT") == b"\r\nOK\r\n"

    at_desk(work, limits=SHORT)


def test_a_handshake_that_is_not_answered() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            said = await answer(desk, f'AT+CIPSTART="SSL","127.0.0.1",{server.port}')
            assert said == failed("connect fail", "CLOSED")
            peer = await server.accept()
            # the client's hello, and then its end
            assert (await peer.ended())[:1] == b"\x16"

    at_desk(work, limits=LinkLimits(connect_seconds=0.3))


def test_a_lookup_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def wait(*_: object) -> list[object]:
        answered.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", wait)

    async def work(desk: Desk) -> None:
        await desk.join()
        desk.type('AT+CIPSTART="TCP","slow.example",80\r\nAT\r\n')
        assert await desk.expect(b"CLOSED\r\n") == (
            b"\r\nbusy p...\r\n" + failed("DNS Fail", "CLOSED")
        )
        assert await desk.ask("AT") == b"\r\nOK\r\n"

    try:
        at_desk(work, limits=LinkLimits(connect_seconds=0.3))
    finally:
        answered.set()


@pytest.mark.parametrize(
    ("line", "seconds", "end"),
    [
        ('AT+CIPSTART="TCP","slow.example",80', 4.5, "CLOSED"),
        ('AT+CIPDOMAIN="slow.example"', 15, ""),
    ],
)
def test_how_long_a_lookup_may_take(
    line: str, seconds: float, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()

    def wait(*_: object) -> list[object]:
        answered.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", wait)

    async def work(desk: Desk) -> None:
        await desk.join()
        desk.patience = 60
        begun = asyncio.get_running_loop().time()
        assert await answer(desk, line) == failed("DNS Fail", end)
        assert seconds - 1 < asyncio.get_running_loop().time() - begun <= seconds

    try:
        at_desk(work, runner=fake_time.run)
    finally:
        answered.set()


# CIPDOMAIN


def test_a_name_is_looked_up() -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        local = b"+CIPDOMAIN:127.0.0.1\r\n\r\nOK\r\n"
        assert await desk.ask('AT+CIPDOMAIN="localhost"') == local
        assert await desk.ask('AT+CIPDOMAIN="127.0.0.1"') == local
        for wrong in ('""', "localhost", '"a b"', '"1.2.3.4.5"', '"localhost'):
            assert await answer(desk, f"AT+CIPDOMAIN={wrong}") == failed("IP ERROR")
        assert await answer(desk, 'AT+CIPDOMAIN="localhost",1') == failed("")

    at_desk(work)


# CIPSTATUS


def row(server: Listener, local: int, slot: int = 0, kind: str = "TCP") -> bytes:
    """The line of an open link to `server`."""
    return b'+CIPSTATUS:%d,"%s","127.0.0.1",%d,%d,0\r\n' % (
        slot,
        kind.encode(),
        server.port,
        local,
    )


def test_the_states_of_a_connection() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.quiet()
            assert await desk.ask("AT+CIPSTATUS") == b"STATUS:5\r\n\r\nOK\r\n"
            await desk.join()
            assert await desk.ask("AT+CIPSTATUS") == b"STATUS:2\r\n\r\nOK\r\n"
            peer = await server.link(desk)
            local = peer.socket.getpeername()[1]
            shown = b"STATUS:3\r\n" + row(server, local) + b"\r\nOK\r\n"
            assert await desk.ask("AT+CIPSTATUS") == shown
            await desk.ask("AT+CIPCLOSE")
            assert await desk.ask("AT+CIPSTATUS") == b"STATUS:4\r\n\r\nOK\r\n"
            await answer(desk, f'AT+CIPSTART="TCP","127.0.0.1",{free_port()}')
            assert await desk.ask("AT+CIPSTATUS") == b"STATUS:4\r\n\r\nOK\r\n"
            await desk.ask('AT+CWJAP_CUR="esp-at-sim","password"')
            desk.unread()
            assert await desk.ask("AT+CIPSTATUS") == b"STATUS:2\r\n\r\nOK\r\n"

    at_desk(work)


def test_only_the_last_close_makes_the_state_of_a_close() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await desk.ask("AT+CIPMUX=1")
            first, second = await server.link(desk, 0), await server.link(desk, 3)
            rows = [
                row(server, peer.socket.getpeername()[1], slot)
                for slot, peer in ((0, first), (3, second))
            ]
            assert await desk.ask("AT+CIPSTATUS") == (
                b"STATUS:3\r\n" + b"".join(rows) + b"\r\nOK\r\n"
            )
            await desk.ask("AT+CIPCLOSE=0")
            assert await desk.ask("AT+CIPSTATUS") == b"STATUS:3\r\n" + rows[1] + b"\r\nOK\r\n"
            second.close()
            assert await desk.expect(b"CLOSED\r\n") == b"3,CLOSED\r\n"
            assert await desk.ask("AT+CIPSTATUS") == b"STATUS:4\r\n\r\nOK\r\n"

    at_desk(work)


def test_links_are_listed_without_an_access_point_too() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.quiet()
            peer = await server.link(desk)
            shown = row(server, peer.socket.getpeername()[1])
            assert await desk.ask("AT+CIPSTATUS") == b"STATUS:5\r\n" + shown + b"\r\nOK\r\n"

    at_desk(work)


def test_a_link_with_unread_data_is_listed_after_its_end() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await desk.ask("AT+CIPRECVMODE=1")
            peer = await server.link(desk)
            local = peer.socket.getpeername()[1]
            await peer.send(b"left")
            assert await desk.expect(b"+IPD,4\r\n") == b"\r\n+IPD,4\r\n"
            peer.close()
            shown = b"STATUS:3\r\n" + row(server, local) + b"\r\nOK\r\n"
            assert await desk.ask("AT+CIPSTATUS") == shown
            desk.type("AT+CIPRECVDATA=9\r\n")
            assert await desk.expect(b"CLOSED\r\n") == (
                b"\r\n+CIPRECVDATA,4:left\r\nOK\r\nCLOSED\r\n"
            )
            assert await desk.ask("AT+CIPSTATUS") == b"STATUS:4\r\n\r\nOK\r\n"

    at_desk(work)
