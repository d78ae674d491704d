"""The console's side of a conversation, without a line: modes, echo, blocks of data."""

from __future__ import annotations

import pytest

from gateway.console.conversation import Conversation, Mode
from gateway.console.editing import may_be_remembered
from gateway.console.session import http_request

EXCHANGE = (
    b"AT+CIPSTATUS\r\nWIFI GOT IP\r\nSTATUS:3\r\n\r\nOK\r\n"
    b"\r\n+IPD,0,12:\r\nOK\r\n\x00\x1b\xc3\xa4\r\x1b0,CLOSED\r\n"
)


def received(data: bytes, size: int, *, sent: str) -> tuple[Conversation, str]:
    """What is shown for `data` that comes `size` bytes at a time after `sent`."""
    conversation = Conversation(show_prompt=True)
    conversation.send(sent)
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return conversation, "".join(map(conversation.receive, pieces))


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_the_text_is_the_same_however_the_bytes_are_cut(size: int) -> None:
    conversation, text = received(EXCHANGE, size, sent="AT+CIPSTATUS")
    shown = "WIFI GOT IP\nSTATUS:3\n\nOK\n\n+IPD,0,12:\nOK\n\\x00\\x1bä\\r\\x1b\n0,CLOSED\n"
    assert text == shown
    assert (conversation.awaiting, conversation.closings) == (False, 1)


@pytest.mark.parametrize("size", [1, 1000])
def test_an_ok_within_data_is_no_reply(size: int) -> None:
    data = b"\r\n+CIPRECVDATA,6:\r\nOK\r\n"
    conversation, text = received(data, size, sent="AT+CIPRECVDATA=6")
    assert conversation.awaiting
    assert text == "\n+CIPRECVDATA,6:\nOK\n"
    conversation.receive(b"\r\nOK\r\n")
    assert not conversation.awaiting


def test_a_notification_may_come_before_the_echo() -> None:
    _, text = received(b"WIFI CONNECTED\r\nAT\r\n\r\nOK\r\n", 1000, sent="AT")
    assert text == "WIFI CONNECTED\n\nOK\n"


def test_without_echo_nothing_is_swallowed_later() -> None:
    conversation, _ = received(b"\r\nOK\r\n", 1000, sent="AT")
    assert conversation.receive(b"AT\r\n") == "AT\n"


@pytest.mark.parametrize("final", [b"OK", b"ERROR", b"FAIL", b"SEND OK", b"SEND FAIL"])
def test_each_final_word_ends_a_reply(final: bytes) -> None:
    conversation, _ = received(b"\r\n" + final + b"\r\n", 1, sent="AT")
    assert (conversation.awaiting, conversation.last_final) == (False, final.decode())


def test_busy_does_not_end_the_first_reply() -> None:
    conversation = Conversation(show_prompt=True)
    conversation.send("AT+RST")
    conversation.send("AT+CIPSEND=4")
    conversation.receive(b"\r\nbusy p...\r\n\r\nOK\r\n")
    assert conversation.awaiting
    conversation.receive(b"\r\nready\r\n")
    assert not conversation.awaiting


@pytest.mark.parametrize("size", [1, 1000])
def test_payload_gets_line_ends_and_is_cut_to_what_was_announced(size: int) -> None:
    conversation, text = received(b"\r\nOK\r\n> ", size, sent="AT+CIPSEND=2,7")
    assert (conversation.mode, text) == (Mode.PAYLOAD, "\nOK\n> ")
    assert conversation.send("abc") == b"abc\r\n"
    assert conversation.send("defg") == b"de"
    assert (conversation.mode, conversation.awaiting) == (Mode.COMMAND, True)
    assert conversation.receive(b"\r\nRecv 7 bytes\r\n\r\nSEND OK\r\n").endswith("SEND OK\n")
    assert not conversation.awaiting


def test_a_payload_given_up_by_the_module_ends_the_mode() -> None:
    conversation, _ = received(b"\r\nOK\r\n> \r\nSEND FAIL\r\n", 1000, sent="AT+CIPSEND=7")
    assert (conversation.mode, conversation.awaiting) == (Mode.COMMAND, False)


def test_a_certificate_is_sent_line_by_line() -> None:
    conversation, _ = received(b"\r\nOK\r\n>", 1000, sent="AT+CIPSSLCERT")
    assert conversation.send("-----BEGIN CERTIFICATE-----") == b"-----BEGIN CERTIFICATE-----\r\n"
    assert conversation.mode is Mode.CERTIFICATE
    conversation.send("-----END CERTIFICATE-----")
    assert (conversation.mode, conversation.awaiting) == (Mode.COMMAND, True)
    conversation.receive(b"\r\nRead 53 bytes\r\n\r\nOK\r\n")
    assert not conversation.awaiting


def test_pass_through_ends_with_three_plus_signs_alone() -> None:
    conversation, _ = received(b"\r\nOK\r\n\r\n>", 1000, sent="AT+CIPSEND")
    assert conversation.mode is Mode.PASS_THROUGH
    assert conversation.receive(b"\r\nERROR\r\n+IPD,3:") == "\nERROR\n+IPD,3:"
    assert (conversation.send("+++"), conversation.mode) == (b"+++", Mode.COMMAND)


def test_half_a_line_is_shown_in_the_end() -> None:
    conversation = Conversation(show_prompt=False)
    assert conversation.receive(b"half") == ""
    assert conversation.incomplete
    assert conversation.settle() == "half"
    assert conversation.receive(b" a line\r\n") == " a line\n"


@pytest.mark.parametrize(
    ("line", "remembered"),
    [
        ("AT+CWLAP", True),
        ("AT+CWJAP?", True),
        ("AT+CWSAP_DEF?", True),
        ('AT+CWJAP="a","b"', False),
        ('AT+CWJAP_DEF="a","b"', False),
        ('at+cwsap_cur="a","b"', False),
        ('AT+CWJAP "a","b"', False),
    ],
)
def test_what_can_hold_a_password_is_not_remembered(line: str, remembered: bool) -> None:
    assert may_be_remembered(line) is remembered


def test_a_page_becomes_the_commands_of_a_sketch() -> None:
    assert http_request("https://example.com/a?b=1") == [
        'AT+CIPSTART="SSL","example.com",443',
        "AT+CIPSEND=42",
        "GET /a?b=1 HTTP/1.0",
        "Host: example.com",
        "",
    ]


@pytest.mark.parametrize("url", ["", "ftp://a/", "http://", 'http://a"b/', "http://a:99999/"])
def test_what_is_no_page_is_refused(url: str) -> None:
    assert http_request(url) is None
