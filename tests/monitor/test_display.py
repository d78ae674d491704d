"""How records look on a terminal."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest

from gateway.monitor.display import Display, visible
from gateway.monitor.dump import dump

WALL = datetime(2026, 11, 22, 12, 1, 7).timestamp()  # noqa: DTZ001 - the display is local too
HELLO = {"kind": "hello", "time": 100.0, "wall": WALL, "version": "1.2", "uart": "/dev/serial0"}
ESCAPES = re.compile(r"\033\[[0-9;]*m")


def shown(*records: dict[str, Any], raw: bool = False, colour: bool = False) -> list[str]:
    """What is printed for the records behind a greeting."""
    display = Display(raw=raw, colour=colour)
    display.lines(HELLO)
    return [line for record in records for line in display.lines(record)]


def test_the_greeting_says_whom_one_listens_to_and_what_the_arrows_mean() -> None:
    first, second = Display(raw=False, colour=False).lines(HELLO)
    assert first == "esp-at-gateway 1.2 on /dev/serial0"
    assert "→ from the microcontroller" in second


def test_a_conversation() -> None:
    lines = shown(
        {"kind": "command", "time": 100.0, "way": "in", "text": 'AT+CWJAP="home","***"'},
        {"kind": "echo", "time": 100.0, "way": "out", "text": 'AT+CWJAP="home","***"'},
        {"kind": "network", "time": 103.1, "level": "info", "text": "Wi-Fi connected"},
        {
            "kind": "reply",
            "time": 103.2,
            "way": "out",
            "text": "WIFI GOT IP\nOK",
            "result": "OK",
            "seconds": 3.2,
        },
        {"kind": "command", "time": 103.2123, "way": "in", "text": ""},
        {
            "kind": "reply",
            "time": 103.213,
            "way": "out",
            "text": "ERROR",
            "result": "ERROR",
            "seconds": 0.0007,
            "cause": "no such command",
        },
        {"kind": "notification", "time": 4000.0, "way": "out", "text": "CLOSED"},
    )
    assert lines == [
        '12:01:07   +0.000 s → AT+CWJAP="home","***"',
        "12:01:10   +3.100 s • Wi-Fi connected",
        "           +0.100 s ← WIFI GOT IP",
        "                    ← OK   3.20 s",
        "           +0.012 s → <an empty line>",
        "           +0.001 s ← ERROR   0.7 ms   (no such command)",
        "13:06:07    +65 min ← CLOSED",
    ]


def test_links_with_their_bytes_and_what_was_lost() -> None:
    closed = {"kind": "link", "time": 100.0, "level": "info", "text": "link 0 closed"}
    lines = shown(
        {**closed, "AT_LINK": 0, "AT_SENT": 10, "AT_RECEIVED": 4096},
        {"kind": "dropped", "time": 101.0, "count": 7},
    )
    assert lines[0].endswith("• link 0 closed, 10 bytes sent, 4096 received")
    assert lines[1].endswith("• 7 records were not read in time and are lost")


def test_raw_shows_bytes_both_ways_and_the_echo() -> None:
    record = {"time": 100.0, "text": "AT+X=<3 bytes>", "bytes": ["41542b583d", 3, "0d0a"]}
    lines = shown(
        {"kind": "command", "way": "in", **record},
        {"kind": "echo", "way": "out", **record},
        raw=True,
    )
    assert [line[20:] for line in lines] == [
        "→ AT+X=<3 bytes>",
        "    41 54 2b 58 3d ·· ·· ··  0d 0a                    AT+X=···..",
        "← AT+X=<3 bytes> (echo)",
        "    41 54 2b 58 3d ·· ·· ··  0d 0a                    AT+X=···..",
    ]


def test_rows_of_sixteen_and_many_hidden_bytes_are_counted() -> None:
    assert list(dump([bytes(range(0x40, 0x52)).hex()])) == [
        "40 41 42 43 44 45 46 47  48 49 4a 4b 4c 4d 4e 4f  @ABCDEFGHIJKLMNO",
        "50 51                                             PQ",
    ]
    assert list(dump(["0d0a", 2048, "0d0a"])) == [
        "0d 0a                                             ..",
        "·· × 2048",
        "0d 0a                                             ..",
    ]
    assert list(dump([])) == []


@pytest.mark.parametrize(
    ("record", "colour"),
    [
        ({"kind": "reply", "way": "out", "text": "OK", "result": "OK"}, "32"),
        ({"kind": "reply", "way": "out", "text": "SEND FAIL", "result": "SEND FAIL"}, "31"),
        ({"kind": "command", "way": "in", "text": "AT"}, "1;36"),
        ({"kind": "log", "level": "warning", "text": "lost"}, "31"),
        ({"kind": "notification", "way": "out", "text": "CLOSED"}, "33"),
    ],
)
def test_colours_mark_and_change_nothing_else(record: dict[str, Any], colour: str) -> None:
    record = {"time": 100.0, **record}
    (line,) = shown(record, colour=True)
    assert f"\033[{colour}m" in line
    assert [ESCAPES.sub("", line)] == shown(record)


def test_nothing_steers_the_terminal() -> None:
    hostile = "\033]0;title\007\x9b2J\r\u202e"
    assert all(each.isprintable() for each in visible(hostile))
    lines = shown(
        {"kind": "link", "time": 100.0, "text": hostile},
        {"kind": "reply", "time": 100.0, "text": "x", "cause": hostile},
    )
    assert all(line.isprintable() for line in lines)


def test_a_kind_that_is_not_known_is_shown_as_it_is() -> None:
    assert shown({"kind": "new", "time": 100.5, "text": "something"}) == [
        "12:01:07   +0.000 s • something"
    ]
    assert shown({}) != []
