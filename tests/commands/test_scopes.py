"""What is in force and what is stored, before and after a reset (contract, section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.commands import all_commands
from gateway.services.network.simulated import World
from tests.commands.dialog import OK, Pair, answer, hold
from tests.served import Served, serve


@dataclass(frozen=True)
class Setting:
    """A name with its three forms.

    `first` and `second` are pairs of what is set and what a query then shows. At first a
    query of what is in force shows `in_force`, one of what is stored shows `stored`.
    """

    name: str
    in_force: str
    stored: str
    first: tuple[str, str]
    second: tuple[str, str]

    def pair(self, suffix: str, shown: str) -> Pair:
        """The query with `suffix`, and its reply."""
        name = self.name + suffix
        rows = "".join(f"+{name}:{row}⏎" for row in shown.split("|") if row)
        return f"AT+{name}?", f"{rows}⏎OK⏎".replace("⏎⏎OK", self.end)

    @property
    def end(self) -> str:
        """AT+UART has no empty line before OK."""
        return "⏎OK" if self.name == "UART" else "⏎⏎OK"

    def state(self, in_force: str, stored: str) -> tuple[Pair, ...]:
        """All three queries and their replies."""
        return (
            self.pair("_CUR", in_force),
            self.pair("", in_force),
            self.pair("_DEF", stored),
        )


def rows(ip: str, gateway: str = "0.0.0.0", netmask: str = "0.0.0.0") -> str:
    """The three rows of an address."""
    return f'ip:"{ip}"|gateway:"{gateway}"|netmask:"{netmask}"'


SETTINGS = [
    Setting("CWMODE", "3", "3", ("2", "2"), ("1", "1")),
    Setting("CWDHCP", "7", "7", ("0,0", "6"), ("3,0", "3")),
    Setting(
        "CIPSTAMAC",
        '"02:a7:0d:5e:00:10"',
        '"02:a7:0d:5e:00:10"',
        ('"02:00:00:00:00:01"', '"02:00:00:00:00:01"'),
        ('"02:00:00:00:00:02"', '"02:00:00:00:00:02"'),
    ),
    Setting(
        "CIPAPMAC",
        '"02:a7:0d:5e:00:11"',
        '"02:a7:0d:5e:00:11"',
        ('"02:00:00:00:00:01"', '"02:00:00:00:00:01"'),
        ('"02:00:00:00:00:02"', '"02:00:00:00:00:02"'),
    ),
    Setting(
        "CIPETHMAC",
        '"02:a7:0d:5e:00:12"',
        '"02:a7:0d:5e:00:12"',
        ('"02:00:00:00:00:01"', '"02:00:00:00:00:01"'),
        ('"02:00:00:00:00:02"', '"02:00:00:00:00:02"'),
    ),
    Setting(
        "CIPDNS",
        "192.168.101.1",
        "",
        ('1,"9.9.9.9"', "9.9.9.9"),
        ('1,"8.8.8.8","1.1.1.1"', "8.8.8.8|1.1.1.1"),
    ),
    Setting(
        "CWSAP",
        '"ESP_5E0011","",1,0,4,0',
        '"ESP_5E0011","",1,0,4,0',
        ('"one","password",5,3', '"one","password",5,3,4,0'),
        ('"two","",6,0,1,1', '"two","",6,0,1,1'),
    ),
    Setting(
        "CIPAP",
        rows("192.168.4.1", "192.168.4.1", "255.255.255.0"),
        rows("192.168.4.1", "192.168.4.1", "255.255.255.0"),
        ('"10.1.0.1"', rows("10.1.0.1", "10.1.0.1", "255.255.255.0")),
        ('"10.2.0.9"', rows("10.2.0.9", "10.2.0.1", "255.255.255.0")),
    ),
    Setting(
        "CIPETH",
        rows("192.168.101.20", "192.168.101.1", "255.255.255.0"),
        rows("0.0.0.0"),
        ('"10.1.0.1"', rows("10.1.0.1", "10.1.0.1", "255.255.255.0")),
        ('"10.2.0.9"', rows("10.2.0.9", "10.2.0.1", "255.255.255.0")),
    ),
    Setting(
        "UART",
        "115200,8,1,0,0",
        "115200,8,1,0,0",
        ("9600,8,1,0,0", "9600,8,1,0,0"),
        ("19200,7,3,2,2", "19200,7,3,2,2"),
    ),
]
ALL = pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: str(setting.name))


async def set_to(served: Served, line: str) -> None:
    """A set answers OK, then perhaps what it brought about."""
    assert (await answer(served, line)).startswith(OK)


async def with_mode_three(served: Served) -> None:
    """Both Wi-Fi interfaces are there, for good."""
    await served.quiet()
    await served.ask("AT+CWMODE_DEF=3")


@ALL
def test_cur_is_forgotten_at_a_reset(setting: Setting, tmp_path: Path) -> None:
    async def work(served: Served) -> None:
        await with_mode_three(served)
        await hold(served, *setting.state(setting.in_force, setting.stored))
        stored = served.settings.stored
        await set_to(served, f"AT+{setting.name}_CUR={setting.first[0]}")
        await hold(served, *setting.state(setting.first[1], setting.stored))
        assert served.settings.stored == stored
        await served.reset()
        await hold(served, *setting.state(setting.in_force, setting.stored))

    serve(work, tmp_path)


@ALL
@pytest.mark.parametrize("suffix", ["_DEF", ""])
def test_def_and_plain_are_in_force_and_stored(
    setting: Setting, suffix: str, tmp_path: Path
) -> None:
    typed, shown = setting.first

    async def work(served: Served) -> None:
        await with_mode_three(served)
        await set_to(served, f"AT+{setting.name}{suffix}={typed}")
        await hold(served, *setting.state(shown, shown))
        await served.reset()
        await hold(served, *setting.state(shown, shown))

    async def after_a_restart(served: Served) -> None:
        await served.quiet()
        await hold(served, *setting.state(shown, shown))

    serve(work, tmp_path)
    serve(after_a_restart, tmp_path)


@ALL
def test_cur_hides_def_until_a_reset(setting: Setting, tmp_path: Path) -> None:
    first, second = setting.first, setting.second
    # the bits of CWDHCP are set one by one: those of the first set hold as well
    both = "2" if setting.name == "CWDHCP" else second[1]

    async def work(served: Served) -> None:
        await with_mode_three(served)
        await set_to(served, f"AT+{setting.name}_DEF={first[0]}")
        if setting.name == "CWMODE":
            await hold(served, ("AT+CWMODE_CUR=3", OK))
        await set_to(served, f"AT+{setting.name}_CUR={second[0]}")
        await hold(served, *setting.state(both, first[1]))
        await served.reset()
        await hold(served, *setting.state(first[1], first[1]))
        await set_to(served, f"AT+{setting.name}_CUR={second[0]}")
        await set_to(served, f"AT+{setting.name}_DEF={first[0]}")
        if setting.name != "CWDHCP":
            await hold(served, *setting.state(first[1], first[1]))

    serve(work, tmp_path)


def test_a_stored_station_address_is_answered_joined_or_not(tmp_path: Path) -> None:
    stored = rows("10.1.2.3", "10.1.2.1", "255.255.255.0")
    setting = Setting("CIPSTA", rows("0.0.0.0"), rows("0.0.0.0"), ("", ""), ("", ""))

    async def work(served: Served) -> None:
        await served.quiet()
        await hold(served, *setting.state(rows("0.0.0.0"), rows("0.0.0.0")))
        await hold(served, ('AT+CIPSTA_DEF="10.1.2.3"', OK))
        await hold(served, *setting.state(rows("0.0.0.0"), stored))
        await served.ask('AT+CWJAP_CUR="esp-at-sim","password"')
        await hold(served, *setting.state(stored, stored))
        await set_to(served, 'AT+CIPSTA_CUR="10.9.9.9"')
        in_force = rows("10.9.9.9", "10.9.9.1", "255.255.255.0")
        await hold(served, *setting.state(in_force, stored))
        await served.reset()
        await hold(served, *setting.state(rows("0.0.0.0"), stored))
        await hold(served, ("AT+CWDHCP?", "+CWDHCP:5⏎⏎OK⏎"))

    serve(work, tmp_path)


def test_host_names_are_forgotten_at_a_reset(tmp_path: Path) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        await hold(
            served,
            ('AT+CWHOSTNAME="garden"', OK),
            ('AT+CEHOSTNAME="cellar"', OK),
        )
        await served.reset()
        await hold(
            served,
            ("AT+CWHOSTNAME?", "+CWHOSTNAME:ESP-5E0010⏎⏎OK⏎"),
            ("AT+CEHOSTNAME?", "+CEHOSTNAME:ESP-5E0012⏎⏎OK⏎"),
        )

    serve(work, tmp_path)


def test_autoconnect_is_always_stored(tmp_path: Path) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        await hold(served, ("AT+CWAUTOCONN=0", OK), ("AT+CWAUTOCONN?", "+CWAUTOCONN:0⏎⏎OK⏎"))
        await served.reset()
        await hold(served, ("AT+CWAUTOCONN?", "+CWAUTOCONN:0⏎⏎OK⏎"))

    serve(work, tmp_path, World(pace=0))


def test_only_these_names_have_three_forms() -> None:
    spellings = {command.spelling for command in all_commands()}
    scoped = {spelling.split("_")[0] for spelling in spellings if "_CUR" in spelling}
    known = {f"AT+{setting.name}" for setting in SETTINGS}
    assert scoped == known | {"AT+CWJAP", "AT+CIPSTA"}
    for name in scoped:
        for form in "?=":
            assert {name + suffix + form for suffix in ("", "_CUR", "_DEF")} <= spellings
