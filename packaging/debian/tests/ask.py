#!/usr/bin/python3
"""Ask a serial line with Debian's python3-serial, as a microcontroller would: ask.py DEVICE

Exit status 0 if what comes back is what an ESP-01 says.
"""

import sys

import serial

CONVERSATION = [
    (b"AT\r\n", b"AT\r\n\r\nOK\r\n"),
    (b"ATE0\r\n", b"ATE0\r\n\r\nOK\r\n"),
    (b'AT+CWJAP_CUR="esp-at-sim","password"\r\n', b"WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n"),
    (b"AT+CWMODE?\r\n", b"+CWMODE:1\r\n\r\nOK\r\n"),
    (b"AT+NONSENSE\r\n", b"\r\nERROR\r\n"),
]


def main() -> int:
    """Have the conversation, and show where it went wrong."""
    with serial.Serial(sys.argv[1], 115200, timeout=20) as line:
        for sent, expected in CONVERSATION:
            line.write(sent)
            said = line.read_until(expected[-6:])
            if not said.endswith(expected):
                print(f"{sent!r}: {expected!r} was expected, {said!r} came back")
                return 1
            print(f"{sent!r}: {said!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
