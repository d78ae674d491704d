"""Basic commands, byte for byte (contract, section 2)."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from gateway import __version__
from gateway.at.messages import Style
from gateway.services.api_line import UartSettings
from tests.commands.dialog import ERROR, OK, answer, dialog, hold, news, refused, shown
from tests.harness import Desk, at_desk
from tests.peers import free_port, listening
from tests.served import READY, Served, serve


@pytest.mark.parametrize(
    ("typed", "answered"),
    [
        ("AT", OK),
        ("ATE0", OK),
        ("AT+UART?", "+UART:115200,8,1,0,0⏎OK⏎"),
        ("AT+UART_CUR?", "+UART_CUR:115200,8,1,0,0⏎OK⏎"),
        ("AT+UART_DEF?", "+UART_DEF:115200,8,1,0,0⏎OK⏎"),
        ("AT+SYSRAM?", "+SYSRAM:1000,900⏎OK⏎"),
        ("AT+SYSCPUFREQ?", "+SYSCPUFREQ=80⏎⏎OK⏎"),
        ("AT+SYSCPUFREQ=80", OK),
        ("AT+SYSCPUFREQ=160", OK),
        ("AT+RFMODE?", "+RFMODE=3⏎⏎OK⏎"),
        ("AT+RFMODE=1", OK),
        ("AT+RFMODE=2", OK),
        ("AT+RFMODE=3", OK),
    ],
)
def test_reply(typed: str, answered: str) -> None:
    dialog((typed, answered))


REFUSED = """
    AT+GMR? AT+GMR= AT+GMR=1 AT+RST? AT+RST=1 AT+RST, AT+RESTORE? AT+RESTORE= AT+RESTORE=1
    ATE ATE2 ATE? ATE=0 ATE01 ATE0, ATX AT+ AT? AT= AT=1 ATT AT+AT A AT\x00 \x00AT ATE0AT
    AT+SYSRAM AT+SYSRAM= AT+SYSRAM=1 AT+SYSRAM?1 AT+SYSRAM_CUR?
    AT+SYSCPUFREQ AT+SYSCPUFREQ= AT+SYSCPUFREQ=0 AT+SYSCPUFREQ=81 AT+SYSCPUFREQ=161
    AT+SYSCPUFREQ=4294967376 AT+SYSCPUFREQ="80" AT+SYSCPUFREQ=80,1 AT+SYSCPUFREQ=-80
    AT+RFMODE AT+RFMODE= AT+RFMODE=0 AT+RFMODE=4 AT+RFMODE=4294967297 AT+RFMODE=1, AT+RFMODE=1.0
    AT+UART AT+UART= AT+UART=115200 AT+UART=115200,8,1,0 AT+UART=115200,8,1,0,0,0
    AT+UART=115200,8,1,0,0, AT+UART=109,8,1,0,0 AT+UART=4000001,8,1,0,0 AT+UART=0,8,1,0,0
    AT+UART=4295082496,8,1,0,0 AT+UART=-9600,8,1,0,0 AT+UART=9600,4,1,0,0 AT+UART=9600,9,1,0,0
    AT+UART=9600,8,0,0,0 AT+UART=9600,8,4,0,0 AT+UART=9600,8,1,3,0 AT+UART=9600,8,1,-1,0
    AT+UART=9600,8,1,0,1 AT+UART=9600,8,1,0,4 AT+UART="9600",8,1,0,0 AT+UART=,8,1,0,0
    AT+UART_CUR=9600,8,1,0,1 AT+UART_DEF=9600,8,1,0,1 AT+UART_CUR= AT+UART_DEF= AT+UART_cur?
    at At aT at+gmr AT+gmr AT+CWMODEL? AT+CWMOD? +GMR GMR AT+GM AT+GMRR
