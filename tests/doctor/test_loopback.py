"""The wires: real bytes over a pseudo-terminal whose other end is the wire."""

from __future__ import annotations

import os
import select
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gateway.config import Config, UartOptions
from gateway.doctor.checks.line import check_holder
from gateway.doctor.finding import Finding, Verdict
from gateway.doctor.loopback import PATTERN, SPEEDS, Echo, Trial, _Ear, check_loopback, judge
from gateway.services.api_line import Line, LineRefused, UartSettings
from tests.doctor.fake_host import Answer, FakeHost, case_of, shown

Wire = Callable[[bytes], bytes]
STOPPED: dict[str, Answer] = {
    "systemctl show esp-at-gateway": shown(ActiveState="inactive", MainPID="0")
}
ONCE_MORE = "sudo esp-at-gateway doctor --loopback"


@contextmanager
def joined(wire: Wire) -> Iterator[str]:
    """The path of a line on which `wire` makes of what is sent what comes back."""
    master, slave = os.openpty()
    stopping, stop = os.pipe()

    def carry() -> None:
        while True:
            ready, _, _ = select.select([master, stopping], [], [])
            if stopping in ready:
                return
            os.write(master, wire(os.read(master, 4096)))

    thread = threading.Thread(target=carry)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        os.write(stop, b".")
        thread.join()
        for descriptor in (master, slave, stopping, stop):
            os.close(descriptor)


def measured(wire: Wire, grace: float = 5.0, baud: int = 115200) -> Finding:
    """What the doctor says of this wire."""
    with joined(wire) as path:
        case = case_of(FakeHost(commands=STOPPED), Config(uart=UartOptions(path, baud)))
        (found,) = check_loopback(case, grace)
        return found


def test_a_wire_that_gives_back_all() -> None:
    found = measured(lambda data: data, baud=57600)
    assert found.verdict is Verdict.GOOD
    assert (
        f"all {len(PATTERN)} bytes came back at 9600, 57600, 115200, 460800, 921600" in found.text
    )
    assert "sudo systemctl start esp-at-gateway" in found.text
    assert set(found.details) == {str(baud) for baud in (*SPEEDS, 57600)}


def test_what_was_on_its_way_before_does_not_count() -> None:
    with joined(lambda data: data) as path:
        # Held open, so that the line keeps it.
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(descriptor)
        os.write(descriptor, b"ready")
        select.select([descriptor], [], [])
        case = case_of(FakeHost(commands=STOPPED), Config(uart=UartOptions(path)))
        (found,) = check_loopback(case, 5.0)
        os.close(descriptor)
    assert found.verdict is Verdict.GOOD, found


def test_no_wire() -> None:
    found = measured(lambda data: b"", grace=0.05)
    assert (found.verdict, found.remedy) == (Verdict.BAD, f"{ONCE_MORE}    # once they are")
    assert found.text.startswith("nothing came back: is RX joined to TX (pins 8 and 10)")
    assert dict(found.details) == {"9600": "nothing"}


def test_something_else_on_the_wire() -> None:
    found = measured(lambda data: bytes(byte ^ 1 for byte in data))
    assert found.verdict is Verdict.BAD
    assert found.text.startswith("other bytes came back")


def test_a_wire_that_loses_bytes() -> None:
    found = measured(lambda data: data.replace(b"\x55", b""), grace=0.05)
    assert found.details["9600"] == "short"
    assert found.verdict is Verdict.BAD


def trials(**echoes: Echo) -> list[Trial]:
    """Trials by speed, each named with a `b` before it."""
    return [Trial(int(name[1:]), echo) for name, echo in echoes.items()]


@pytest.mark.parametrize(("wanted", "verdict"), [(115200, Verdict.DOUBT), (921600, Verdict.BAD)])
def test_wires_that_are_too_long_for_some_speeds(wanted: int, verdict: Verdict) -> None:
    tried = trials(b115200=Echo.WHOLE, b921600=Echo.OTHER)
    (found,) = judge(case_of(FakeHost(commands=STOPPED)), tried, wanted)
    assert found.verdict is verdict
    assert found.text == "well at 115200 baud, not at 921600: other bytes came back"
    assert found.remedy == f"{ONCE_MORE}    # with shorter wires, or stay at 115200 baud"


def test_a_speed_that_the_uart_refuses_is_no_fault() -> None:
    tried = trials(b115200=Echo.WHOLE, b921600=Echo.REFUSED)
    (found,) = judge(case_of(FakeHost(commands=STOPPED)), tried, 115200)
    assert found.verdict is Verdict.GOOD
    assert "921600 the UART does not do" in found.text


def test_a_uart_that_refuses_a_speed_goes_on_with_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from gateway.services import uart

    true_change = uart.SerialLine.change

    async def change(line: uart.SerialLine, settings: UartSettings) -> None:
        if settings.baud == 115200:
            raise LineRefused("no")
        await true_change(line, settings)

    monkeypatch.setattr(uart.SerialLine, "change", change)
    assert measured(lambda data: data, baud=9600).details["115200"] == "refused"
    assert measured(lambda data: data, baud=9600).details["460800"] == "whole"


def test_the_service_has_the_line() -> None:
    (found,) = check_loopback(case_of(FakeHost()))
    assert found.verdict is Verdict.BAD
    assert found.remedy == f"sudo systemctl stop esp-at-gateway && {ONCE_MORE}"


def test_a_line_that_is_not_there() -> None:
    config = Config(uart=UartOptions("/dev/no-such-line"))
    (found,) = check_loopback(case_of(FakeHost(commands=STOPPED), config))
    assert found.verdict is Verdict.BAD
    assert "/dev/no-such-line does not exist" in found.text


def test_a_pseudo_terminal_has_no_wires() -> None:
    config = Config(uart=UartOptions("pty:/tmp/esp"))
    (found,) = check_loopback(case_of(FakeHost(commands=STOPPED), config))
    assert found.verdict is Verdict.DOUBT


def test_the_line_is_closed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    from gateway.services import uart

    true_close = uart.SerialLine.close

    async def close(line: Line) -> None:
        assert isinstance(line, uart.SerialLine)
        await true_close(line)
        closed.append("closed")

    monkeypatch.setattr(uart.SerialLine, "close", close)
    measured(lambda data: b"", grace=0.05)
    assert closed == ["closed"]


def test_somebody_else_on_the_line_is_seen_by_the_real_host() -> None:
    from gateway.doctor.this_host import ThisHost

    with joined(lambda data: data) as path:
        case = case_of(FakeHost(holding=list(ThisHost().holders(path))))
        # This very process holds it, and is left out: the doctor is no stranger.
        assert [each.verdict for each in check_holder(case)] == [Verdict.GOOD]


def test_it_is_enough_when_as_much_came_as_was_sent() -> None:
    ear = _Ear()
    ear.data_received(PATTERN[:-1])
    assert not ear.enough.is_set()
    ear.data_received(PATTERN[-1:])
    assert ear.enough.is_set()
