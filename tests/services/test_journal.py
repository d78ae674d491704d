"""The journal: where records go, and that no board can wear the SD card out."""

from __future__ import annotations

import io
import logging
import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.services import journal
from gateway.services.journal import configure
from gateway.services.sparing import REMEMBERED_MESSAGES, SparingHandler

DAY = 86400


class World:
    """A SparingHandler on a stream, with a clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.stream = io.StringIO()
        inner = logging.StreamHandler(self.stream)
        inner.setFormatter(journal._PlainLines())
        self.handler = SparingHandler(inner, lambda: self.now)

    def logger(self, name: str = "gateway.test") -> logging.Logger:
        # Not registered anywhere: it ends with the test.
        logger = logging.Logger(name, logging.DEBUG)
        logger.addHandler(self.handler)
        return logger

    def lines(self) -> list[str]:
        """What was written since the last call, without date and time."""
        written = self.stream.getvalue().splitlines()
        self.stream.seek(0)
        self.stream.truncate()
        return [line.split(" ", 2)[2] if line[:2] == "20" else line for line in written]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.handler.close()


def test_different_messages_are_all_written_in_order(world: World) -> None:
    logger = world.logger()
    logger.info("joined %s", "home")
    logger.warning("joined %s", "home")
    logger.info("joined %s", "office")
    assert world.lines() == [
        "info gateway.test: joined home",
        "warning gateway.test: joined home",
        "info gateway.test: joined office",
    ]


def test_a_repeat_is_counted_and_said_once(world: World) -> None:
    logger = world.logger()
    for _ in range(242):
        logger.info("no route to %s", "host")
        world.now += 0.2
    assert world.lines() == ["info gateway.test: no route to host"]
    world.now += 60
    logger.info("something else")
    assert world.lines() == [
        "info gateway.test: no route to host (repeated 241 times)",
        "info gateway.test: something else",
    ]
    logger.info("no route to host")
    world.now += 121
    logger.info("a third")
    assert world.lines() == [
        "info gateway.test: no route to host (repeated 1 times)",
        "info gateway.test: a third",
    ]


def test_a_message_that_comes_again_after_its_minute_is_written_again(world: World) -> None:
    logger = world.logger()
    for _ in range(3):
        logger.warning("cable pulled")
        world.now += 61
    assert world.lines() == ["warning gateway.test: cable pulled"] * 3


def test_what_is_still_counted_is_said_at_the_end(world: World) -> None:
    logger = world.logger()
    for _ in range(3):
        logger.error("device is gone")
    world.handler.flush()
    assert world.lines() == [
        "error gateway.test: device is gone",
        "error gateway.test: device is gone (repeated 2 times)",
    ]
    world.handler.flush()
    assert world.lines() == []


def test_a_message_that_never_ends_is_said_ever_more_seldom(world: World) -> None:
    logger = world.logger()
    for _ in range(DAY):
        logger.error("still broken")
        world.now += 1
    lines = world.lines()
    assert 25 <= len(lines) <= 35
    assert lines[-1].endswith("(repeated 3600 times)")


def test_the_same_words_of_another_logger_are_no_repeat(world: World) -> None:
    world.logger("gateway.a").info("x")
    world.logger("gateway.b").info("x")
    assert world.lines() == ["info gateway.a: x", "info gateway.b: x"]


def test_remembering_messages_is_bounded_and_forgets_no_count(world: World) -> None:
    logger = world.logger()
    logger.error("first")
    logger.error("first")
    for number in range(1000):
        logger.error("error %d", number)
    lines = world.lines()
    assert len(lines) == 1002
    assert lines.count("error gateway.test: first (repeated 1 times)") == 1
    assert len(world.handler._repeats) == REMEMBERED_MESSAGES


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING])
def test_noise_is_written_sixty_times_and_then_once_a_minute(world: World, level: int) -> None:
    logger = world.logger()
    for number in range(1000):
        logger.log(level, "garbage %d", number)
    assert len(world.lines()) == 60
    for number in range(1000, 1600):
        world.now += 1
        logger.log(level, "garbage %d", number)
    lines = world.lines()
    name = logging.getLevelName(level).lower()
    # 940 before, and 59 until a minute was over.
    assert lines[0] == (
        f"{name} gateway.test: 999 more messages were left out to spare the SD card"
    )
    assert sum("garbage" in line for line in lines) == 10
    world.handler.flush()
    assert "left out" in world.lines()[-1]


def test_noise_does_not_silence_another_logger(world: World) -> None:
    for number in range(1000):
        world.logger("gateway.noisy").info("garbage %d", number)
    world.lines()
    world.logger("gateway.noisy").warning("warned")
    world.logger("gateway.calm").info("joined")
    assert world.lines() == ["warning gateway.noisy: warned", "info gateway.calm: joined"]


def test_errors_and_tracebacks_are_never_left_out(world: World) -> None:
    logger = world.logger()
    for number in range(500):
        try:
            raise ValueError(f"number {number}")
        except ValueError:
            logger.exception("bug")
    written = "\n".join(world.lines())
    assert written.count("error gateway.test: bug") == 500
    assert all(f"ValueError: number {number}\n" in f"{written}\n" for number in range(500))


def test_a_repeated_traceback_is_counted(world: World) -> None:
    logger = world.logger()
    for _ in range(5):
        try:
            raise ValueError("the same")
        except ValueError:
            logger.exception("bug")
    world.handler.flush()
    written = "\n".join(world.lines())
    assert written.count("Traceback") == 1
    assert "bug (repeated 4 times)" in written


def test_whoever_asks_for_debug_records_gets_them_all(world: World) -> None:
    for _ in range(200):
        world.logger().debug("AT+CIPSTATUS OK 0.1 ms")
    assert len(world.lines()) == 200


def test_a_record_that_cannot_be_formatted_raises_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.logger().info("%d bytes", "many")
    world.logger().info("on it goes")
    assert world.lines() == ["info gateway.test: on it goes"]
    assert "Logging error" in capsys.readouterr().err


def test_a_board_that_polls_and_errs_all_day_writes_less_than_a_megabyte(world: World) -> None:
    session, links = world.logger("gateway.session"), world.logger("gateway.links")
    session.setLevel(logging.INFO)
    tls = world.logger("gateway.tls")
    for second in range(0, DAY, 5):
        world.now += 5
        session.debug("AT+CIPSTATUS OK 0.1 ms")
        session.info("AT+CIPSTART refused: connection to 192.0.2.1:80 was refused")
        session.warning("a line that is no command was answered ERROR: %r", second)
        if second % 10 == 0:
            links.info("link 0 opened to 192.0.2.1:80 from port %d", 20000 + second)
            links.info("link 0 closed: the peer ended it, %d bytes in", second)
            tls.warning("certificate has expired (%d)", second)
            tls.error("cannot reach the time server")
    world.handler.flush()
    assert len(world.stream.getvalue().encode()) < 1_000_000


def test_the_worst_day_stays_below_a_megabyte(world: World) -> None:
    loggers = [world.logger(f"gateway.part{number}") for number in range(6)]
    for second in range(0, DAY, 20):
        world.now += 20
        for logger in loggers:
            logger.info("something that is said in about sixty characters %06d", second)
            logger.warning("something that is said in about sixty characters %06d", second)
    world.handler.flush()
    assert 400_000 < len(world.stream.getvalue().encode()) < 1_000_000


@pytest.fixture
def loggers() -> Iterator[logging.Logger]:
    """The `gateway` logger; whatever `configure` does to the loggers is undone."""
    kept = {name: logging.getLogger(name).handlers[:] for name in journal._LOGGERS}
    level = logging.getLogger("gateway").level
    yield logging.getLogger("gateway")
    for name, handlers in kept.items():
        for handler in logging.getLogger(name).handlers:
            if handler not in handlers:
                handler.close()
        logging.getLogger(name).handlers[:] = handlers
    logging.getLogger("gateway").setLevel(level)


def test_plain_lines_go_to_stderr_with_time_and_level(
    capsys: pytest.CaptureFixture[str],
    loggers: logging.Logger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    configure("warning")
    configure("info")
    loggers.getChild("uart").info("ready")
    loggers.debug("not asked for")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].endswith(" info gateway.uart: ready")
    assert lines[0][:2] == "20"


@contextmanager
def stderr_as_journal(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stderr is a file, and JOURNAL_STREAM says that this file is the journal.

    Within the test, as pytest puts its own stderr in place after the fixtures.
    """
    with path.open("w") as file, monkeypatch.context() as patch:
        status = os.fstat(file.fileno())
        patch.setattr(sys, "stderr", file)
        patch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        yield path


