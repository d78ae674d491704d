"""The time of day may jump by years: only what is shown to somebody may be taken from it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

GATEWAY = Path(__file__).parent.parent / "gateway"

WALL_CLOCK = {
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "localtime"),
    ("time", "gmtime"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
}

SHOWN = {
    "doctor/this_host.py": "when certificates end, and whether the clock is right",
    "services/clock.py": "the time that the commands answer",
    "services/sparing.py": "the moment at which a record of the log is written",
    "services/trace.py": "what time a monitor's clock shows at its beginning",
}


def uses(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id, node.attr) in WALL_CLOCK:
                yield node.value.id, node.attr
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            # by its bare name it would be used unseen
            named = ((node.module, each.name) for each in node.names)
            yield from (name for name in named if name in WALL_CLOCK)


def test_nothing_is_measured_by_the_time_of_day() -> None:
    using = {
        str(file.relative_to(GATEWAY))
        for file in GATEWAY.rglob("*.py")
        if any(uses(ast.parse(file.read_text(encoding="utf-8"))))
    }
    assert using == set(SHOWN)


def test_a_use_is_found() -> None:
    for text in ("x = time.time()", "f(time.time)", "datetime.now(UTC)", "from time import time"):
        assert list(uses(ast.parse(text))), text
    assert not list(uses(ast.parse("time.monotonic(); loop.time(); from datetime import UTC")))
    assert not list(uses(ast.parse("from time import monotonic")))