"""


@pytest.mark.parametrize("line", [*REFUSED.split(), " ", "", "AT\r"])
def test_refused(line: str) -> None:
    refused(line)


@pytest.mark.parametrize(
    "line", ["AT ", " AT", "AT +GMR", "AT+GMR ", "AT+RFMODE= 1", "AT+RFMODE=1 "]
)
def test_spaces_are_junk(line: str) -> None:
    refused(line)


def test_a_line_ends_with_cr_lf_and_not_with_lf() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.type("AT\n")
        assert await desk.expect(b"R\r\n") == b"\r\nERROR\r\n"
        desk.type("AT\r")
        assert await news(desk) == ""
        desk.type("\n")
        assert await desk.expect(b"K\r\n") == b"\r\nOK\r\n"

    at_desk(work)


def test_echo_from_the_start_and_until_ate0() -> None:
    async def work(desk: Desk) -> None:
        await news(desk)
        await hold(
            desk,
            ("AT", "AT⏎⏎OK⏎"),
            ("at", "at⏎⏎ERROR⏎"),
            ("", "⏎⏎ERROR⏎"),
            ("ATE1", "ATE1⏎⏎OK⏎"),
            ("ATE0", "ATE0⏎⏎OK⏎"),
            ("AT", OK),
            ("ATE1", OK),
            ("AT", "AT⏎⏎OK⏎"),
        )

    at_desk(work)


def test_versions_as_libraries_read_them() -> None:
    async def work(desk: Desk) -> str:
        await desk.quiet()
        return await answer(desk, "AT+GMR")

    rows = at_desk(work).split("⏎")
    assert rows[0] == f"AT version:1.7.0.0 (esp-at-gateway {__version__})"
    assert rows[1] == "SDK version:2.0.0"
    assert re.fullmatch(r"Compile time:\d{4}-\d\d-\d\d \(.+, Linux .+\)", rows[2])
    assert rows[3:] == ["Version ESP_ATMod:0.5.0", "OK", ""]


def test_what_only_a_reset_forgets(tmp_path: Path) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        await hold(
            served,
            ("AT+SYSCPUFREQ=160", OK),
            ("AT+SYSCPUFREQ?", "+SYSCPUFREQ=160⏎⏎OK⏎"),
            ("AT+RFMODE=1", OK),
            ("AT+RFMODE?", "+RFMODE=1⏎⏎OK⏎"),
        )
        await served.reset()
        await hold(
            served,
            ("AT+SYSCPUFREQ?", "+SYSCPUFREQ=80⏎⏎OK⏎"),
            ("AT+RFMODE?", "+RFMODE=3⏎⏎OK⏎"),
        )

    serve(work, tmp_path)


def test_the_firmwares_own_style() -> None:
    dialog(
        ("AT+SYSCPUFREQ?", "+SYSCPUFREQ:80⏎⏎OK⏎"),
        ("AT+RFMODE?", "+RFMODE:3⏎⏎OK⏎"),
        style=Style.FIRMWARE,
    )


def test_a_reset_says_ready_and_how_things_stand_and_echoes_again(tmp_path: Path) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        served.type("AT+RST\r\n")
        assert shown(await served.expect(READY)) == "⏎OK⏎⏎ready⏎"
        assert await news(served) == "+ETH_CONNECTED⏎+ETH_GOT_IP:192.168.101.20⏎"
        await hold(served, ("AT", "AT⏎⏎OK⏎"))

    serve(work, tmp_path)


def test_bytes_between_the_ok_of_a_reset_and_ready_are_thrown_away(tmp_path: Path) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        served.type("AT+RST\r\nAT+CWMODE=3\r\n")
        served.type("AT+CWMODE=2\r\nAT+CW")
        await served.expect(b"\r\nOK\r\n\r\nready\r\n")
        await served.quiet()
        await hold(served, ("AT+CWMODE?", "+CWMODE:1⏎⏎OK⏎"))

    serve(work, tmp_path)


@pytest.mark.parametrize("line", ["AT+RST", "AT+RESTORE"])
def test_a_reset_closes_links_and_servers_without_a_word(line: str, tmp_path: Path) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        port = free_port()
        await served.ask("AT+CIPMUX=1")
        await served.ask(f"AT+CIPSERVER=1,{port}")
        with listening() as server:
            await served.ask(f'AT+CIPSTART=0,"TCP","127.0.0.1",{server.port}')
            peer = await server.accept()
            served.type(line + "\r\n")
            assert shown(await served.expect(READY)) == "⏎OK⏎⏎ready⏎"
            assert await peer.ended() == b""
        await served.quiet()
        await hold(
            served,
            ("AT+CIPMUX?", "+CIPMUX:0⏎⏎OK⏎"),
            (f'AT+CIPSTART="TCP","127.0.0.1",{port}', "connect fail⏎⏎ERROR⏎CLOSED⏎"),
        )

    serve(work, tmp_path)


def uart(name: str, values: str) -> tuple[str, str]:
    """The pair that asks for a UART setting."""
    return f"AT+{name}?", f"+{name}:{values}⏎OK⏎"


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        ("110,8,1,0,0", UartSettings(110)),
        ("4000000,8,1,0,0", UartSettings(4_000_000)),
        ("9600,5,2,1,0", UartSettings(9600, 5, 2, 1, 0)),
        ("9600,7,3,2,2", UartSettings(9600, 7, 3, 2, 2)),
        ("115200,8,1,0,3", UartSettings(115200, 8, 1, 0, 3)),
        ("00009600,08,01,00,00", UartSettings(9600)),
    ],
)
@pytest.mark.parametrize("name", ["UART", "UART_CUR", "UART_DEF"])
def test_the_line_changes_after_the_ok(name: str, arguments: str, settings: UartSettings) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        speeds: list[UartSettings] = []
        write = desk.line.write

        def noting(data: bytes) -> None:
            speeds.append(desk.line.settings)
            write(data)

        desk.line.write = noting  # type: ignore[method-assign]
        await hold(desk, (f"AT+{name}={arguments}", OK))
        assert speeds == [UartSettings()]
        assert desk.line.settings == settings
        assert desk.settings.stored.uart == (None if name == "UART_CUR" else settings)

    at_desk(work)


def test_uart_in_force_and_stored_before_and_after_a_reset(tmp_path: Path) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        await hold(
            served,
            ("AT+UART_CUR=9600,8,1,0,0", OK),
            uart("UART", "9600,8,1,0,0"),
            uart("UART_CUR", "9600,8,1,0,0"),
            uart("UART_DEF", "115200,8,1,0,0"),
        )
        await served.reset()
        await hold(
            served,
            uart("UART", "115200,8,1,0,0"),
            ("AT+UART=19200,8,1,2,0", OK),
            uart("UART_DEF", "19200,8,1,2,0"),
            ("AT+UART_CUR=38400,8,1,0,0", OK),
            uart("UART_DEF", "19200,8,1,2,0"),
        )
        await served.reset()
        await hold(served, uart("UART_CUR", "19200,8,1,2,0"))
        assert served.line.settings == UartSettings(19200, 8, 1, 2, 0)
        await served.reset("AT+RESTORE")
        await hold(served, uart("UART_CUR", "115200,8,1,0,0"), uart("UART_DEF", "115200,8,1,0,0"))

    serve(work, tmp_path)


@pytest.mark.parametrize("name", ["UART", "UART_CUR", "UART_DEF"])
def test_a_speed_the_device_refuses_changes_nothing(name: str) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.line.refused.add(3_000_000)
        await hold(desk, (f"AT+{name}=3000000,8,1,0,0", ERROR))
        assert desk.line.settings == UartSettings()
        assert desk.settings.stored.uart is None
        await hold(desk, ("AT", OK))

    at_desk(work)


def test_restore_goes_back_to_the_factory(tmp_path: Path) -> None:
    async def work(served: Served) -> None:
        await served.quiet()
        for line in (
            "AT+CWMODE=3",
            "AT+CWAUTOCONN=0",
            'AT+CWSAP="mine","password",5,3',
            'AT+CIPDNS=1,"9.9.9.9"',
            'AT+CWJAP="esp-at-sim","password"',
            "AT+CIPSSLCERTMAX=7",
            "AT+CWDHCP=0,0",
        ):
            await served.ask(line)
        stored = served.settings.stored
        assert stored.access_point is not None
        await served.reset("AT+RESTORE")
        assert served.settings.stored == served.settings.in_force == type(stored)()
        assert served.network.station.access_point is None
        assert not served.network.softap.on_air
        await hold(
            served,
            ("AT+CWMODE_DEF?", "+CWMODE_DEF:1⏎⏎OK⏎"),
            ("AT+CWJAP?", "No AP⏎⏎OK⏎"),
            ("AT+CWAUTOCONN?", "+CWAUTOCONN:1⏎⏎OK⏎"),
            ("AT+CWDHCP_DEF?", "+CWDHCP_DEF:7⏎⏎OK⏎"),
        )
        assert replace(stored, access_point=None) != type(stored)()

    serve(work, tmp_path)