class FakeJournalHandler(logging.Handler):
    """As systemd.journal's: hands message, fields and the whole record to its sender."""

    def __init__(self, sender_function: types.FunctionType, **fields: str) -> None:
        super().__init__()
        self._send, self._fields = sender_function, fields

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)  # and with that the record has a `message` as well
        fields = {**self._fields, **record.__dict__, "PRIORITY": "6", "LOGGER": record.name}
        self._send(text, **fields)


def test_under_systemd_records_go_to_the_journal(
    tmp_path: Path, loggers: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, dict[str, object]]] = []
    module = types.ModuleType("systemd.journal")
    module.__dict__.update(
        JournalHandler=FakeJournalHandler, send=lambda text, **fields: sent.append((text, fields))
    )
    package = types.ModuleType("systemd")
    package.__dict__["journal"] = module
    monkeypatch.setitem(sys.modules, "systemd", package)
    monkeypatch.setitem(sys.modules, "systemd.journal", module)
    with stderr_as_journal(tmp_path / "stderr", monkeypatch) as stderr:
        configure("info")
        fields = {"AT_COMMAND": "CWJAP", "AT_LINK": 3, "ssid": "home"}
        loggers.getChild("session").info("joined %s", "home", extra=fields)
    assert sent == [
        (
            "joined home",
            {
                "SYSLOG_IDENTIFIER": "esp-at-gateway",
                "PRIORITY": "6",
                "LOGGER": "gateway.session",
                "AT_COMMAND": "CWJAP",
                "AT_LINK": 3,
            },
        )
    ]
    assert stderr.read_text() == ""


