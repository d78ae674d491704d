"""Any bytes at all into a real session: no traceback, the same answer for any cutting, and
the next `AT` is answered once what it was in the middle of is over."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.at.transcripts import JOIN, LONG, OPEN, as_bytes
from tests.harness import Desk
from tests.session_parts import at_fake_desk, peer

LINES = [
    "AT",
    "ATE0",
    "ATE1",
    "AT+GMR",
    "AT+CWMODE=1",
    "AT+CWMODE_CUR=2",
    "AT+CWMODE_CUR=3",
    "AT+CWQAP",
    "AT+CWLAP",
    "AT+CIFSR",
    "AT+CIPMUX=1",
    "AT+CIPMUX=0",
    "AT+CIPMODE=1",
    "AT+CIPMODE=0",
    "AT+CIPRECVMODE=1",
    "AT+CIPSEND",
    "AT+CIPSEND=5",
    "AT+CIPSEND=0,2048",
    "AT+CIPCLOSE",
    "AT+CIPCLOSE=5",
    "AT+CIPRECVDATA=100",
    "AT+CIPSSLCERT",
    "AT+CIPSSLCERTMAX=1",
    "AT+UART_CUR=9600,8,1,0,0",
    "AT+RST",
    "AT+RESTORE",
    'AT+CWJAP="esp-at-sim","pass\\"word"',
    'AT+CWSAP_CUR="a","12345678",1,3',
    'AT+CIPSTART="TCP","127.0.0.1",1',
    'AT+CIPSTART=0,"TCP","127.0.0.1",{port}',
    'AT+CIPSTA_CUR="192.168.100.9"',
    "?",
    "",
]
NOISE = ["⏎", "↓", "←", "+++", '"', "\\", ",", "AT+", "-----END CERTIFICATE-----", LONG, LONG * 9]

pieces_of_text = st.one_of(
    st.sampled_from([f"{line}⏎" for line in LINES]),
    st.sampled_from([JOIN[0], OPEN[0]]),
    st.sampled_from([*LINES, *NOISE]),
    st.binary(max_size=20).map(lambda data: data.decode("latin-1")),
)
conversations = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.03, 0.06, 1.1, 10.5, 20.5]),
        st.lists(pieces_of_text, min_size=1, max_size=5).map("".join),
    ),
    min_size=1,
    max_size=6,
)
Conversation = list[tuple[float, str]]


class _Errors(logging.Handler):
    """Keeps what is logged as an error or with a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or record.levelno >= logging.ERROR:
            self.found.append(f"{record.getMessage()} {record.exc_info}")


@contextmanager
def no_errors_logged() -> Iterator[None]:
    errors = _Errors()
    logging.getLogger().addHandler(errors)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(errors)
    assert errors.found == []


def output_of(conversation: Conversation, size: int) -> bytes:
    """What is written, but for the ports at both ends, which are others each time."""

    async def work(desk: Desk) -> bytes:
        async with peer() as made:
            for gap, text in conversation:
                await asyncio.sleep(gap)
                data = as_bytes(text, made.port)
                step = size or len(data) or 1
                for start in range(0, len(data), step):
                    desk.type(data[start : start + step])
            await asyncio.sleep(30)
            output = bytes(desk.line.output).replace(str(made.port).encode(), b"{port}")
            return re.sub(rb"(\+CIPSTATUS:.*,)\d+(,[01]\r)", rb"\1{local port}\2", output)

    return at_fake_desk(work)


@given(conversation=conversations)
@settings(max_examples=150)
@example(conversation=[(0.0, f"{JOIN[0]}{OPEN[0]}AT+CIPMODE=1⏎AT+CIPSEND⏎data"), (1.1, "+++")])
@example(conversation=[(0.0, f"{JOIN[0]}{OPEN[0]}AT+CIPSEND=9⏎AT+RST⏎"), (10.5, "AT⏎")])
@example(conversation=[(0.0, "AT+CIPSSLCERT⏎\0"), (1.1, "AT⏎")])
def test_the_next_command_is_answered_whatever_came_before(conversation: Conversation) -> None:
    async def work(desk: Desk) -> None:
        async with peer() as made:
            for gap, text in conversation:
                await asyncio.sleep(gap)
                desk.type(as_bytes(text, made.port))
            await asyncio.sleep(30)  # longer than payload, certificate text or a join may take
            desk.type("+++")
            await asyncio.sleep(2)
            desk.unread()
            if desk.session.over.done():
                assert b"AT+RST" in as_bytes(str(conversation)) or "RESTORE" in str(conversation)
                return
            desk.type("\r\n")
            assert desk.unread().endswith(b"\r\nERROR\r\n")
            desk.type("AT\r\n")
            assert desk.unread().removeprefix(b"AT\r\n") == b"\r\nOK\r\n"

    with no_errors_logged():
        at_fake_desk(work)


@given(conversation=conversations, size=st.integers(1, 30))
@settings(max_examples=100)
@example(conversation=[(0.0, f"{JOIN[0]}{OPEN[0]}AT+CIPSTATUS⏎")], size=1)
def test_the_answers_do_not_depend_on_the_cutting(conversation: Conversation, size: int) -> None:
    assert output_of(conversation, size) == output_of(conversation, 0)
