"""A terminal that hands bytes through as they are, and one that forgets them."""

from __future__ import annotations

import termios


def make_raw(descriptor: int) -> None:
    """Make a terminal hand every byte through as it is: 8 bits, no echo, no signals.

    Touches nothing where that is so already.
    """
    attributes = termios.tcgetattr(descriptor)
    raw = [*attributes[:6], list(attributes[6])]
    raw[0] = 0
    raw[1] &= ~termios.OPOST
    raw[2] = (raw[2] & ~(termios.CSIZE | termios.PARENB)) | termios.CS8 | termios.CREAD
    raw[3] = 0
    raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
    if raw != attributes:
        termios.tcsetattr(descriptor, termios.TCSANOW, raw)


def throw_output_away(master: int) -> None:
    """Let nobody read what was written to `master` and not read yet.

    By way of the master: opening the slave for it would be told as somebody's opening. The
    first call empties what is under way. The second sets the slave's own attributes anew,
    for its flushing of the slave's input, which holds the rest.
    """
    termios.tcflush(master, termios.TCOFLUSH)
    termios.tcsetattr(master, termios.TCSAFLUSH, termios.tcgetattr(master))
