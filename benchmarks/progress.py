"""How the run goes, told beside the table."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Tell it on standard error."""
    print(text, file=sys.stderr, flush=True)
