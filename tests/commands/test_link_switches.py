"""Closing links, and the switches that rule them all (contract, section 6)."""

from __future__ import annotations

import pytest

from gateway.services.network.simulated import World
from gateway.services.network.simulated_world import ETHERNET_MAC, SOFTAP_MAC, STATION_MAC, lease
from tests.harness import Desk, at_desk
from tests.peers import free_port, listening

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"


def answers(*lines: tuple[str, bytes]) -> None:
    """Each line gets its answer, byte for byte, on a joined gateway without links."""

    async def work(desk: Desk) -> None:
        await desk.join()
        for line, reply in lines:
            end = b"ERROR\r\n" if reply.endswith(ERROR) else b"OK\r\n"
            said = await desk.ask(line, end)
            assert (line, said + desk.unread()) == (line, reply)

    at_desk(work)


@pytest.mark.parametrize(
    ("name", "factory", "good"),
    [
        ("CIPMUX", b"0", ["1", "0"]),
        ("CIPMODE", b"0", ["1", "0"]),
        ("CIPRECVMODE", b"0", ["1", "0"]),
    ],
)
def test_a_switch_is_queried_and_set(name: str, factory: bytes, good: list[str]) -> None:
    said = b"+" + name.encode()
    lines = [(f"AT+{name}?", said + b":" + factory + b"\r\n" + OK)]
    for value in good:
        lines.append((f"AT+{name}={value}", OK))
        lines.append((f"AT+{name}?", said + b":" + value.encode() + b"\r\n" + OK))
    for wrong in ("2", "-1", "01", "", '"1"', "1,", "1,1", "x"):
        lines.append((f"AT+{name}={wrong}", ERROR))
    lines += [(f"AT+{name}", ERROR), (f"AT+{name}?x", ERROR)]
    answers(*lines)


def test_source_shown_is_a_word() -> None:
    answers(
        ("AT+CIPDINFO?", b"+CIPDINFO:FALSE\r\n" + OK),
        ("AT+CIPDINFO=1", OK),
        ("AT+CIPDINFO?", b"+CIPDINFO:TRUE\r\n" + OK),
        ("AT+CIPDINFO=2", ERROR),
        ("AT+CIPDINFO=", ERROR),
        ("AT+CIPDINFO=0", OK),
        ("AT+CIPDINFO?", b"+CIPDINFO:FALSE\r\n" + OK),
    )


def test_pass_through_and_multiplexing_exclude_each_other() -> None:
    answers(
        ("AT+CIPMUX=1", OK),
        ("AT+CIPMODE=1", b"CIPMUX and CIPSERVER must be 0\r\n" + ERROR),
        ("AT+CIPMODE=0", OK),
        ("AT+CIPMUX=0", OK),
        ("AT+CIPMODE=1", OK),
        ("AT+CIPMUX=1", b"IPMODE must be 0\r\n" + ERROR),
        ("AT+CIPMUX=0", OK),
        ("AT+CIPMODE=0", OK),
        ("AT+CIPMUX=1", OK),
    )


def test_multiplexing_is_refused_for_the_first_reason() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await desk.ask("AT+CIPMODE=1")
            await server.link(desk)
            assert await desk.refused("AT+CIPMUX=1") == b"link is builded\r\n" + ERROR
            assert await desk.ask("AT+CIPMUX=0") == OK
            await desk.ask("AT+CIPCLOSE")
            assert await desk.refused("AT+CIPMUX=1") == b"IPMODE must be 0\r\n" + ERROR
            await desk.ask("AT+CIPMODE=0")
            await desk.ask("AT+CIPMUX=1")
            await desk.ask(f"AT+CIPSERVER=1,{free_port()}")
            await server.link(desk, 2)
            assert await desk.refused("AT+CIPMUX=0") == b"link is builded\r\n" + ERROR
            assert await desk.ask("AT+CIPMUX=1") == OK
            await desk.ask("AT+CIPCLOSE=2")
            assert await desk.refused("AT+CIPMUX=0") == b"CIPSERVER must be 0\r\n" + ERROR
            await desk.ask("AT+CIPSERVER=0")
            assert await desk.ask("AT+CIPMUX=0") == OK

    at_desk(work)


# CIPCLOSE


def test_closing_without_ids() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            assert await desk.refused("AT+CIPCLOSE") == ERROR
            assert await desk.refused("AT+CIPCLOSE=0") == b"MUX=0\r\n" + ERROR
            assert await desk.refused("AT+CIPCLOSE=5") == b"MUX=0\r\n" + ERROR
            peer = await server.link(desk)
            assert await desk.refused("AT+CIPCLOSE=0") == b"MUX=0\r\n" + ERROR
            assert await desk.ask("AT+CIPCLOSE") == b"CLOSED\r\n" + OK
            assert await peer.ended() == b""
            assert await desk.refused("AT+CIPCLOSE") == ERROR

    at_desk(work)


