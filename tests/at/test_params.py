"""Every kind of argument: what it takes, what it refuses, with which line before ERROR."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.at.errors import ATError
from gateway.at.params import (
    Bare,
    Choice,
    Fingerprint,
    Host,
    HostLabel,
    Integer,
    IPv4,
    Keyword,
    Link,
    MacAddress,
    Netmask,
    Parameter,
    Switch,
    Text,
)

HALF_HEX = "4fd5c1aa00"
SHA1 = bytes.fromhex(HALF_HEX * 4)
SHA256 = bytes.fromhex(HALF_HEX * 6 + "0102")

TAKEN: list[tuple[Parameter, bytes, object]] = [
    (Integer("n", 1, 2048), b"1", 1),
    (Integer("n", 1, 2048), b"2048", 2048),
    (Integer("n", 1, 2048), b"0002", 2),
    (Integer("n", -11, 13), b"-11", -11),
    (Integer("n", -11, 13), b"13", 13),
    (Choice("n", (0, 2, 3)), b"2", 2),
    (Switch("n"), b"0", False),
    (Switch("n"), b"1", True),
    (Keyword("type", ("TCP", "SSL")), b'"SSL"', "SSL"),
    (Bare("word", "DELETE"), b"DELETE", "DELETE"),
    (Text("t", 1, 4), b'"abcd"', b"abcd"),
    (Text("t", 1, 4), rb'"\"\,\\a"', rb'",\a'),
    (Text("t", 0, 4), b'""', b""),
    (Text("t", 0, 4), b'"\xff\0"', b"\xff\0"),
    (Host(), b'"esp-at.example"', "esp-at.example"),
    (Host(), b'"192.168.1.2"', "192.168.1.2"),
    (Host(), b'"a_b"', "a_b"),
    (Host(), b'"' + b"a" * 253 + b'"', "a" * 253),
    (HostLabel(), b'"' + b"a" * 32 + b'"', "a" * 32),
    (HostLabel(), b'"a-1"', "a-1"),
    (IPv4("ip"), b'"10.0.0.1"', "10.0.0.1"),
    (IPv4("ip", unspecified=True), b'"0.0.0.0"', "0.0.0.0"),
    (Netmask(), b'"255.255.255.0"', "255.255.255.0"),
    (Netmask(), b'"255.255.255.255"', "255.255.255.255"),
    (MacAddress("mac"), b'"02:A7:0d:5e:00:10"', "02:a7:0d:5e:00:10"),
    (MacAddress("mac"), b'"02a70d5e0010"', "02:a7:0d:5e:00:10"),
    (MacAddress("mac"), b'"0:2a:7:0d5e0:010:"', "02:a7:0d:5e:00:10"),
    (MacAddress("mac", unicast=False), b'"01:00:00:00:00:00"', "01:00:00:00:00:00"),
    (Fingerprint(), f'"{SHA1.hex()}"'.encode(), SHA1),
    (Fingerprint(), f'"{SHA1.hex(":").upper()}"'.encode(), SHA1),
    (Fingerprint(), f'"{SHA256.hex()}"'.encode(), SHA256),
    (Fingerprint(), f'"{SHA256.hex(":")}"'.encode(), SHA256),
    (Link(), b"0", 0),
    (Link(), b"4", 4),
    (Link(highest=5), b"5", 5),
]

REFUSED: list[tuple[Parameter, list[bytes]]] = [
    (
        Integer("n", 0, 2048),
        [b"", b"2049", b"-1", b"-0", b"+1", b" 1", b"1 ", b"1.0", b"0x1", b"1e3", b'"1"', b"\xb9"],
    ),
    (Integer("n", 1, 5), [b"0", b"6", b"4294967297", b"9" * 20, b"9" * 250]),
    (Integer("n", -11, 13), [b"-12", b"14", b"--1", b"-"]),
    (Choice("n", (0, 2, 3)), [b"", b"1", b"-0", b"+2", b"a", b"4294967298", b"9" * 250]),
    (Switch("n"), [b"", b"2", b"-0", b"-1", b"01", b"true", b'"1"']),
    (Keyword("type", ("TCP", "SSL")), [b"", b"TCP", b'"tcp"', b'"UDP"', b'"TCP', b'"TCP" ']),
    (Bare("word", "DELETE"), [b"", b"delete", b'"DELETE"', b"DELETE "]),
    (Text("t", 1, 4), [b"", b'""', b'"abcde"', b"abc", b'"abc', b'abc"', b'"a"b']),
    (
        Host(),
        [b"", b'""', b"a", b'"a b"', b'"a\\.b"', b'"' + b"a" * 254 + b'"', b'"\xe9"', b'"a\0"'],
    ),
    (Host(), [b'"1.2.3"', b'"1.2.3.256"', b'"1"', b'"1.2.3.4.5"', b'"01.2.3.4"']),
    (HostLabel(), [b"", b'""', b'"-a"', b'"a-"', b'"a.b"', b'"' + b"a" * 33 + b'"', b'"\xe9"']),
    (IPv4("ip"), [b"", b"10.0.0.1", b'"10.0.0"', b'"0.0.0.0"', b'"10.0.0.256"', b'"a"', b'"::1"']),
    (Netmask(), [b"", b'"0.0.0.0"', b'"255.0.255.0"', b'"0.0.0.255"', b'"24"', b"255.255.255.0"]),
    (
        MacAddress("mac"),
        [b"", b'"00:00:00:00:00:00"', b'"01:00:00:00:00:01"', b'"02a70d5e001"', b"02a70d5e0010"],
    ),
    (MacAddress("mac"), [b'"02a70d5e00100"', b'"02-a7-0d-5e-00-10"', b'"g2a70d5e0010"']),
    (
        Fingerprint(),
        [b"", b'""', b'"4f"', f'"{SHA1.hex()}00"'.encode(), SHA1.hex().encode(), b'"' + b":" * 59],
    ),
    (Fingerprint(), [f'"{SHA1.hex(":")}:"'.encode(), f'"{SHA1.hex(":", 2)}"'.encode()]),
    (Link(), [b"", b"5", b"-1", b"00", b"a", b"\xff", b'"0"']),
    (Link(highest=5), [b"6"]),
]


@pytest.mark.parametrize(("parameter", "field", "value"), TAKEN)
def test_taken(parameter: Parameter, field: bytes, value: object) -> None:
    assert parameter.convert(field) == value


@pytest.mark.parametrize(
    ("parameter", "field"),
    [(parameter, field) for parameter, fields in REFUSED for field in fields],
)
def test_refused_with_a_bare_error(parameter: Parameter, field: bytes) -> None:
    with pytest.raises(ATError) as refusal:
        parameter.convert(field)
    assert (refusal.value.lines, refusal.value.final) == ((), "ERROR")
    assert refusal.value.cause.startswith(f"{parameter.label}: ")


@pytest.mark.parametrize(
    ("parameter", "field", "line"),
    [
        (Host(error="IP ERROR"), b'"1.2.3"', "IP ERROR"),
        (Keyword("type", ("TCP",), error="Link type ERROR"), b"TCP", "Link type ERROR"),
        (Choice("size", (512,), error="SIZE ERROR"), b"513", "SIZE ERROR"),
        (Integer("length", 1, 2048, above="too long"), b"2049", "too long"),
        (Integer("length", 1, 2048, above="too long"), b"9" * 20, "too long"),
    ],
)
def test_some_have_a_line_of_their_own(parameter: Parameter, field: bytes, line: str) -> None:
    with pytest.raises(ATError) as refusal:
        parameter.convert(field)
    assert refusal.value.lines == (line,)


@pytest.mark.parametrize("field", [b"0", b"-5", b"x", b""])
def test_what_is_too_small_is_not_too_long(field: bytes) -> None:
    with pytest.raises(ATError) as refusal:
        Integer("length", 1, 2048, above="too long").convert(field)
    assert refusal.value.lines == ()


@pytest.mark.parametrize("kind", [Text("password", 8, 63), HostLabel(), Fingerprint()])
def test_a_refusal_does_not_repeat_what_was_sent(kind: Parameter) -> None:
    with pytest.raises(ATError) as refusal:
        kind.convert(b'"s3cret"' if isinstance(kind, Text) else b'"s3cret!"')
    assert "s3cret" not in refusal.value.cause


@pytest.mark.parametrize("parameter", {id(it): it for it, *_ in [*TAKEN, *REFUSED]}.values())
@given(field=st.binary(max_size=300))
def test_no_bytes_raise_anything_but_an_error_reply(parameter: Parameter, field: bytes) -> None:
    for text in (field, b'"' + field + b'"'):
        try:
            parameter.convert(text)
        except ATError:
            continue


def test_a_form_shows_what_may_be_left_out() -> None:
    assert Integer("port", 1, 65535).form == "<port>"
    assert Integer("port", 1, 65535, optional=True).form == "[<port>]"
    assert Link().form == "<link>"
