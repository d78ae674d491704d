"""What is measured: each one a function of a running system and its peer."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from benchmarks import raw, transfers
from benchmarks.client import SEND_SIZE, UnexpectedReply
from benchmarks.figures import quantile
from benchmarks.peer import Peer
from benchmarks.sizes import MEBIBYTE, QUICK, Sizes
from benchmarks.systems import System
from benchmarks.transfers import BytesLost, pull, push, upload, verify

__all__ = ["MEASUREMENTS", "MEBIBYTE", "QUICK", "Sizes", "pull", "push", "upload"]

P99 = "-p99"
"""What the name of a 99th percentile ends with, after the measurement's."""

CPU = "-cpu"
"""What the name of the processor's seconds for 10 MiB ends with, after the transfer's."""

QUERIES = ("AT+CIFSR", "AT+CIPSTATUS", "AT+CWJAP?")
"""What is answered from what the network is known to be."""


def reply_times(system: System, _peer: Peer, sizes: Sizes) -> dict[str, float]:
    """Median and 99th percentile of `AT` to `OK`, in milliseconds. Echo: of `AT` and back."""
    if system.name == "echo":
        return _spread("reply", raw.echo_times(system.client, sizes.replies))
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
    count = sizes.sends * SEND_SIZE
    if taker:
        peer.take(count)
    times = system.client.send_times(sizes.sends)
    if taker:
        verify(peer.result(), count, digest=False)
    return {"send-round": statistics.median(times)}


def pull_round(system: System, peer: Peer, sizes: Sizes) -> dict[str, float]:
    """Median of a whole `AT+CIPRECVDATA=2048` exchange, in milliseconds."""
    giver = system.name != "responder"
    system.client.command("AT+CIPRECVMODE=1")
    if giver:
        peer.send(sizes.sends * SEND_SIZE)
        # So much has been announced: from here on there is something to be had.
        system.client.read_up_to(b"\r\n+IPD,")
        system.client.drop_input(0.02)
    times = system.client.pull_times(sizes.sends)
    if giver:
        peer.result()
    system.client.command("AT+CIPRECVMODE=0")
    return {"pull-round": statistics.median(times)}


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement, the systems that take part, and whether its bytes can be checked.

    Those that `warm` names do it once only, in the round that does not count. `transfer`: the
    processor's time is measured along with it.
    """

    run: Callable[[System, Peer, Sizes], dict[str, float]]
    systems: tuple[str, ...]
    verify: Callable[[System, Peer, Sizes], object] | None = None
    warm: tuple[str, ...] = ()
    transfer: bool = False


def _transfer(run: Callable[..., dict[str, float]], *names: str) -> Measurement:
    return Measurement(
        run, names, partial(run, digest=True), warm=("networkmanager",), transfer=True
    )


_MODULES = ("gateway", "espemu-pty", "gateway-tcp", "espemu")
_RAW = ("socat", "socat-tls")

MEASUREMENTS: dict[str, Measurement] = {
    "reply": Measurement(reply_times, ("echo", *_MODULES, "networkmanager", "responder")),
    **{
        query: Measurement(partial(query_times, command=query), ("gateway", "networkmanager"))
        for query in QUERIES
    },
    "send-round": Measurement(send_round, (*_MODULES, "gateway-tls", "responder")),
    "pull-round": Measurement(pull_round, ("gateway", "gateway-tls", "responder")),
    "upload": _transfer(
        upload, *_MODULES, "gateway-tls", *_RAW, "responder", "c-module", "c-module-tcp"
    ),
    "push": _transfer(push, *_MODULES, "gateway-tls", *_RAW),
    "pull": _transfer(pull, "gateway", "gateway-tcp", "gateway-tls", *_RAW),
    **{
        name: Measurement(run, ("gateway-five", "espemu-five"), partial(run, digest=True))
        for name, run in (("five-up", transfers.five_up), ("five-down", transfers.five_down))
    },
}

FAILURES = (UnexpectedReply, BytesLost, EOFError, OSError, ValueError)
"""What a system can do wrong; TimeoutError and ConnectionError are OSErrors."""
