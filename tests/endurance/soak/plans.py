"""What there is to be played, by weight, and how much of it."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass

from tests.endurance.soak.talk import Plan

KIB, MIB = 1 << 10, 1 << 20

_TCP = {
    "echo": 10,
    "source": 10,
    "sink": 8,
    "sip": 4,
    "both ways": 10,
    "half-close": 5,
    "flood": 3,
    "drip": 2,
    "stall": 1,
    "reset": 6,
    "reset at once": 2,
    "close at once": 3,
    "refused": 2,
}
_TLS = {
    "echo": 8,
    "source": 8,
    "sink": 6,
    "both ways": 8,
    "flood": 2,
    "drip": 1,
    "stall": 0.5,
    "reset": 4,
    "close at once": 2,
    "corrupt TLS": 4,
    "garbage TLS": 2,
    "torn TLS": 2,
    "mute TLS": 1,
}
_OUTSIDE = {
    "echo": 8,
    "source": 8,
    "sink": 6,
    "both ways": 8,
    "half-close": 4,
    "drip": 1,
    "stall": 0.5,
    "reset": 6,
    "close at once": 3,
}
NO_LINK = frozenset(("refused", "garbage TLS", "torn TLS", "mute TLS"))
"""Kinds that AT+CIPSTART must refuse."""
GONE_AT_ONCE = frozenset(("reset at once", "close at once"))
"""Kinds that AT+CIPSTART may or may not still see."""


@dataclass(frozen=True)
class Scale:
    """How much one link carries: bytes in an ordinary talk, and in a flood."""

    ordinary: int = 96 * KIB
    flood: int = 4 * MIB


def client_plan(chance: random.Random, scale: Scale) -> Plan:
    """A link that the microcontroller opens."""
    tls = chance.random() < 0.4
    return _plan(chance, scale, _TLS if tls else _TCP, tls)


def outside_plan(chance: random.Random, scale: Scale) -> Plan:
    """A client of one of our servers."""
    # Its slot may be another client's a moment later: no abort, which would be that one's.
    return dataclasses.replace(_plan(chance, scale, _OUTSIDE, tls=False), abort=False)


def _plan(
    chance: random.Random, scale: Scale, weights: dict[str, float] | dict[str, int], tls: bool
) -> Plan:
    kind = chance.choices(list(weights), list(weights.values()))[0]
    some = int(scale.ordinary * chance.random() ** 3) + 1
    more = int(scale.ordinary * chance.random() ** 3) + 1
    largest = chance.choice((1, 17, 200, 536, 1460, 2047, 2048, 2048))
    if largest < 100:
        some = min(some, 20 * largest)
    abort = chance.random() < 0.1
    if kind in ("source", "flood"):
        down = some if kind == "source" else int(scale.flood * (0.1 + 0.9 * chance.random()))
        leaves = chance.choice(("far", "far", "far", "early"))
        return Plan(kind, tls, down=down, leaves=leaves, patience=down // 2, abort=abort)
    if kind in ("sink", "sip"):
        return Plan(kind, tls, up=some, largest=largest, leaves="done")
    if kind == "echo":
        return Plan(kind, tls, up=some, largest=largest, leaves="done", abort=abort)
    if kind == "drip":
        up = 0 if tls else chance.randrange(300)
        return Plan(kind, tls, up=up, down=chance.randint(3, 12), largest=largest)
    if kind == "stall":
        leaves = chance.choice(("far", "early"))
        return Plan(kind, tls, up=16 * MIB, leaves=leaves, patience=64 * KIB, abort=abort)
    if kind == "half-close":
        return Plan(kind, tls, up=some, down=more // 4, largest=largest)
    return Plan(kind, tls, up=some, down=more, largest=largest)
