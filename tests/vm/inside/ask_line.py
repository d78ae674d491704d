"""A microcontroller inside the guest: `python3 ask_line.py LINE COMMAND...` on a pseudo-terminal.

Prints each command's reply. What the line has kept from before is read and left out.
"""

from __future__ import annotations

import os
import select
import sys
import time
import tty

ENDS = (b"\r\nOK\r\n", b"\r\nERROR\r\n", b"\r\nFAIL\r\n")
SECONDS = 40.0
QUIET_SECONDS = 1.0


def read(line: int, seconds: float, ends: tuple[bytes, ...] = ()) -> bytes:
    """What comes until one of `ends`, or within so many seconds."""
    deadline, came = time.monotonic() + seconds, b""
    while not any(end in came for end in ends):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([line], [], [], left)[0]:
            break
        came += os.read(line, 65536)
    return came


def main(path: str, *commands: str) -> None:
    """Send each command, and print what is answered."""
    line = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(line)
    read(line, QUIET_SECONDS)
    for command in commands:
        os.write(line, command.encode() + b"\r\n")
        print(read(line, SECONDS, ENDS).decode(errors="replace").replace("\r", ""))


if __name__ == "__main__":
    main(*sys.argv[1:])
