"""The fields that records in the journal are found by."""

from __future__ import annotations

import asyncio
import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.services import journal
from gateway.services.network.simulated import World
from gateway.services.sparing import SparingHandler
from tests.harness import Desk
from tests.session_parts import NO_CABLE, at_fake_desk, linked

ROOT = Path(__file__).parent.parent.parent
Found = dict[str, object]


class Records(logging.Handler):
    """Keeps the fields of every record, by its message."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def of(self, message: str) -> Found:
        """The level, the logger and the fields of the last record whose message has this in it."""
        record = [each for each in self.records if message in each.getMessage()][-1]
        fields = {name: value for name, value in record.__dict__.items() if name.isupper()}
        return {"level": record.levelname, "logger": record.name, **fields}


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Iterator[Records]:
    """What is logged from here on, debug included."""
    caplog.set_level(logging.DEBUG)
    made = Records()
    logging.getLogger().addHandler(made)
    yield made
    logging.getLogger().removeHandler(made)


def test_a_command_with_its_result_and_duration(records: Records) -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        await desk.refused("AT+CWMODE_CUR=9")
        desk.type('AT+CWJAP_DEF="nowhere",""\r\n')
        await desk.expect(b"FAIL\r\n")
        await desk.refused("AT+MDNS=1")
        await desk.refused("nonsense")

    at_fake_desk(work, NO_CABLE)
    good = records.of("AT+CWJAP_CUR=: OK, ")
    assert (good["AT_COMMAND"], good["AT_RESULT"], good["level"]) == ("CWJAP", "OK", "DEBUG")
    assert re.fullmatch(r"\d+\.\d", str(good["AT_DURATION_MS"]))
    bad = records.of("AT+CWMODE_CUR=: ERROR (mode: 9 is not in 0 to 3)")
    assert (bad["AT_COMMAND"], bad["AT_RESULT"], bad["level"]) == ("CWMODE", "ERROR", "INFO")
    failed = records.of("AT+CWJAP_DEF=: ")
    assert (failed["AT_COMMAND"], failed["AT_RESULT"]) == ("CWJAP", "FAIL")
    assert records.of("ATE0: OK")["AT_COMMAND"] == "ATE0"
    assert records.of("AT+MDNS: ERROR")["AT_COMMAND"] == "MDNS"
    assert "AT_COMMAND" not in records.of("10 bytes: ERROR")


def test_what_takes_a_second_is_told_at_info_by_a_logger_of_its_own(records: Records) -> None:
    async def work(desk: Desk) -> None:
        desk.type("AT+CWLAP\r\n")
        await asyncio.sleep(0.1)
        desk.type("AT+CWMODE?\r\n")
        await desk.expect(b"OK\r\n")

    at_fake_desk(work, World(ethernet=False))
    slow = records.of("AT+CWLAP: OK after ")
    assert (slow["level"], slow["logger"]) == ("INFO", "gateway.session.slow")
    assert slow["AT_COMMAND"] == "CWLAP"
    assert float(str(slow["AT_DURATION_MS"])) >= 1000
    busy = records.of("AT+CWMODE: busy")
    assert (busy["AT_COMMAND"], busy["AT_RESULT"], busy["level"]) == ("CWMODE", "busy", "DEBUG")
    assert "AT_DURATION_MS" not in busy


def test_a_link_from_its_opening_to_its_end(records: Records) -> None:
    async def work(desk: Desk) -> str:
        async with linked(desk) as peer:
            await desk.ask("AT+CIPSEND=3", b"> ")
            desk.type("abc")
            await peer.send(b"answer")
            await desk.expect(b"answer")
            await desk.ask("AT+CIPCLOSE")
            return f"127.0.0.1:{peer.port}"

    peer = at_fake_desk(work)
    assert (records.of("link 0 TCP to ")["AT_LINK"], records.of("link 0 TCP")["AT_PEER"]) == (
        0,
        peer,
    )
    closed = records.of("link 0 closed")
    assert (closed["AT_PEER"], closed["AT_SENT"], closed["AT_RECEIVED"]) == (peer, 3, 6)


def test_the_networks_news(records: Records) -> None:
    async def work(desk: Desk) -> None:
        await desk.join()
        await desk.ask("AT+CWQAP")
        await desk.expect(b"WIFI DISCONNECT\r\n")
        await asyncio.sleep(1)

    at_fake_desk(work, World(pace=0))
    assert records.of("Wi-Fi connected")["AT_INTERFACE"] == "station"
    assert records.of("Wi-Fi disconnected")["AT_INTERFACE"] == "station"
    address = records.of("Ethernet has the address")
    assert address["AT_INTERFACE"] == "ethernet"
    assert address["AT_ADDRESS"] == "192.168.101.20"


def test_a_counted_repeat_is_found_as_well_and_has_no_duration() -> None:
    inner = Records()
    handler = SparingHandler(inner)
    for milliseconds in (1, 2):
        record = logging.LogRecord("gateway.session", 20, "f.py", 1, "refused", None, None)
        record.__dict__.update(AT_COMMAND="CWJAP", AT_DURATION_MS=milliseconds, other="kept not")
        handler.handle(record)
    handler.close()
    summary = inner.records[-1]
    assert summary.getMessage() == "refused (repeated 1 times)"
    assert summary.__dict__["AT_COMMAND"] == "CWJAP"
    assert "AT_DURATION_MS" not in summary.__dict__
    assert "other" not in summary.__dict__


def test_lines_for_stderr_are_as_before() -> None:
    stream = io.StringIO()
    inner = logging.StreamHandler(stream)
    inner.setFormatter(journal._PlainLines())
    logger = logging.Logger("gateway.session")
    logger.addHandler(inner)
    logger.info("AT+CWJAP=: FAIL", extra={"AT_COMMAND": "CWJAP"})
    assert stream.getvalue().endswith(" info gateway.session: AT+CWJAP=: FAIL\n")


def test_the_fields_are_those_that_the_code_gives_and_the_documentation_lists() -> None:
    listed = re.findall(r"^\| `(AT_[A-Z_]+)`", (ROOT / "docs/monitor.md").read_text("utf-8"), re.M)
    assert listed == list(journal.FIELDS)
    given = {
        name
        for path in (ROOT / "gateway").rglob("*.py")
        if path.name not in ("journal.py", "display.py")
        for name in re.findall(r'"(AT_[A-Z]\w*)"', path.read_text("utf-8"))
    }
    assert given == set(journal.FIELDS)
