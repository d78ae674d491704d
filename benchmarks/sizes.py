"""How much is done in one round."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of a transfer, replies that are timed, and rounds of 2048 bytes that are timed."""

    transfer: int = 10 * MEBIBYTE
    replies: int = 1000
    sends: int = 140


QUICK = Sizes(transfer=MEBIBYTE, replies=200, sends=40)
