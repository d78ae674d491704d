"""The one exception that a command raises for its error reply."""

from __future__ import annotations


class ATError(Exception):
    """An error reply: `lines` in the contract's words, `final` word, `after` it one line more.

    `cause` is one sentence for the journal: what was wrong and, where there is something to
    do about it, what. It never holds a password or payload.
    """

    def __init__(self, *lines: str, final: str = "ERROR", after: str = "", cause: str = "") -> None:
        super().__init__(cause or ", ".join(lines) or final)
        self.lines = lines
        self.final = final
        self.after = after
        self.cause = cause
        self.spelling = ""

    def with_spelling(self, spelling: str) -> ATError:
        """Itself, knowing which command it is about."""
        self.spelling = spelling
        return self
