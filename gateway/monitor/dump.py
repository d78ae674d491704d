"""Bytes in hex and ASCII, sixteen a row; those that are hidden as dots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_ROW = 16
_LONGEST_DRAWN = 32
_DOT = "·"


def dump(pieces: Sequence[str | int]) -> Iterator[str]:
    """Rows for pieces: texts are hex, numbers are so many hidden bytes.

    Many hidden bytes are counted instead of drawn.
    """
    row: list[tuple[str, str]] = []
    for cell in _cells(pieces):
        if isinstance(cell, int):
            if row:
                yield _drawn(row)
            row = []
            yield f"{_DOT * 2} × {cell}"
            continue
        row.append(cell)
        if len(row) == _ROW:
            yield _drawn(row)
            row = []
    if row:
        yield _drawn(row)


def _cells(pieces: Sequence[str | int]) -> Iterator[tuple[str, str] | int]:
    """Hex and character of each byte, or the number of those that are only counted."""
    for piece in pieces:
        if isinstance(piece, str):
            for byte in bytes.fromhex(piece):
                yield f"{byte:02x}", chr(byte) if 0x20 <= byte < 0x7F else "."
        elif piece > _LONGEST_DRAWN:
            yield piece
        else:
            for _ in range(piece):
                yield _DOT * 2, _DOT


def _drawn(row: Sequence[tuple[str, str]]) -> str:
    left, right = (" ".join(cell for cell, _ in half) for half in (row[:8], row[8:]))
    return f"{left:<23}  {right:<23}  {''.join(character for _, character in row)}"
