"""Passwords and payload are in no log record, at no level (contract: secrets stay secret)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from gateway.services.api import Encryption
from gateway.services.network.simulated import SimulatedAccessPoint, World
from tests.commands.dialog import answer, news
from tests.harness import Desk, at_desk
from tests.peers import listening

SECRET = "SecretPass1"
WORLD = World(
    access_points=(SimulatedAccessPoint(b"home", SECRET.encode(), Encryption.WPA2),), pace=0
)


class Everything(logging.Handler):
    """Keeps all that a record holds, whatever a formatter would show of it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(f"{record.getMessage()} {record.__dict__!r} {record.exc_info}")

    def tells(self, secret: str) -> list[str]:
        """The records that hold it, in any case."""
        return [text for text in self.seen if secret.lower() in text.lower()]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[Everything]:
    """Every record of every logger from here on."""
    caplog.set_level(logging.DEBUG)
    handler = Everything()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize(
    "lines",
    [
        [f'AT+CWJAP="home","{SECRET}"', "AT+CWJAP?", "AT+CWQAP"],
        [f'AT+CWJAP_CUR="home","{SECRET}x"'],
        [f'AT+CWJAP_CUR="elsewhere","{SECRET}"'],
        ["AT+CWMODE=3", f'AT+CWSAP="mine","{SECRET}",5,3', "AT+CWSAP?", "AT+CWSAP_DEF?"],
        [f'AT+CWSAP="mine","{SECRET}",5,3'],
        [f'at+cwjap="home","{SECRET}"'],
        [f'AT+CWJAPX="home","{SECRET}"'],
        [f'AT+CWJAP"home","{SECRET}"'],
        [f'AT+CWJAP ="home","{SECRET}"'],
        [f'AT+CWJAP="home",{SECRET}'],
        [f'AT+CWJAP="home""{SECRET}"'],
        [f'AT+CWJAP="home","{SECRET}'],
        [f'AT+CWJAP="{SECRET}{SECRET}{SECRET}{SECRET}","x"'],
        [f'AT+CWJAP="home","{SECRET}",1,2,3'],
        [f'AT+CWJAP="home","x","{SECRET}"'],
        [f'AT+CWJAP="home","x",,{SECRET}'],
        [f'AT+CWJAP?"home","{SECRET}"'],
        [f'AT+CWMODE="{SECRET}"', f"AT+CWMODE={SECRET}", f"AT+UART={SECRET},8,1,0,0"],
        [f'AT+CWSAP="mine","{SECRET}",{SECRET},3', f'AT+CWHOSTNAME="{SECRET}."'],
        [f'AT+CIPSTA="{SECRET}"', f'AT+CIPSTAMAC="{SECRET}"', f'AT+CIPDNS=1,"{SECRET}"'],
        [f"AT+CIPSNTPCFG=1,{SECRET}", f'AT+CIPSSLFP="{SECRET}"'],
        [f'AT+CWJAP="home","{SECRET}{"x" * 300}"'],
        [f"AT+CIPSEND={SECRET}", f"AT+CIPSTART={SECRET}", f'AT+CIPCLOSE="{SECRET}"'],
        # what was meant as payload, but no prompt came
        [SECRET, f"AT{SECRET}", f"AT{SECRET.upper()}", f"ATE{SECRET.upper()}", f'"{SECRET}"'],
        [f"AT {SECRET}", f"+{SECRET}", f"AT\0{SECRET}"],
    ],
    ids=lambda lines: str(lines[0][:24]),
)
def test_no_secret_of_a_command_line(lines: list[str], log: Everything) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        for line in lines:
            await answer(desk, line)

    at_desk(work, WORLD)
    assert log.seen
    assert log.tells(SECRET) == []


@pytest.mark.parametrize("passive", [0, 1])
def test_no_payload_and_no_data(passive: int, log: Everything) -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        await desk.ask(f"AT+CIPRECVMODE={passive}")
        with listening() as server:
            peer = await server.link(desk)
            await desk.ask(f"AT+CIPSEND={len(SECRET)}", b"> ")
            desk.type(SECRET)
            await desk.expect(b"SEND OK\r\n")
            assert await peer.receive(len(SECRET)) == SECRET.encode()
            await peer.send(SECRET.encode())
            await desk.expect(b"+IPD,11\r\n" if passive else SECRET.encode())
            if passive:
                await desk.ask("AT+CIPRECVDATA=11", SECRET.encode() + b"\r\nOK\r\n")
            await desk.ask("AT+CIPSEND=11", b"> ")
            desk.type(SECRET[:5])
            peer.reset()
            await desk.turns(20)
            desk.type(SECRET[5:])
            await desk.expect(b"SEND FAIL\r\n")
            await news(desk)

    at_desk(work)
    assert log.seen
    assert log.tells(SECRET) == []


def test_no_secret_when_a_store_fails_or_a_command_has_a_bug(
    log: Everything, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        await desk.ask("AT+CWMODE_CUR=3")

        async def broken(settings: object) -> None:
            raise RuntimeError("a bug")

        with monkeypatch.context() as patch:
            patch.setattr(desk.settings, "store", broken)
            assert "ERROR" in await answer(desk, f'AT+CWSAP="mine","{SECRET}",5,3')
            assert "ERROR" in await answer(desk, f'AT+CWJAP="home","{SECRET}"')
        await asyncio.sleep(0)

    at_desk(work, WORLD)
    assert log.tells("a bug")
    assert log.tells(SECRET) == []
