"""The table of commands: spellings, scopes, and arguments bound to their handler."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.at.errors import ATError
from gateway.at.params import Host, Integer, Link, Parameter, Switch, Text
from gateway.at.table import Commands, Scope
from gateway.commands import all_commands, help_by_spelling


async def handler(*values: object) -> None:
    """Do as told. With more to say.

    And more."""


def declared(*parameters: Parameter, spelling: str = "AT+X=", scoped: bool = False) -> Commands:
    commands = Commands()
    commands.on(spelling, *parameters, scoped=scoped)(handler)
    return commands


def bound(text: bytes, *parameters: Parameter, multiplexing: bool = False) -> list[Any]:
    command = declared(*parameters).find(b"AT+X=")
    assert command is not None
    return command.bind(text, multiplexing)


def refusal(text: bytes, *parameters: Parameter, multiplexing: bool = False) -> tuple[str, ...]:
    with pytest.raises(ATError) as error:
        bound(text, *parameters, multiplexing=multiplexing)
    assert error.value.final == "ERROR"
    return error.value.lines


def test_scoped_makes_three_spellings_each_with_its_own_prefix() -> None:
    commands = declared(spelling="AT+CWMODE?", scoped=True)
    found = {it.spelling: (it.prefix, it.scope) for it in commands}
    assert found == {
        "AT+CWMODE_CUR?": ("+CWMODE_CUR", Scope.CURRENT),
        "AT+CWMODE_DEF?": ("+CWMODE_DEF", Scope.DEFAULT),
        "AT+CWMODE?": ("+CWMODE", Scope.PLAIN),
    }


def test_without_scope_there_is_one_spelling() -> None:
    assert [(it.spelling, it.prefix, it.scope) for it in declared()] == [("AT+X=", "+X", None)]


@pytest.mark.parametrize("spelling", [b"AT+X", b"AT+X?", b"AT+x=", b"AT+XX=", b" AT+X=", b"at+X="])
def test_a_spelling_matches_exactly(spelling: bytes) -> None:
    assert declared().find(spelling) is None
    assert declared().find(b"AT+X=") is not None


def test_help_is_the_first_line_of_the_handlers_doc() -> None:
    assert next(iter(declared())).help == "Do as told. With more to say"


def test_a_spelling_is_declared_once() -> None:
    commands = declared()
    with pytest.raises(ValueError, match=r"AT\+X= is declared twice"):
        commands.on("AT+X=")(handler)
    with pytest.raises(ValueError, match="two rooms"):
        _ = commands | declared()
    assert len(list(commands | declared(spelling="AT+Y"))) == 2


NUMBER = Integer("number", 1, 9)
MAYBE = Integer("maybe", 1, 9, optional=True, default=7)
WORD = Text("word", 0, 9)


@pytest.mark.parametrize(
    ("parameters", "text", "values"),
    [
        ((), b"", []),
        ((NUMBER,), b"3", [3]),
        ((NUMBER, MAYBE), b"3", [3, 7]),
        ((NUMBER, MAYBE), b"3,4", [3, 4]),
        ((NUMBER, MAYBE, MAYBE), b"3,,4", [3, 7, 4]),
        ((MAYBE,), b"", [7]),
        ((WORD, WORD), b'"a,b",""', [b"a,b", b""]),
    ],
)
def test_arguments_become_values(
    parameters: tuple[Parameter, ...], text: bytes, values: list[Any]
) -> None:
    assert bound(text, *parameters) == values


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ((), b"1"),
        ((), b","),
        ((NUMBER,), b""),
        ((NUMBER,), b"3,"),
        ((NUMBER,), b"3,4"),
        ((NUMBER,), b",3"),
        ((NUMBER, NUMBER), b"3"),
        ((NUMBER, NUMBER), b"3,"),
        ((NUMBER, MAYBE), b"3,"),
        ((NUMBER, MAYBE), b"3,4,"),
        ((NUMBER, MAYBE, MAYBE), b"3,4,"),
        ((WORD,), b""),
        ((WORD,), b'"a'),
    ],
)
def test_missing_and_surplus_arguments_are_refused(
    parameters: tuple[Parameter, ...], text: bytes
) -> None:
    assert refusal(text, *parameters) == ()


def test_a_link_id_is_read_only_with_multiplexing() -> None:
    assert bound(b"5", Link(), NUMBER) == [0, 5]
    assert bound(b"3,5", Link(), NUMBER, multiplexing=True) == [3, 5]
    assert bound(b"", Link()) == [0]
    assert refusal(b"5", Link(), NUMBER, multiplexing=True) == ()
    assert refusal(b"", Link(), multiplexing=True) == ()


@pytest.mark.parametrize("number", range(6))
def test_an_id_without_multiplexing_says_so(number: int) -> None:
    text = b"%d,5" % number
    assert refusal(text, Link(stray="MUX=0"), NUMBER) == ("MUX=0",)
    assert refusal(text, Link(), NUMBER) == ()


def test_what_is_no_id_is_an_argument_too_many() -> None:
    assert refusal(b"6,5", Link(stray="MUX=0"), NUMBER) == ()
    assert refusal(b"11,5", Link(stray="MUX=0"), NUMBER) == ()


# the whole table


def test_every_command_has_help_and_matches_itself() -> None:
    table = all_commands()
    for command in table:
        assert table.find(command.spelling.encode()) is command
        assert command.help
        assert not command.help.endswith(".")
    assert help_by_spelling()["AT+CWLAP"] == "List the access points in reach"


@pytest.mark.parametrize("text", [b"1", b",", b"=", b" ", b"?", b"\r", b'""'])
def test_nothing_may_stand_behind_a_query_or_an_execution(text: bytes) -> None:
    for command in all_commands():
        if not command.parameters:
            with pytest.raises(ATError):
                command.bind(text, False)


def test_what_takes_a_host_never_unescapes_it() -> None:
    takes = [it for it in all_commands() if any(isinstance(p, Host) for p in it.parameters)]
    assert {it.spelling for it in takes} == {"AT+CIPSTART=", "AT+CIPDOMAIN=", "AT+CIPSSLMFLN="}
    with pytest.raises(ATError):
        takes[0].bind(rb'"TCP","a\,b",80', False)


def test_switches_take_nothing_but_0_and_1() -> None:
    switches = [
        it for it in all_commands() if len(it.parameters) == 1 and type(it.parameters[0]) is Switch
    ]
    assert {"AT+CIPMUX=", "AT+CIPMODE=", "AT+CIPDINFO="} <= {it.spelling for it in switches}
    for command in switches:
        assert [command.bind(b"0", False), command.bind(b"1", False)] == [[False], [True]]
        with pytest.raises(ATError):
            command.bind(b"2", False)


ALL = all_commands()


class TestRemembering:
    """Lines that were read lately are not read again, and what they say does not change."""

    def test_a_line_means_the_same_the_second_time(self) -> None:
        line = b'AT+CIPSTART="TCP","example.test",80\r'
        first = ALL.read(line, False)
        second = ALL.read(line, False)
        assert second == first
        assert second[1] is first[1]  # so it was remembered

    def test_multiplexing_makes_another_line_of_it(self) -> None:
        assert ALL.read(b"AT+CIPSEND=2,3\r", True)[1] == [2, 3]
        with pytest.raises(ATError):
            ALL.read(b"AT+CIPSEND=2,3\r", False)
        assert ALL.read(b"AT+CIPSEND=3\r", False)[1] == [0, 3]

    def test_a_secret_is_not_remembered(self) -> None:
        line = b'AT+CWJAP_CUR="net","a password"\r'
        assert ALL.read(line, False)[1] is not ALL.read(line, False)[1]
        assert "a password" not in repr(ALL._read_lately)

    def test_it_takes_no_more_memory_however_many_lines_come(self) -> None:
        commands = all_commands()
        for number in range(1, 2049):
            commands.read(f"AT+CIPSEND={number}\r".encode(), False)
        assert len(commands._read_lately) <= 32
