"""What a watcher hears of a session: all that happens, and no password and no payload."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.recorder import Recorder
from gateway.services.api import Encryption
from gateway.services.network.simulated import SimulatedAccessPoint, World
from gateway.services.trace import MonitorSocket
from tests.harness import Desk
from tests.monitor_room import Listener, Record, listening
from tests.session_parts import NO_CABLE, at_fake_desk, linked, peer

Step = tuple[str, str]


def folder_of(desk: Desk) -> Any:
    """Where the desk's monitor has its socket."""
    trace = desk.trace
    assert isinstance(trace, MonitorSocket)
    return trace._path.parent


async def heard(desk: Desk, listener: Listener) -> list[Record]:
    """All that was told up to now."""
    await desk.turns(10)
    return [record for record in listener.read_all() if record["kind"] != "hello"]


def steps(records: list[Record]) -> list[Step]:
    return [(record["kind"], record["text"]) for record in records if record["kind"] != "echo"]


def test_commands_replies_and_what_is_said_unasked() -> None:
    async def work(desk: Desk) -> list[Record]:
        with listening(folder_of(desk)) as listener:
            await desk.turns(5)
            await desk.ask("ATE0")
            await desk.ask('AT+CWJAP="esp-at-sim","password"')
            desk.type("AT+CWMODE=9\r\nnonsense\r\n")
            return await heard(desk, listener)

    records = at_fake_desk(work, NO_CABLE)
    assert steps([each for each in records if each["kind"] not in ("network", "log")]) == [
        ("command", "ATE0"),
        ("reply", "OK"),
        ("command", 'AT+CWJAP="esp-at-sim","***"'),
        ("notification", "WIFI CONNECTED"),
        ("reply", "WIFI GOT IP\nOK"),
        ("command", "AT+CWMODE=<1 byte>"),
        ("reply", "ERROR"),
        ("command", "<10 bytes>"),
        ("reply", "ERROR"),
    ]
    assert ("network", "Wi-Fi connected") in steps(records)
    failed = next(each for each in records if each.get("result") == "ERROR")
    assert failed["cause"] == "mode: 9 is not in 0 to 3"
    assert failed["seconds"] >= 0
    times = [each["time"] for each in records]
    assert times == sorted(times)


@pytest.mark.parametrize("echo", [0, 1])
def test_the_echo_is_told_where_there_is_one(echo: int) -> None:
    async def work(desk: Desk) -> list[Record]:
        await desk.ask(f"ATE{echo}")
        with listening(folder_of(desk)) as listener:
            await desk.turns(5)
            for piece in (b"AT+CW", b'JAP="a","passw', b'ord"\r\n'):
                desk.type(piece)
            await desk.expect(b"FAIL\r\n")
            return await heard(desk, listener)

    records = [each for each in at_fake_desk(work, NO_CABLE) if each["kind"] == "echo"]
    told = {"way": "out", "text": 'AT+CWJAP="a","***"'}
    assert [{name: each[name] for name in told} for each in records] == [told] * echo


def test_links_and_data_are_told_by_their_lengths() -> None:
    async def work(desk: Desk) -> list[Record]:
        async with linked(desk) as made:
            with listening(folder_of(desk)) as listener:
                await desk.turns(5)
                await desk.ask("AT+CIPSEND=7", b"> ")
                desk.type("payload")
                await desk.expect(b"SEND OK\r\n")
                await made.send(b"answer")
                await desk.expect(b"answer")
                await desk.ask("AT+CIPRECVMODE=1")
                await made.send(b"more")
                await desk.expect(b"+IPD,4\r\n")
                await desk.ask("AT+CIPRECVDATA=3")
                made.close()
                await desk.ask("AT+CIPCLOSE")
                return await heard(desk, listener)

    records = at_fake_desk(work)
    assert steps([each for each in records if "bytes" in each]) == [
        ("command", "AT+CIPSEND=7"),
        ("reply", "OK\n> "),
        ("payload", "<7 bytes>"),
        ("reply", "Recv 7 bytes\nSEND OK"),
        ("data", "+IPD,6:<6 bytes>"),
        ("command", "AT+CIPRECVMODE=1"),
        ("reply", "OK"),
        ("notification", "+IPD,4"),
        ("command", "AT+CIPRECVDATA=3"),
        ("reply", "+CIPRECVDATA,3:<3 bytes>\nOK"),
        ("command", "AT+CIPCLOSE"),
        ("reply", "CLOSED\nOK"),
    ]
    assert [each["result"] for each in records if each["kind"] == "reply" and "result" in each] == [
        "SEND OK",
        *["OK"] * 3,
    ]
    closed = next(each for each in records if each["text"] == "link 0 closed")
    assert (closed["AT_LINK"], closed["AT_SENT"], closed["AT_RECEIVED"]) == (0, 7, 10)


