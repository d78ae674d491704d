"""How much of the time bytes would be on the wire, at a real line's speeds.

The share is wire time / (wire time + what the gateway adds). What it adds is measured unpaced, on
a pseudo-terminal, and charged in full: as if it did nothing while the wire is busy.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.client import SEND_SIZE
from benchmarks.results import Results
from benchmarks.sizes import MEBIBYTE

BITS_PER_BYTE = 10
BAUDS = {115200: 99.7, 921600: 99.0, 3000000: 97.0}
"""Speeds, and the share in percent to reach at each."""

SEND_BYTES = SEND_SIZE + sum(
    map(
        len,
        (
            b"AT+CIPSEND=2048\r\n",
            b"\r\nOK\r\n> ",
            b"\r\nRecv 2048 bytes\r\n",
            b"\r\nSEND OK\r\n",
        ),
    )
)
PULL_BYTES = SEND_SIZE + sum(
    map(len, (b"AT+CIPRECVDATA=2048\r\n", b"\r\n+CIPRECVDATA,2048:", b"\r\nOK\r\n"))
)
PUSHED = 1460
"""The most that one `+IPD` carries (contract, section 6)."""

PUSH_BYTES = PUSHED + len(b"\r\n+IPD,1460:")


@dataclass(frozen=True, slots=True)
class Way:
    """A direction on a kind of link: the bytes of a round on the wire, and what is measured."""

    title: str
    system: str
    metric: str
    wire_bytes: int


WAYS = tuple(
    Way(f"{title}, {kind}", system, metric, size)
    for kind, system in (("TCP", "gateway"), ("TLS", "gateway-tls"))
    for title, metric, size in (
        ("up, AT+CIPSEND=2048", "send-round", SEND_BYTES),
        ("down, AT+CIPRECVDATA=2048", "pull-round", PULL_BYTES),
        ("down, +IPD", "push", PUSH_BYTES),
    )
)


def share(added: float, wire_bytes: int, baud: int) -> float:
    """Percent of the time, where `added` milliseconds come to each `wire_bytes` on the wire."""
    wire = wire_bytes * BITS_PER_BYTE / baud * 1000
    return 100 * wire / (wire + max(added, 0.0))


def shares(results: Results, way: Way, baud: int) -> list[float]:
    """The share in each round."""
    return [share(added, way.wire_bytes, baud) for added in _added(results, way)]


def missing(results: Results, way: Way) -> str:
    """Why there is none."""
    return results.why((way.metric, way.system), (way.metric, "responder"))


def _added(results: Results, way: Way) -> list[float]:
    """Milliseconds that the gateway adds to a round of each of the benchmark's rounds.

    Of a command with its reply, what its round takes above the C responder's. Of `+IPD`, which
    nobody asks for, all that a message takes from the far end to the client.
    """
    if way.metric == "push":
        rates = results.series("push", way.system)
        return [PUSHED / (rate * MEBIBYTE) * 1000 for rate in rates]
    pairs = results.pairs((way.metric, way.system), (way.metric, "responder"))
    return [ours - least for ours, least in pairs]
