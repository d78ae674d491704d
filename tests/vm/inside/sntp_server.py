"""A time server at the far end of the cable: tells this machine's own time (RFC 4330).

    usage: sntp_server.py ADDRESS [SECONDS]

SECONDS are added to the time. Each request is a line of the output: who asked.
"""

from __future__ import annotations

import socket
import struct
import sys
import time

SINCE_1900 = 2_208_988_800
PACKET = struct.Struct(">BBBbII4s8sQQQ")
SERVER_OF_VERSION_4 = 0x24
TRANSMITTED = slice(40, 48)


def timestamp(seconds: float) -> int:
    """64 bits, half of them the fraction."""
    return int((seconds + SINCE_1900) * 2**32)


def answer(request: bytes, now: float) -> bytes:
    """The answer to a request of 48 bytes."""
    reference = struct.pack(">Q", timestamp(now - 1))
    (origin,) = struct.unpack(">Q", request[TRANSMITTED])
    stamps = (origin, timestamp(now), timestamp(now))
    return PACKET.pack(SERVER_OF_VERSION_4, 1, 6, -20, 0, 0, b"TEST", reference, *stamps)


def main() -> None:
    """Serve for ever."""
    address, *ahead = sys.argv[1:]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 123))
        while True:
            request, client = server.recvfrom(512)
            print(client[0], flush=True)
            if len(request) >= TRANSMITTED.stop:
                server.sendto(answer(request, time.time() + sum(map(float, ahead))), client)


if __name__ == "__main__":
    main()
