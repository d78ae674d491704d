"""A time server (RFC 5905, section 7.3) that vouches for this machine's clock; needs Python alone.

usage: time_server.py ADDRESS
"""

from __future__ import annotations

import socket
import struct
import sys
import time

SINCE_1900 = 2208988800
"""Seconds from NTP's epoch to Unix's."""


def stamp() -> bytes:
    """Now, as NTP's 64-bit time."""
    seconds, fraction = divmod(time.time(), 1)
    return struct.pack("!II", int(seconds) + SINCE_1900, int(fraction * 2**32))


def main() -> None:
    """Answer for ever."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((sys.argv[1], 123))
        while True:
            request, client = server.recvfrom(512)
            if len(request) < 48:
                continue
            now = stamp()
            # No warning, version 4, a server; stratum 1, poll as asked, precision 2⁻²⁰ s.
            head = struct.pack("!BBBbII4s", 0x24, 1, request[2], -20, 0, 0, b"TEST")
            server.sendto(head + now + request[40:48] + now + stamp(), client)


if __name__ == "__main__":
    main()