def test_without_its_module_the_journal_gets_lines_with_priorities(
    tmp_path: Path, loggers: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "systemd", None)
    with stderr_as_journal(tmp_path / "stderr", monkeypatch) as stderr:
        configure("debug")
        loggers.debug("a")
        loggers.info("b")
        loggers.warning("c")
        loggers.error("d\ne")
        loggers.critical("f")
    assert stderr.read_text() == "<7>a\n<6>b\n<4>c\n<3>d\n<3>e\n<2>f\n"


def test_another_stream_than_stderr_is_not_the_journal(
    tmp_path: Path, loggers: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stderr_as_journal(tmp_path / "stderr", monkeypatch) as stderr:
        monkeypatch.setenv("JOURNAL_STREAM", "1:2")
        configure("info")
        loggers.info("ready")
    assert stderr.read_text().endswith(" info gateway: ready\n")


def test_the_real_journal_module_fits_where_it_is_installed() -> None:
    module = pytest.importorskip("systemd.journal")
    sent: list[dict[str, object]] = []
    handler = module.JournalHandler(
        sender_function=lambda text, **fields: sent.append({"text": text, **fields}),
        SYSLOG_IDENTIFIER=journal.IDENTIFIER,
    )
    handler.handle(logging.LogRecord("gateway", logging.WARNING, "f.py", 7, "x", None, None))
    assert sent[0]["text"] == "x"
    assert sent[0]["PRIORITY"] == "4"
    assert set(journal._JOURNAL_FIELDS) <= set(sent[0])
