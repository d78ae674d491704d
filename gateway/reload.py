"""Which options a running service takes over when its configuration is read again (SIGHUP)."""

from __future__ import annotations

import logging
import shlex
from dataclasses import fields, replace

from gateway.config import Config

logger = logging.getLogger("gateway")

# The log's level counts at once, the others from the next reset on (AT+RST). The line and the
# network are never taken from under a conversation.
_RELOADABLE = frozenset({"reply_style", "links", "tls", "log"})


def reloaded(before: Config, after: Config) -> Config:
    """`before` with what may change while serving; what may not is named in the journal."""
    changed = [
        each.name
        for each in fields(Config)
        if getattr(before, each.name) != getattr(after, each.name)
    ]
    waiting = [name for name in changed if name not in _RELOADABLE]
    taken = [name for name in changed if name in _RELOADABLE]
    logger.info("configuration read again: %s changed", ", ".join(taken) or "nothing")
    if waiting:
        names = ", ".join(f"[{name}]" for name in waiting)
        unit = shlex.quote(before.storage.unit)
        logger.warning("%s changed too, and wait for: sudo systemctl restart %s", names, unit)
    return replace(before, **{name: getattr(after, name) for name in taken})
