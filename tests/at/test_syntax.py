"""A line into spelling and arguments (contract, section 1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.at.syntax import split_arguments, split_line, unescape, unquote


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (b"AT\r", (b"AT", b"")),
        (b"AT+CWMODE?\r", (b"AT+CWMODE?", b"")),
        (b"AT+CWMODE=1\r", (b"AT+CWMODE=", b"1")),
        (b"AT+CWMODE=?\r", (b"AT+CWMODE=", b"?")),
        (b"AT+CWMODE?=\r", (b"AT+CWMODE?", b"=")),
        (b'AT+X="a=b?"\r', (b"AT+X=", b'"a=b?"')),
        (b"AT+CIPSSLCERT?2\r", (b"AT+CIPSSLCERT?", b"2")),
        (b"AT \r", (b"AT ", b"")),
        (b"AT\r\r", (b"AT\r", b"")),
        (b"\r", (b"", b"")),
        (b"AT", None),
        (b"AT\r ", None),
        (b"", None),
    ],
)
def test_a_line_is_split_behind_its_form(line: bytes, parts: tuple[bytes, bytes] | None) -> None:
    assert split_line(line) == parts


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (b"", []),
        (b"1", [b"1"]),
        (b"1,,3", [b"1", b"", b"3"]),
        (b",", [b"", b""]),
        (b'"a","b"', [b'"a"', b'"b"']),
        (b'"a,b",1', [b'"a,b"', b"1"]),
        (rb'"a\"b,c",1', [rb'"a\"b,c"', b"1"]),
        (rb'"a\\",1', [rb'"a\\"', b"1"]),
        (rb'"a\,b",1', [rb'"a\,b"', b"1"]),
        (rb'"a\b",1', [rb'"a\b"', b"1"]),
        (b'"a"b,1', [b'"a"b', b"1"]),
        (b'a"b,c",1', [b'a"b', b'c"', b"1"]),
        (b'"a,1', [b'"a,1']),
        (b'1,"', [b"1", b'"']),
        (b'"",""', [b'""', b'""']),
        (b'"a",', [b'"a"', b""]),
    ],
)
def test_a_comma_separates_outside_quotes(text: bytes, fields: list[bytes]) -> None:
    assert split_arguments(text) == fields


@given(st.binary(max_size=40) | st.text('",\\ab', max_size=20).map(str.encode))
def test_no_byte_of_the_arguments_is_lost(text: bytes) -> None:
    assert b",".join(split_arguments(text)) == text


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=4))
def test_escaped_strings_come_back_as_they_were(texts: list[bytes]) -> None:
    def quoted(text: bytes) -> bytes:
        for sign in (b"\\", b'"', b","):
            text = text.replace(sign, b"\\" + sign)
        return b'"' + text + b'"'

    fields = split_arguments(b",".join(map(quoted, texts)))
    assert [unescape(unquote(field) or b"") for field in fields] == texts


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (b'"a"', b"a"),
        (b'""', b""),
        (rb'"a\"b"', rb"a\"b"),
        (b"a", None),
        (b"", None),
        (b'"', None),
        (b'"a', None),
        (b'a"', None),
        (b'"a"b', None),
        (b' "a"', None),
        (b'"a"b"', None),
        (rb'"a\"', None),
        (b"'a'", None),
    ],
)
def test_only_a_whole_quoted_string_is_one(field: bytes, text: bytes | None) -> None:
    assert unquote(field) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (rb"a\"b", b'a"b'),
        (rb"a\,b", b"a,b"),
        (rb"a\\b", rb"a\b"),
        (rb"a\b", rb"a\b"),
        (rb"\\\"", rb"\""),
        (rb"\\n", rb"\n"),
        (b"a\\", b"a\\"),
    ],
)
def test_a_backslash_escapes_three_signs_and_stands_for_itself_otherwise(
    text: bytes, plain: bytes
) -> None:
    assert unescape(text) == plain
