"""What is measured: each one a function of a running system and its peer."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import systems
from benchmarks.client import UnexpectedReply, time_limit
from benchmarks.figures import quantile
from benchmarks.peer import Peer, Taken, digest_of_pattern
from benchmarks.systems import Started, System

MEBIBYTE = 1 << 20
P99 = "-p99"
"""What the name of a 99th percentile ends with, after the measurement's."""

QUERIES = ("AT+CIFSR", "AT+CIPSTATUS", "AT+CWJAP?")
"""What is answered from what the network is known to be."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done in one round."""

    transfer: int = 10 * MEBIBYTE
    replies: int = 1000
    sends: int = 140


QUICK = Sizes(transfer=MEBIBYTE, replies=200, sends=40)


class BytesLost(Exception):
    """A transfer ended with another number of bytes, or other bytes, than were sent."""


def _verify(taken: Taken, count: int, *, digest: bool) -> None:
    if taken.count != count:
        raise BytesLost(f"{taken.count} of {count} bytes came")
    if digest and taken.digest != digest_of_pattern(count):
        raise BytesLost("the bytes that came are not those sent")


def _rate(count: int, start: float) -> float:
    return count / MEBIBYTE / (time.perf_counter() - start)


def reply_times(system: System, _peer: Peer, sizes: Sizes) -> dict[str, float]:
    """Median and 99th percentile of `AT` to `OK`, in milliseconds."""
    return _spread("reply", system.client.reply_times(sizes.replies))


def query_times(system: System, _peer: Peer, sizes: Sizes, *, command: str) -> dict[str, float]:
    """Median and 99th percentile of a query to its `OK`, in milliseconds."""
    return _spread(command, system.client.reply_times(sizes.replies, command))


def _spread(metric: str, times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {metric: quantile(ordered, 0.5), metric + P99: quantile(ordered, 0.99)}


def send_round(system: System, peer: Peer, sizes: Sizes) -> dict[str, float]:
    """Median of a whole `AT+CIPSEND=2048` exchange, in milliseconds."""
    taker = system.name != "responder"
    count = sizes.sends * 2048
    if taker:
        peer.take(count)
    times = system.client.send_times(sizes.sends)
    if taker:
        _verify(peer.result(), count, digest=False)
    return {"send-round": statistics.median(times)}


def upload(system: System, peer: Peer, sizes: Sizes, *, digest: bool = False) -> dict[str, float]:
    """By `AT+CIPSEND` of 2048 until the far end has it all, in MiB/s. socat: raw."""
    start = time.perf_counter()
    peer.take(sizes.transfer, digest=digest)
    if system.name == "socat":
        system.client.write_raw(sizes.transfer)
    else:
        system.client.upload(sizes.transfer)
    taken = peer.result()
    rate = _rate(sizes.transfer, start)
    _verify(taken, sizes.transfer, digest=digest)
    return {"upload": rate}


def push(system: System, peer: Peer, sizes: Sizes, *, digest: bool = False) -> dict[str, float]:
    """From the far end by `+IPD`, in MiB/s. socat: raw."""
    start = time.perf_counter()
    peer.send(sizes.transfer)
    if system.name == "socat":
        taken = system.client.read_raw(sizes.transfer, digest=digest)
    else:
        taken = system.client.take_pushed(sizes.transfer, digest=digest)
    rate = _rate(sizes.transfer, start)
    peer.result()
    _verify(taken, sizes.transfer, digest=digest)
    return {"push": rate}


def pull(system: System, peer: Peer, sizes: Sizes, *, digest: bool = False) -> dict[str, float]:
    """From the far end by `AT+CIPRECVDATA` of 2048 in passive mode, in MiB/s."""
    system.client.command("AT+CIPRECVMODE=1")
    start = time.perf_counter()
    peer.send(sizes.transfer)
    taken = system.client.take_pulled(sizes.transfer, digest=digest)
    rate = _rate(sizes.transfer, start)
    peer.result()
    system.client.command("AT+CIPRECVMODE=0")
    _verify(taken, sizes.transfer, digest=digest)
    return {"pull": rate}


def start_time(start: Callable[[Path], Started]) -> float:
    """From before the process is made to the `ready` on its line, in seconds."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        begin = time.perf_counter()
        with time_limit(systems.START_LIMIT):
            started = start(Path(folder))
        seconds = time.perf_counter() - begin
        started.client.close()
        systems.end(started.process)
    return seconds


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement, the systems that take part, and whether its bytes can be checked."""

    run: Callable[[System, Peer, Sizes], dict[str, float]]
    systems: tuple[str, ...]
    verify: Callable[[System, Peer, Sizes], object] | None = None


MEASUREMENTS: dict[str, Measurement] = {
    "reply": Measurement(reply_times, ("gateway", "networkmanager", "espemu", "responder")),
    **{
        query: Measurement(partial(query_times, command=query), ("gateway", "networkmanager"))
        for query in QUERIES
    },
    "send-round": Measurement(send_round, ("gateway", "espemu", "responder")),
    "upload": Measurement(
        upload, ("gateway", "espemu", "socat"), lambda *them: upload(*them, digest=True)
    ),
    "push": Measurement(
        push, ("gateway", "espemu", "socat"), lambda *them: push(*them, digest=True)
    ),
    "pull": Measurement(pull, ("gateway",), lambda *them: pull(*them, digest=True)),
}

FAILURES = (UnexpectedReply, BytesLost, EOFError, OSError, ValueError)
"""What a system can do wrong; TimeoutError and ConnectionError are OSErrors."""
