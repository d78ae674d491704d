"""The one exception that a command raises for its error reply."""

from __future__ import annotations


class ATError(Exception):
    """An error reply: `lines` in the contract's words, then `final` (`ERROR`, `FAIL`, …).

    `cause` is one sentence for the journal: what was wrong and, where there is something to
    do about it, what. It never holds a password or payload.
    """

    def __init__(self, *lines: str, final: str = "ERROR", cause: str = "") -> None:
        super().__init__(cause or ", ".join(lines) or final)
        self.lines = lines
        self.final = final
        self.cause = cause
