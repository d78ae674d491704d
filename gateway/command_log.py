"""What the journal is told of commands, and the fields that they are found by there.

What fails is told at info with its cause, what took a second or longer too; the rest at debug.
"""

from __future__ import annotations

import logging

from gateway.at.errors import ATError
from gateway.at.masking import line_name

logger = logging.getLogger("gateway.session")
# its own name, so that what takes long does not use up what may be logged of what fails
slow_logger = logging.getLogger("gateway.session.slow")

LONG_SECONDS = 1.0
"""How long a command takes that is told of without being asked for."""


def wants(seconds: float) -> bool:
    """Whether a command that took so long is told of though it succeeded."""
    return seconds >= LONG_SECONDS or logger.isEnabledFor(logging.DEBUG)


def succeeded(spelling: str, result: str, seconds: float) -> None:
    """A command is done; `result` is its final word. Only where that `wants` to be told."""
    fields = _fields(spelling, result, seconds)
    if seconds >= LONG_SECONDS:
        # whole seconds: the same again and again is counted instead of written
        slow_logger.info("%s: OK after %.0f s", spelling, seconds, extra=fields)
    else:
        logger.debug("%s: OK, %.1f ms", spelling, seconds * 1000, extra=fields)


def refused(name: str, error: ATError, seconds: float) -> None:
    """A command has an error reply; or a line is none, and has the name that may be told."""
    words = " ".join((*filter(None, error.lines), error.final))
    fields = _fields(name, error.final, seconds)
    logger.info("%s: %s (%s)", name, words, error.cause or "no cause", extra=fields)


def failed_of_a_bug(spelling: str, seconds: float) -> None:
    """A command raised what none should; the exception is the one being handled."""
    fields = _fields(spelling, "ERROR", seconds)
    logger.exception("%s failed by a bug; please report this", spelling, extra=fields)


def busy(text: bytes | None) -> None:
    """A line came while a command ran; None is one that was too long."""
    if logger.isEnabledFor(logging.DEBUG):
        name = line_name(text)
        logger.debug("%s: busy", name, extra=_fields(name, "busy"))


def _fields(name: str, result: str, seconds: float | None = None) -> dict[str, object]:
    fields: dict[str, object] = {"AT_RESULT": result}
    if seconds is not None:
        fields["AT_DURATION_MS"] = f"{seconds * 1000:.1f}"
    if name.startswith("AT"):
        command = name.removeprefix("AT+").rstrip("=?")
        fields["AT_COMMAND"] = command.removesuffix("_CUR").removesuffix("_DEF")
    return fields
