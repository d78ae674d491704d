"""Every message, byte for byte."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from gateway.at import messages as m

README, FIRMWARE = m.Style.README, m.Style.FIRMWARE
DIGEST = bytes.fromhex("4fd5c1")

WRITTEN = [
    (m.OK, "⏎OK⏎"),
    (m.ERROR, "⏎ERROR⏎"),
    (m.READY, "⏎ready⏎"),
    (m.BUSY, "⏎busy p...⏎"),
    (m.BUSY_SENDING, "⏎busy s...⏎"),
    (m.SEND_OK, "⏎SEND OK⏎"),
    (m.SEND_PROMPT, "⏎OK⏎> "),
    (m.PASS_THROUGH_PROMPT, "⏎OK⏎⏎>"),
    (m.CERTIFICATE_PROMPT, "⏎OK⏎>"),
    (m.NO_AP, "No AP⏎⏎OK⏎"),
    (m.STATION_CONNECTED, "WIFI CONNECTED⏎"),
    (m.STATION_GOT_ADDRESS, "WIFI GOT IP⏎"),
    (m.STATION_LOST, "WIFI DISCONNECT⏎"),
    (m.JOINED, "WIFI GOT IP⏎⏎OK⏎"),
    (m.ETHERNET_CONNECTED, "+ETH_CONNECTED⏎"),
    (m.ETHERNET_LOST, "+ETH_DISCONNECTED⏎"),
    (m.ethernet_got_address("10.0.0.1"), "+ETH_GOT_IP:10.0.0.1⏎"),
    (m.answer(), "⏎OK⏎"),
    (m.answer(b"a", b"b"), "a⏎b⏎⏎OK⏎"),
    (m.compact(), "OK⏎"),
    (m.compact(b"a", b"b"), "a⏎b⏎OK⏎"),
    (m.value("+CWMODE_CUR", 1), "+CWMODE_CUR:1⏎⏎OK⏎"),
    (m.value("+CIPRECVLEN", 1, 0, 0, 0, 9), "+CIPRECVLEN:1,0,0,0,9⏎⏎OK⏎"),
    (m.compact_value("+UART", 115200, 8, 1, 0, 0), "+UART:115200,8,1,0,0⏎OK⏎"),
    (m.styled_value(README, "+RFMODE", 3), "+RFMODE=3⏎⏎OK⏎"),
    (m.styled_value(FIRMWARE, "+RFMODE", 3), "+RFMODE:3⏎⏎OK⏎"),
    (m.quoted_value("+CIPSTAMAC", "02:a7"), '+CIPSTAMAC:"02:a7"⏎⏎OK⏎'),
    (m.failure((), "ERROR"), "⏎ERROR⏎"),
    (m.failure(("no ip",), "ERROR"), "no ip⏎⏎ERROR⏎"),
    (m.failure(("DNS Fail",), "ERROR", "CLOSED"), "DNS Fail⏎⏎ERROR⏎CLOSED⏎"),
    (m.failure(("", "+CWJAP:3"), "FAIL"), "⏎+CWJAP:3⏎⏎FAIL⏎"),
    (m.failure(("", "Recv 5 bytes"), "SEND FAIL"), "⏎Recv 5 bytes⏎⏎SEND FAIL⏎"),
    (
        m.version("0.1", "2026-01-02", "Debian, Linux 6.1"),
        "AT version:1.7.0.0 (esp-at-gateway 0.1)⏎SDK version:2.0.0⏎"
        "Compile time:2026-01-02 (Debian, Linux 6.1)⏎Version ESP_ATMod:0.5.0⏎OK⏎",
    ),
    (
        m.joined("+CWJAP_CUR", b'a"\\,\xff', "02:a7", 6, -48),
        '+CWJAP_CUR:"a"\\,ÿ","02:a7",6,-48⏎⏎OK⏎',
    ),
    (
        m.addresses("+CIPSTA", "10.0.0.2", "10.0.0.1", "255.0.0.0"),
        '+CIPSTA:ip:"10.0.0.2"⏎+CIPSTA:gateway:"10.0.0.1"⏎+CIPSTA:netmask:"255.0.0.0"⏎⏎OK⏎',
    ),
    (m.name_servers("+CIPDNS", ()), "⏎OK⏎"),
    (m.name_servers("+CIPDNS", ("1.1.1.1", "9.9.9.9")), "+CIPDNS:1.1.1.1⏎+CIPDNS:9.9.9.9⏎⏎OK⏎"),
    (m.softap("+CWSAP", b"ESP", b"", 1, 0, 4, 0), '+CWSAP:"ESP","",1,0,4,0⏎⏎OK⏎'),
    (
        m.own_addresses([("STAIP", "10.0.0.2"), ("STAMAC", "02:a7")]),
        '+CIFSR:STAIP,"10.0.0.2"⏎+CIFSR:STAMAC,"02:a7"⏎⏎OK⏎',
    ),
    (m.connected(None), "CONNECT⏎"),
    (m.connected(4), "4,CONNECT⏎"),
    (m.closed(None), "CLOSED⏎"),
    (m.closed(0), "0,CLOSED⏎"),
    (m.opened(None), "CONNECT⏎⏎OK⏎"),
    (m.opened(0), "0,CONNECT⏎⏎OK⏎"),
    (m.link_status(2, ()), "STATUS:2⏎⏎OK⏎"),
    (
        m.link_status(3, [(1, "SSL", "10.0.0.9", 443, 50000, 0)]),
        'STATUS:3⏎+CIPSTATUS:1,"SSL","10.0.0.9",443,50000,0⏎⏎OK⏎',
    ),
    (m.received_payload(2048), "⏎Recv 2048 bytes⏎"),
    (m.data(None, b"a\r\n\xff", None), "⏎+IPD,4:a⏎ÿ"),
    (m.data(0, b"abc", None), "⏎+IPD,0,3:abc"),
    (m.data(None, b"abc", ("10.0.0.9", 80)), "⏎+IPD,3,10.0.0.9,80:abc"),
    (m.data(2, b"abc", ("10.0.0.9", 80)), "⏎+IPD,2,3,10.0.0.9,80:abc"),
    (m.data_waiting(None, 16384), "⏎+IPD,16384⏎"),
    (m.data_waiting(3, 7), "⏎+IPD,3,7⏎"),
    (m.data_read(b"abc"), "⏎+CIPRECVDATA,3:abc⏎OK⏎"),
    (m.all_closed([]), "⏎OK⏎"),
    (m.all_closed([None]), "CLOSED⏎⏎OK⏎"),
    (m.all_closed([0, 4]), "0,CLOSED⏎4,CLOSED⏎⏎OK⏎"),
    (m.fingerprint(README, "+CIPSSLFP", DIGEST), '+CIPSSLFP:"4F:D5:C1"⏎⏎OK⏎'),
    (m.fingerprint(FIRMWARE, "+CIPSSLFP", DIGEST), '+CIPSSLFP:"4f:d5:c1"⏎⏎OK⏎'),
    (m.certificates([(1, "A CA"), (2, "B")]), "+CIPSSLCERT,1:A CA⏎+CIPSSLCERT,2:B⏎⏎OK⏎"),
    (m.certificate_read(1200), "⏎Read 1200 bytes⏎"),
]


@pytest.mark.parametrize(("message", "text"), WRITTEN)
def test_written(message: bytes, text: str) -> None:
    assert message == text.replace("⏎", "\r\n").encode("latin-1")


def test_a_scan_line_has_the_fields_that_its_mask_asks_for() -> None:
    fields: list[int | str | bytes] = [3, b'a"\xff', -48, "02:a7", 6, 0, 0, 4, 4, 7, 0]
    assert m.access_point(fields, 2047) == b'+CWLAP:(3,"a"\xff",-48,"02:a7",6,0,0,4,4,7,0)'
    assert m.access_point(fields, 31) == b'+CWLAP:(3,"a"\xff",-48,"02:a7",6)'
    assert m.access_point(fields, 2) == b'+CWLAP:("a"\xff")'
    assert m.access_point(fields, 1 << 10) == b"+CWLAP:(0)"
    assert m.access_point(fields, 0) == b"+CWLAP:()"


def test_what_latin_1_cannot_hold_is_no_reason_to_fail() -> None:
    assert m.failure(("Łódź",), "ERROR") == b"?\xf3d?\r\n\r\nERROR\r\n"


@pytest.mark.parametrize(
    ("seconds", "text", "date"),
    [
        (0.0, "Thu Jan  1 00:00:00 1970", "1970-01-01 00:00:00"),
        (1_700_000_000.9, "Tue Nov 14 22:13:20 2023", "2023-11-14 22:13:20"),
        (951_782_400.0, "Tue Feb 29 00:00:00 2000", "2000-02-29 00:00:00"),
        (4_102_444_799.0, "Thu Dec 31 23:59:59 2099", "2099-12-31 23:59:59"),
    ],
)
def test_time_is_written_as_c_does(seconds: float, text: str, date: str) -> None:
    assert m.asctime(seconds) == text
    assert m.date_and_time(seconds) == date


def test_nothing_else_makes_a_line() -> None:
    """Line ends in the code outside the language would be messages made elsewhere."""
    gateway = Path(m.__file__).parent.parent
    files = [gateway / "session.py", gateway / "outbox.py", gateway / "announcer.py"]
    for file in [*files, *(gateway / "commands").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
                assert b"\n" not in node.value, f"{file}:{node.lineno}"