def test_pass_through_and_certificates_are_told_by_their_lengths() -> None:
    async def work(desk: Desk) -> list[Record]:
        async with linked(desk) as made:
            await desk.ask("AT+CIPMODE=1")
            with listening(folder_of(desk)) as listener:
                await desk.turns(5)
                await desk.ask("AT+CIPSEND", b"\r\n\r\n>")
                desk.type("passed")
                assert await made.read(6) == b"passed"
                await made.send(b"back")
                await desk.expect(b"back")
                await asyncio.sleep(0.1)
                desk.type("+++")
                await asyncio.sleep(2)
                await desk.ask("AT+CIPSSLCERT", b">")
                desk.type("-----BEGIN\r\n-----END CERTIFICATE-----\r\n")
                await desk.expect(b"Loading certificate failed\r\n\r\nERROR\r\n")
                return await heard(desk, listener)

    records = [each for each in at_fake_desk(work) if each["kind"] != "link"]
    assert steps(records) == [
        ("command", "AT+CIPSEND"),
        ("reply", "OK\n>"),
        ("through", "<6 bytes>"),
        ("through", "<4 bytes>"),
        ("command", "+++"),
        ("reply", ""),
        ("command", "AT+CIPSSLCERT"),
        ("reply", "OK\n>"),
        ("payload", "<PEM, 37 bytes>"),
        ("reply", "Read 37 bytes\nLoading certificate failed\nERROR"),
    ]
    assert [each["result"] for each in records if "result" in each] == ["OK", "ERROR"]


def test_bytes_that_are_no_line() -> None:
    async def work(desk: Desk) -> list[Record]:
        with listening(folder_of(desk)) as listener:
            await desk.turns(5)
            desk.type("x" * 300 + "\r\n")
            desk.type("AT\r\nAT")
            await asyncio.sleep(0.9)
            records = await heard(desk, listener)
            await asyncio.sleep(0.2)
            return records + [{"kind": "later", "text": ""}] + await heard(desk, listener)

    assert steps(at_fake_desk(work)) == [
        ("noise", "<256 bytes and more>"),
        ("reply", "ERROR"),
        ("command", "AT"),
        ("reply", "OK"),
        ("later", ""),
        ("noise", "<2 bytes so far, then silence>"),
    ]


def test_the_wrong_speed_shows_by_bytes_that_are_no_text() -> None:
    async def work(desk: Desk) -> list[Record]:
        await desk.quiet()
        with listening(folder_of(desk)) as listener:
            await desk.turns(5)
            desk.type(b"\xff\x00A\r\n" + b"\x80" * 300 + b"\n")
            desk.type(b"\x80\xf8B")
            await asyncio.sleep(1.1)
            return await heard(desk, listener)

    assert [text for kind, text in steps(at_fake_desk(work)) if kind != "reply"] == [
        "<5 bytes, 2 of them no text>",
        "<256 bytes and more>",
        "<3 bytes so far, then silence, 2 of them no text>",
    ]


def test_a_line_while_a_command_runs_is_shown_with_its_answer() -> None:
    world = World(ethernet=False)

    async def work(desk: Desk) -> list[Record]:
        await desk.quiet()
        with listening(folder_of(desk)) as listener:
            await desk.turns(5)
            desk.type("AT+CWLAP\r\n")
            await asyncio.sleep(0.1)
            desk.type("AT\r\n")
            await desk.expect(b"OK\r\n")
            return await heard(desk, listener)

    records = at_fake_desk(work, world)
    assert steps(records)[:3] == [
        ("command", "AT+CWLAP"),
        ("command", "AT"),
        ("reply", "busy p..."),
    ]
    assert "result" not in records[2]
    assert records[-1]["result"] == "OK"
    assert records[-1]["seconds"] > 0.1


@pytest.mark.parametrize("watched", [False, True])
def test_records_are_made_only_for_a_listener(watched: bool) -> None:
    made: list[str] = []

    class Counting(Recorder):
        def __getattribute__(self, name: str) -> Any:
            made.append(name)
            return super().__getattribute__(name)

    async def work(desk: Desk) -> None:
        desk.session._recorder.__class__ = Counting
        async with contextlib.AsyncExitStack() as stack:
            if watched:
                stack.enter_context(listening(folder_of(desk)))
            await stack.enter_async_context(linked(desk))
            await desk.ask("AT")

    at_fake_desk(work)
    assert bool({*made} - {"forget", "_forget_timer", "_timer"}) == watched


# secrets

