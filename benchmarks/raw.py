"""The client's part where nobody speaks AT: an echo, and bytes that are asked for."""

from __future__ import annotations

import hashlib
import os
import time

from benchmarks.client import SEND_SIZE, Client
from benchmarks.far_end import Taken

_QUESTION = b"AT+CIPRECVDATA=%d\r\n" % SEND_SIZE


def echo_times(client: Client, count: int, text: bytes = b"AT\r\n") -> list[float]:
    """How long `text` takes to come back, in milliseconds, `count` times over."""
    clock = time.perf_counter_ns
    times: list[float] = []
    for _ in range(count):
        start = clock()
        client.write(text)
        client.read_until(text)
        times.append((clock() - start) / 1e6)
    return times


def take_asked(client: Client, count: int, *, digest: bool = False) -> Taken:
    """Ask for 2048 bytes, one time after the other, until `count` have come.

    Each question has as many bytes as the command that asks the gateway for them.
    """
    sum_ = hashlib.sha256() if digest else None
    for _ in range(count // SEND_SIZE):
        client.write(_QUESTION)
        left = SEND_SIZE
        while left:
            data = os.read(client.line, left)
            if not data:
                raise EOFError("the line ended")
            if sum_ is not None:
                sum_.update(data)
            left -= len(data)
    return Taken(count // SEND_SIZE * SEND_SIZE, sum_.hexdigest() if sum_ is not None else "")
