"""What a soak has to tell at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.endurance.soak.rounds import Soak
from tests.endurance.soak.trend import Trend, trend

MIB = 1 << 20
MOST_GROWTH, MOST_IN_MINUTES = 1.0, 2.0
"""MiB that the memory at rest may grow over a run after its warm-up, where its slope is sure. In
a run of minutes the allocator is still making room for each of the threads."""
_LONG = 600.0
_WARM_UP = 0.25
_FEWEST = 6
"""Samples of which a slope can be sure."""
_LOG_LINES = 30


def verdicts(soak: Soak) -> list[str]:
    """What is wrong, in sentences; none if all is well."""
    found = list(soak.stage.failures)
    memory = memory_trend(soak)
    if (status := soak.stage.rig.gateway.process.poll()) is not None:
        found.append(f"the gateway has ended, status {status}")
    if memory is not None and memory.grows(_bound(soak) * MIB):
        found.append(f"memory grows by {memory.growth / MIB:.2f} MiB over the run")
    return found


def _bound(soak: Soak) -> float:
    return MOST_GROWTH if soak.rests.memory[-1][0] >= _LONG else MOST_IN_MINUTES


def memory_trend(soak: Soak) -> Trend | None:
    """That of the samples behind the first quarter of the run."""
    samples = soak.rests.memory
    since = samples[-1][0] * _WARM_UP if samples else 0.0
    behind = [sample for sample in samples if sample[0] >= since]
    return trend(behind) if len(behind) >= _FEWEST else None


def lines(soak: Soak, *, rig: str, seed: int, seconds: float) -> Iterator[str]:
    """The summary."""
    links = soak.stage.links
    yield f"soak: {seconds / 60:.1f} minutes, rig {rig}, seed {seed}"
    yield f"  rounds        {_listed(soak.rounds)}"
    yield (
        f"  links         {links.opened} opened; {links.bytes_up / MIB:.1f} MiB sent, "
        f"{links.bytes_down / MIB:.1f} MiB received, each byte compared"
    )
    yield f"  disturbances  {_listed(soak.stage.disturbances) or 'none'}"
    yield f"  left half open by a lost network: {_listed(links.half_open) or 'none'}"
    yield f"  beside        {_listed(soak.bystander.done)}"
    yield f"  network news  {_listed(links.networks) or 'none'}"
    yield f"  AT at rest    answered in {soak.rests.slowest * 1000:.0f} ms at most"
    yield f"  memory        {_memory(soak)}"
    yield f"  descriptors   {_descriptors(soak)}"
    yield ""
    yield from _endings(links.endings)


def last_words(soak: Soak) -> Iterator[str]:
    """The end of the conversation and of the log, for one that went wrong."""
    yield "The end of the conversation, without payload:"
    yield from (f"  {line}" for line in soak.stage.links.mcu.transcript)
    yield "The end of the gateway's log:"
    yield from (f"  {line}" for line in soak.stage.rig.gateway.log.splitlines()[-_LOG_LINES:])


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in sorted(counts))


def _slope(found: Trend | None, unit: str, scale: float) -> str:
    if found is None:
        return "too few samples for a slope"
    return f"slope {found.slope / scale:+.3f} ± {found.error / scale:.3f} {unit}/hour"


def _memory(soak: Soak) -> str:
    if not soak.rests.memory:
        return "not measured"
    sizes = [size / MIB for _, size in soak.rests.memory]
    return (
        f"{sizes[0]:.2f} MiB at the start, {sizes[-1]:.2f} at the end, {max(sizes):.2f} at most "
        f"({len(sizes)} samples at rest); {_slope(memory_trend(soak), 'MiB', MIB)}; "
        f"{_bound(soak):g} MiB of sure growth are too much"
    )


def _descriptors(soak: Soak) -> str:
    if not soak.rests.descriptors:
        return "not measured"
    counts = [count for _, count in soak.rests.descriptors]
    slope = _slope(trend([(at, float(count)) for at, count in soak.rests.descriptors]), "", 1)
    return f"{counts[0]} at the start, {counts[-1]} at the end; {slope}"


def _endings(endings: Counter[tuple[str, str]]) -> Iterator[str]:
    hows = sorted({how for _, how in endings})
    widths = [max(len(how), 5) for how in hows]
    yield f"  {'far end':25}" + "".join(
        f"  {how:>{width}}" for how, width in zip(hows, widths, strict=True)
    )
    for kind in sorted({kind for kind, _ in endings}):
        counts = (endings[kind, how] or "" for how in hows)
        yield f"  {kind:25}" + "".join(
            f"  {count!s:>{width}}" for count, width in zip(counts, widths, strict=True)
        )
