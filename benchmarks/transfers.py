"""Transfers: so many bytes from one end of the line to the far end of a link, or back."""

from __future__ import annotations

import time

from benchmarks import five_links, raw
from benchmarks.client import SEND_SIZE
from benchmarks.far_end import BLOCK, Taken, digest_of_pattern
from benchmarks.peer import Peer
from benchmarks.sizes import MEBIBYTE, Sizes
from benchmarks.systems import System


class BytesLost(Exception):
    """A transfer ended with another number of bytes, or other bytes, than were sent."""


def verify(taken: Taken, count: int, *, digest: bool) -> None:
    """Raises BytesLost unless `count` bytes came, with `digest` those of the pattern."""
    if taken.count != count:
        raise BytesLost(f"{taken.count} of {count} bytes came")
    if digest and taken.digest != digest_of_pattern(count):
        raise BytesLost("the bytes that came are not those sent")


def is_raw(system: System) -> bool:
    """Whether nobody speaks AT there."""
    return system.name.startswith("socat")


def upload(system: System, peer: Peer, sizes: Sizes, *, digest: bool = False) -> dict[str, float]:
    """By `AT+CIPSEND` of 2048 until the far end has it all, in MiB/s. socat: raw.

    The responder has no far end: it throws the bytes away.
    """
    start = time.perf_counter()
    if system.name == "responder":
        system.client.upload(sizes.transfer)
        return {"upload": _rate(sizes.transfer, start)}
    peer.take(sizes.transfer, digest=digest)
    if is_raw(system):
        system.client.write_raw(sizes.transfer)
    else:
        system.client.upload(sizes.transfer)
    taken = peer.result()
    rate = _rate(sizes.transfer, start)
    verify(taken, sizes.transfer, digest=digest)
    return {"upload": rate}


def push(system: System, peer: Peer, sizes: Sizes, *, digest: bool = False) -> dict[str, float]:
    """From the far end by `+IPD`, in MiB/s. socat: raw."""
    start = time.perf_counter()
    peer.send(sizes.transfer)
    if is_raw(system):
        taken = system.client.read_raw(sizes.transfer, digest=digest)
    else:
        taken = system.client.take_pushed(sizes.transfer, digest=digest)
    rate = _rate(sizes.transfer, start)
    peer.result()
    verify(taken, sizes.transfer, digest=digest)
    return {"push": rate}


def pull(system: System, peer: Peer, sizes: Sizes, *, digest: bool = False) -> dict[str, float]:
    """From the far end by `AT+CIPRECVDATA` of 2048 in passive mode, in MiB/s.

    socat: 2048 bytes for each question of that length, which the far end answers.
    """
    if is_raw(system):
        return _asked(system, peer, sizes, digest=digest)
    system.client.command("AT+CIPRECVMODE=1")
    start = time.perf_counter()
    peer.send(sizes.transfer)
    taken = system.client.take_pulled(sizes.transfer, digest=digest)
    rate = _rate(sizes.transfer, start)
    peer.result()
    system.client.command("AT+CIPRECVMODE=0")
    verify(taken, sizes.transfer, digest=digest)
    return {"pull": rate}


def _asked(system: System, peer: Peer, sizes: Sizes, *, digest: bool) -> dict[str, float]:
    # Each answer begins with the pattern's first byte, so there is no digest of the whole.
    start = time.perf_counter()
    peer.answer(sizes.transfer // SEND_SIZE, SEND_SIZE)
    taken = raw.take_asked(system.client, sizes.transfer, digest=digest)
    rate = _rate(sizes.transfer, start)
    peer.result()
    verify(taken, sizes.transfer, digest=False)
    return {"pull": rate}


def five_up(system: System, peer: Peer, sizes: Sizes, *, digest: bool = False) -> dict[str, float]:
    """Up on five links by turns: MiB/s of all, and how even their rates are in percent."""
    count = _on_each(sizes)
    start = time.perf_counter()
    peer.take(count, digest=digest)
    seconds = five_links.upload_by_turns(system.client, count)
    taken = peer.results()
    rate = _rate(count * five_links.LINKS, start)
    for each in taken:
        verify(each, count, digest=digest)
    return {
        "five-up": rate,
        "five-up-evenness": five_links.evenness([1 / each for each in seconds]),
    }


def five_down(
    system: System, peer: Peer, sizes: Sizes, *, digest: bool = False
) -> dict[str, float]:
    """Down on five links at once: MiB/s of all, and how even they are when the first ends."""
    count = _on_each(sizes)
    start = time.perf_counter()
    peer.send(count)
    shared = five_links.take_multiplexed(system.client, count, digest=digest)
    rate = _rate(count * five_links.LINKS, start)
    peer.results()
    for each in shared.taken:
        verify(each, count, digest=digest)
    return {"five-down": rate, "five-down-evenness": five_links.evenness(shared.at_first_end)}


def _on_each(sizes: Sizes) -> int:
    return sizes.transfer // five_links.LINKS // BLOCK * BLOCK


def _rate(count: int, start: float) -> float:
    return count / MEBIBYTE / (time.perf_counter() - start)