def test_closing_with_ids() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await desk.ask("AT+CIPMUX=1")
            assert await desk.ask("AT+CIPCLOSE=5") == OK
            assert await desk.refused("AT+CIPCLOSE=1") == b"UNLINK\r\n" + ERROR
            assert await desk.refused("AT+CIPCLOSE") == b"MUX=1\r\n" + ERROR
            for wrong in ("", "6", "-1", "x", "1,1"):
                assert await desk.refused(f"AT+CIPCLOSE={wrong}") == ERROR
            peers = [await server.link(desk, slot) for slot in range(5)]
            assert await desk.ask("AT+CIPCLOSE=1") == b"1,CLOSED\r\n" + OK
            assert await desk.refused("AT+CIPCLOSE=1") == b"UNLINK\r\n" + ERROR
            assert await desk.ask("AT+CIPCLOSE=5") == (
                b"0,CLOSED\r\n2,CLOSED\r\n3,CLOSED\r\n4,CLOSED\r\n" + OK
            )
            for peer in peers:
                assert await peer.ended() == b""
            await desk.turns(5)
            assert desk.unread() == b""

    at_desk(work)


def test_closing_drops_what_is_unread() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await desk.ask("AT+CIPRECVMODE=1")
            peer = await server.link(desk)
            await peer.send(b"unread")
            await desk.expect(b"+IPD,6\r\n")
            assert await desk.ask("AT+CIPCLOSE") == b"CLOSED\r\n" + OK
            assert await desk.ask("AT+CIPRECVLEN?") == b"+CIPRECVLEN:0,0,0,0,0\r\n" + OK
            await server.link(desk)
            assert await desk.refused("AT+CIPRECVDATA=1") == ERROR
            await desk.turns(5)
            assert desk.unread() == b""

    at_desk(work)


# CIPCLOSEMODE


@pytest.mark.parametrize("wrong", ["", "2", "1,1", "-1"])
def test_close_mode_without_mux(wrong: str) -> None:
    answers(
        ("AT+CIPCLOSEMODE=1", OK),
        ("AT+CIPCLOSEMODE=0", OK),
        (f"AT+CIPCLOSEMODE={wrong}", ERROR),
    )


@pytest.mark.parametrize("wrong", ["1", "6,1", "0,2", "0,", "0,1,1"])
def test_close_mode_with_mux(wrong: str) -> None:
    answers(
        ("AT+CIPMUX=1", OK),
        ("AT+CIPCLOSEMODE=4,1", OK),
        ("AT+CIPCLOSEMODE=5,0", OK),
        (f"AT+CIPCLOSEMODE={wrong}", ERROR),
    )


def test_an_abort_is_a_reset_and_only_once() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await desk.ask("AT+CIPCLOSEMODE=1")
            peer = await server.link(desk)
            assert await desk.ask("AT+CIPCLOSE") == b"CLOSED\r\n" + OK
            with pytest.raises(ConnectionResetError):
                await peer.ended()
            peer = await server.link(desk)
            await desk.ask("AT+CIPCLOSE")
            assert await peer.ended() == b""

    at_desk(work)


def test_an_abort_of_one_link_or_of_all() -> None:
    async def work(desk: Desk) -> None:
        with listening() as server:
            await desk.join()
            await desk.ask("AT+CIPMUX=1")
            peers = [await server.link(desk, slot) for slot in range(3)]
            await desk.ask("AT+CIPCLOSEMODE=5,1")
            await desk.ask("AT+CIPCLOSEMODE=1,0")
            await desk.ask("AT+CIPCLOSE=5")
            assert await peers[1].ended() == b""
            for peer in (peers[0], peers[2]):
                with pytest.raises(ConnectionResetError):
                    await peer.ended()

    at_desk(work)


# CIFSR


def test_own_addresses_of_the_interfaces_there_are() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        ethernet = lease("192.168.101.0/24", ETHERNET_MAC).ip
        wired = f'+CIFSR:ETHIP,"{ethernet}"\r\n+CIFSR:ETHMAC,"{ETHERNET_MAC}"\r\n'
        alone = f'+CIFSR:STAIP,"0.0.0.0"\r\n+CIFSR:STAMAC,"{STATION_MAC}"\r\n'
        assert await desk.ask("AT+CIFSR") == (alone + wired).encode() + OK
        await desk.join()
        joined = alone.replace("0.0.0.0", lease("192.168.100.0/24", STATION_MAC).ip)
        assert await desk.ask("AT+CIFSR") == (joined + wired).encode() + OK
        await desk.ask("AT+CWMODE_CUR=3")
        softap = f'+CIFSR:APIP,"0.0.0.0"\r\n+CIFSR:APMAC,"{SOFTAP_MAC}"\r\n'
        assert (await desk.ask("AT+CIFSR")) == (softap + joined + wired).encode() + OK
        await desk.ask('AT+CWSAP_CUR="own","password",1,3')
        await desk.ask("AT+CWMODE_CUR=2")
        await desk.turns(20)
        desk.unread()
        softap = softap.replace("0.0.0.0", "192.168.4.1")
        assert await desk.ask("AT+CIFSR") == (softap + wired).encode() + OK
        assert await desk.refused("AT+CIFSR?") == ERROR

    at_desk(work)


def test_own_addresses_without_ethernet() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        assert b"ETH" not in await desk.ask("AT+CIFSR")

    at_desk(work, world=World(pace=0, ethernet=False))
