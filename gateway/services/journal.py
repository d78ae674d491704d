"""Where log records go: the systemd journal, or stderr."""

from __future__ import annotations

import logging
import os
import sys

from gateway.services.sparing import SparingHandler

IDENTIFIER = "esp-at-gateway"

# asyncio's is for exceptions that nobody retrieved.
_LOGGERS = ("gateway", "asyncio")

# What the journal keeps of a record; the rest of it would be five times the message.
_JOURNAL_FIELDS = ("PRIORITY", "LOGGER", "SYSLOG_IDENTIFIER", "CODE_FILE", "CODE_LINE")

FIELDS = (
    "AT_COMMAND",
    "AT_RESULT",
    "AT_DURATION_MS",
    "AT_LINK",
    "AT_PEER",
    "AT_SENT",
    "AT_RECEIVED",
    "AT_INTERFACE",
    "AT_ADDRESS",
)
"""What records can be found by in the journal; docs/monitor.md tells what each holds."""

_watchers: list[logging.Handler] = []

# sd-daemon(3), by the numbers of the logging module.
_PRIORITIES = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}


def configure(level: str) -> None:
    """Send the `gateway` loggers' records of `level` (debug, info, warning, error) and above
    to the journal if stderr leads there, and to stderr otherwise.

    May be called again. Takes 20 ms where the journal is used (its module's import).
    """
    handler = SparingHandler(_journal_handler() if _stderr_is_journal() else _plain_handler())
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        for old in list(logger.handlers):
            if isinstance(old, SparingHandler):
                logger.removeHandler(old)
                old.close()
        logger.addHandler(handler)
    handler.setLevel(level.upper())
    _set_level()


def watch(watcher: logging.Handler) -> None:
    """Give `watcher` the records of info and above, whatever is asked for in the journal."""
    _watchers.append(watcher)
    logging.getLogger("gateway").addHandler(watcher)
    _set_level()


def unwatch(watcher: logging.Handler) -> None:
    """Give it no more."""
    _watchers.remove(watcher)
    logging.getLogger("gateway").removeHandler(watcher)
    _set_level()


def _set_level() -> None:
    """Make the records that the journal or a watcher wants, and no others."""
    logger = logging.getLogger("gateway")
    journals = (each for each in logger.handlers if isinstance(each, SparingHandler))
    logger.setLevel(min((each.level for each in journals), default=logging.NOTSET))
    for watcher in _watchers:
        if watcher.level < logger.getEffectiveLevel():
            logger.setLevel(watcher.level)


def _stderr_is_journal() -> bool:
    """Whether systemd connected our stderr to the journal (systemd.exec(5), JOURNAL_STREAM)."""
    stream = os.environ.get("JOURNAL_STREAM", "")
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return stream == f"{status.st_dev}:{status.st_ino}"


def _journal_handler() -> logging.Handler:
    try:
        from systemd.journal import JournalHandler, send
    except ImportError:
        return _plain_handler(for_journal=True)

    def send_little(message: str, /, **fields: object) -> None:
        kept = {name: fields[name] for name in (*_JOURNAL_FIELDS, *FIELDS) if name in fields}
        send(message, **kept)

    handler: logging.Handler = JournalHandler(
        sender_function=send_little, SYSLOG_IDENTIFIER=IDENTIFIER
    )
    return handler


def _plain_handler(*, for_journal: bool = False) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JournalLines() if for_journal else _PlainLines())
    return handler


class _PlainLines(logging.Formatter):
    """`2026-01-31 12:00:00 warning gateway.uart: …`"""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(level)s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        record.level = record.levelname.lower()
        return super().format(record)


class _JournalLines(logging.Formatter):
    """Lines for the journal with their priority before them (sd-daemon(3))."""

    def format(self, record: logging.LogRecord) -> str:
        lines = super().format(record).splitlines()
        return "\n".join(f"<{_PRIORITIES.get(record.levelno, 6)}>{line}" for line in lines)
