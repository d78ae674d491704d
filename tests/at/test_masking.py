"""What may be shown of a line or a message: no password, no payload, nothing unknown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.at import masking, messages
from gateway.at.masking import Piece, as_bytes, as_text
from gateway.at.params import Text
from gateway.commands import all_commands

COMMANDS = all_commands()
REPLIES = masking.secret_replies(COMMANDS)

# Quoted texts of commands that are no secret: SSIDs and the like.
HARMLESS_TEXTS = {
    ("AT+CWJAP", "ssid"),
    ("AT+CWSAP", "ssid"),
    ("AT+CWLAP", "ssid"),
    ("AT+CIPSNTPCFG", "server"),
}


def shown(line: str, multiplexing: bool = False) -> str:
    return as_text(masking.command_line(line.encode("latin-1") + b"\r", COMMANDS, multiplexing))


def length(pieces: list[Piece]) -> int:
    return sum(len(each) if isinstance(each, bytes) else each.count for each in pieces)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("AT", "AT"),
        ("AT+CWMODE?", "AT+CWMODE?"),
        ("AT+CWMODE=3", "AT+CWMODE=3"),
        ('AT+CWJAP="home","password"', 'AT+CWJAP="home","***"'),
        ('AT+CWJAP_CUR="a,b","pass,word"', 'AT+CWJAP_CUR="a,b","***"'),
        ('AT+CWJAP_DEF="a\\"","pa\\"ss\\\\wd,"', 'AT+CWJAP_DEF="a\\"","***"'),
        (
            'AT+CWJAP="home","password","02:00:00:00:00:01"',
            'AT+CWJAP="home","***","02:00:00:00:00:01"',
        ),
        ('AT+CWJAP="home",""', 'AT+CWJAP="home",""'),
        ('AT+CWSAP="mine","password",5,3', 'AT+CWSAP="mine","***",5,3'),
        ('AT+CIPSTART="TCP","example.test",80', 'AT+CIPSTART="TCP","example.test",80'),
        # what does not fit may be a password in the wrong place, or payload
        ('AT+CWJAP="home""password"', "AT+CWJAP=<16 bytes>"),
        ('AT+CWJAP="home",password', "AT+CWJAP=<15 bytes>"),
        ('AT+CWJAP="home","password', "AT+CWJAP=<16 bytes>"),
        ('AT+CWJAP="home","x","password"', "AT+CWJAP=<21 bytes>"),
        ('AT+CWJAP?"home","password"', "AT+CWJAP?<17 bytes>"),
        ("AT+CWMODE=9", "AT+CWMODE=<1 byte>"),
        ("AT+CIPSTART=password", "AT+CIPSTART=<8 bytes>"),
        ('AT+CWJAPX="home","password"', "AT+CWJAPX=<19 bytes>"),
        ("AT+PING", "AT+PING"),
        ('at+cwjap="home","password"', "<28 bytes>"),
        ("password", "<10 bytes>"),
        ("ATpassword", "<12 bytes>"),
        ("", ""),
    ],
)
def test_a_command_line(line: str, text: str) -> None:
    assert shown(line) == text


def test_a_link_id_shifts_the_arguments() -> None:
    assert shown("AT+CIPSEND=3,20", multiplexing=True) == "AT+CIPSEND=3,20"
    assert shown("AT+CIPSEND=20") == "AT+CIPSEND=20"
    assert shown("AT+CIPSEND=3,20") == "AT+CIPSEND=<4 bytes>"


def test_a_line_that_does_not_end_with_cr() -> None:
    line = b'AT+CWJAP="home","password"'
    assert as_text(masking.command_line(line, COMMANDS, False)) == "AT+CWJAP=<18 bytes>"


def test_every_quoted_text_is_secret_or_known_to_be_harmless() -> None:
    texts = {
        (command.spelling.removesuffix("=").removesuffix("_CUR").removesuffix("_DEF"), each.label)
        for command in COMMANDS
        for each in command.parameters
        if isinstance(each, Text) and not each.secret
    }
    assert texts == HARMLESS_TEXTS


def test_the_replies_with_a_password() -> None:
    assert set(REPLIES) == {b"+CWSAP:", b"+CWSAP_CUR:", b"+CWSAP_DEF:"}


@given(ssid=st.binary(min_size=1, max_size=32), password=st.binary(min_size=1, max_size=63))
def test_the_softaps_reply_shows_nothing_of_the_password(ssid: bytes, password: bytes) -> None:
    message = messages.softap("+CWSAP_DEF", ssid, password, 5, 3, 4, 0)
    pieces = masking.message(message, REPLIES)
    assert length(pieces) == len(message)
    seen, _, tail = pieces
    assert isinstance(seen, bytes)
    # it ends before the password's quote, wherever the SSID has quotes of its own
    assert len(seen) <= len(b'+CWSAP_DEF:"",') + len(ssid)
    assert tail == b",5,3,4,0\r\n\r\nOK\r\n"


def test_an_empty_password_is_no_secret() -> None:
    message = messages.softap("+CWSAP", b"a", b"", 1, 0, 4, 0)
    assert as_text(masking.message(message, REPLIES)) == '+CWSAP:"a","",1,0,4,0\nOK'


@given(
    payloads=st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=4),
    link=st.sampled_from([None, 3]),
    source=st.sampled_from([None, ("192.0.2.1", 80)]),
)
def test_data_is_counted_whatever_it_looks_like(
    payloads: list[bytes], link: int | None, source: tuple[str, int] | None
) -> None:
    batch = [messages.data(link, each, source) for each in payloads]
    pieces = masking.data(b"".join(batch))
    assert [each.count for each in pieces if not isinstance(each, bytes)] == [
        len(each) for each in payloads
    ]
    heads = [whole[: len(whole) - len(each)] for whole, each in zip(batch, payloads, strict=True)]
    assert [each for each in pieces if isinstance(each, bytes)] == [*heads, b""]


@given(payload=st.binary(min_size=1, max_size=50))
def test_data_that_was_read_is_counted(payload: bytes) -> None:
    text = as_text(masking.message(messages.data_read(payload), REPLIES))
    count = len(payload)
    assert text == f"+CIPRECVDATA,{count}:<{count} byte{'' if count == 1 else 's'}>\nOK"


def test_data_in_another_form_is_hidden_whole() -> None:
    assert masking.data(b"secret") == [masking.hidden(6)]


@given(line=st.binary(max_size=60), multiplexing=st.booleans())
def test_any_line_keeps_its_length(line: bytes, multiplexing: bool) -> None:
    line = line.replace(b"\n", b"")
    assert length(masking.command_line(line, COMMANDS, multiplexing)) == len(line) + 1


def test_pieces_in_words_and_in_hex() -> None:
    pieces: list[Piece] = [b"\r\nAB\r\n\r\n", b"C\xff\r\n", masking.hidden(7), b""]
    assert as_text(pieces) == "AB\nC\\xff\n<7 bytes>"
    assert as_bytes(pieces) == ["0d0a41420d0a0d0a43ff0d0a", 7]