# Anything but line ends, with a byte in each three that the gateway itself never writes: so what
# is found of it cannot be by chance one of the gateway's own words.
secrets = st.lists(
    st.tuples(
        st.binary(max_size=2).filter(lambda free: b"\n" not in free),
        st.sampled_from([b"~", b"^", b"`", b"|", b"\x01", b"\xff", b"\xc3\xa4"]),
    ),
    min_size=8,
    max_size=15,
).map(lambda pairs: b"".join(free + own for free, own in pairs))
cuts = st.lists(st.integers(1, 40), min_size=1, max_size=5)


def in_pieces(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    position = index = 0
    while position < len(data):
        size = sizes[index % len(sizes)]
        yield data[position : position + size]
        position, index = position + size, index + 1


def escaped(text: bytes) -> bytes:
    return re.sub(rb'([\\",])', rb"\\\1", text)


def assert_secret(records: list[Record], *secrets: bytes) -> None:
    """None of six bytes in a row of any secret is told, neither as text nor in hex."""
    texts = [str(value) for each in records for value in each.values()]
    hexes = [part for each in records for part in each.get("bytes", []) if isinstance(part, str)]
    for secret in secrets:
        for start in range(max(1, len(secret) - 5)):
            window = secret[start : start + 6]
            as_text = window.decode("utf-8", "backslashreplace")
            assert not [text for text in texts if as_text in text or repr(window)[2:-1] in text]
            assert not [text for text in hexes if window in bytes.fromhex(text)]


@settings(max_examples=60)
@given(password=secrets, wrong=secrets, sizes=cuts, echo=st.booleans())
def test_no_password_reaches_the_socket(
    password: bytes, wrong: bytes, sizes: list[int], echo: bool
) -> None:
    world = World(
        access_points=(SimulatedAccessPoint(b"home", b"not that one", Encryption.WPA2),),
        pace=0,
        ethernet=False,
    )
    lines = [
        b'AT+CWJAP="home","%s"' % escaped(password),
        b'AT+CWJAP_CUR="home","%s",,1' % escaped(wrong),
        b'AT+CWJAP="home","%s' % password,
        b'AT+CWJAP="home",%s' % password,
        b'AT+CWJAP="home""%s"' % password,
        b'at+cwjap="home","%s"' % password,
        b"AT+CWMODE_CUR=3",
        b'AT+CWSAP="mine","%s",5,3' % escaped(password),
        b"AT+CWSAP?",
        b"AT+CWSAP_DEF?",
        password,
    ]

    async def work(desk: Desk) -> list[Record]:
        if not echo:
            await desk.ask("ATE0")
        with listening(folder_of(desk)) as listener:
            await desk.turns(5)
            for line in lines:
                for piece in in_pieces(line + b"\r\n", sizes):
                    desk.type(piece)
                await desk.turns(60)
            records = await heard(desk, listener)
            assert password.hex().encode() not in bytes(listener.data)
            return records

    records = at_fake_desk(work, world)
    assert len([each for each in records if each["kind"] == "command"]) >= 5
    assert_secret(records, password, escaped(password), wrong, escaped(wrong))


@settings(max_examples=60)
@given(payload=secrets, answer=secrets, passed=secrets, sizes=cuts, passive=st.booleans())
def test_no_payload_reaches_the_socket(
    payload: bytes, answer: bytes, passed: bytes, sizes: list[int], passive: bool
) -> None:
    async def work(desk: Desk) -> list[Record]:
        async with linked(desk) as made:
            with listening(folder_of(desk)) as listener:
                await desk.turns(5)
                await desk.ask(f"AT+CIPRECVMODE={int(passive)}")
                await desk.ask(f"AT+CIPSEND={len(payload)}", b"> ")
                for piece in in_pieces(payload, sizes):
                    desk.type(piece)
                await desk.expect(b"SEND OK\r\n")
                for piece in in_pieces(answer, sizes):
                    await made.send(piece)
                await desk.turns(20)
                if passive:
                    await desk.ask("AT+CIPRECVDATA=2048")
                await desk.ask("AT+CIPRECVMODE=0")
                await desk.ask("AT+CIPMODE=1")
                await desk.ask("AT+CIPSEND", b"\r\n\r\n>")
                for piece in in_pieces(passed, sizes):
                    desk.type(piece)
                await made.read(len(payload) + len(passed))
                await made.send(answer)
                await desk.expect(answer)
                return await heard(desk, listener)

    assert_secret(at_fake_desk(work), payload, answer, passed)


def test_a_listener_who_comes_in_the_middle_hears_no_secret() -> None:
    async def work(desk: Desk) -> list[Record]:
        await desk.quiet()
        async with peer():
            desk.type('AT+CWJAP="home","very')
            with listening(folder_of(desk)) as listener:
                await desk.turns(5)
                desk.type('secret1"\r\n')
                await desk.turns(60)
                return await heard(desk, listener)

    records = at_fake_desk(work)
    assert ("command", 'AT+CWJAP="home","***"') in steps(records)
    assert_secret(records, b"verysecret1")
