"""What `make bench-check` says of what it has counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.check import callgrind, judging, syscalls
from benchmarks.check.conversation import PLAIN
from benchmarks.check.judging import Baseline, Counted, Figure
from benchmarks.check.report import Report

QUERY = PLAIN[0]
TRACE = """\
7 read(6, "AT+CIPMUX?\\r\\n", 4096) = 12
7 write(6, "+CIPMUX:0\\r\\n\\r\\nOK\\r\\n", 17) = 17
7 epoll_wait(3, [{events=EPOLLIN}], 3, -1) = 1
7 read(6, "AT\\r\\n", 4096)           = 4
7 clock_gettime(CLOCK_MONOTONIC, {}) = 0
7 write(6, "\\r\\nOK\\r\\n", 6 <unfinished ...>
8 futex(0x1, FUTEX_WAIT, 0, NULL <unfinished ...>
7 <... write resumed>)             = 6
7 --- SIGCHLD {si_signo=SIGCHLD} ---
7 read(6, "AT\\r\\n", 4096)           = 4
7 mmap(NULL, 262144) = 0x7f
7 write(6, "\\r\\nOK\\r\\n", 6)        = 6
7 read(6, "AT\\r\\n", 4096)           = 4
7 read(6, "AT+CIPMUX?\\r\\n", 4096) = 12
7 +++ exited with 0 +++
"""


def test_a_trace_is_cut_into_rounds() -> None:
    (section,) = syscalls.sections(syscalls.calls(TRACE.splitlines()))
    assert section[0][0] == "write"
    assert syscalls.rounds_of(QUERY, section) == [
        Counter(read=1, write=1, futex=1),
        Counter(read=1, mmap=1, write=1),
    ]


def test_the_usual_round_is_the_most_frequent_and_the_mean_is_of_all() -> None:
    usual, rare = Counter(read=1, write=1), Counter(read=1, write=1, mmap=2)
    traced = syscalls.summed([usual, rare, usual, usual])
    assert traced.usual == usual
    assert traced.mean == 2.5
    assert traced.memory == 2


def test_callgrinds_calls_are_found_by_the_numbers_of_their_names() -> None:
    part = """\
fn=(1) main
cfn=(2) malloc
calls=3 10
0 5
fn=(3) other
cfn=(2)
calls=4 10
cfn=(4) free
calls=9 10
cfn=(5) realloc'2
calls=1 10
summary: 1234
"""
    assert callgrind._allocations_in(part) == 8
    assert callgrind._instructions_in(part) == 1234


@pytest.mark.parametrize(
    ("figure", "before", "wrong"),
    [
        (Figure("x", 110), 100.0, ""),
        (Figure("x", 111), 100, "worse"),
        (Figure("x", 4), 3, "worse"),
        (Figure("x", 1), 0, "worse"),
        (Figure("x", 3, chance=3), 0, ""),
        (Figure("x", 4, chance=3), 0, "worse"),
        (Figure("x", 9, most=8), 9, "over the limit of 8"),
        (Figure("x", 9, most=8), None, "over the limit of 8"),
        (Figure("x", 9), None, ""),
    ],
)
def test_over_ten_percent_more_is_worse(figure: Figure, before: float | None, wrong: str) -> None:
    assert judging.judge(figure, before).wrong == wrong


def test_modules_are_judged_by_name(tmp_path: Path) -> None:
    baseline = Baseline(tmp_path / "baseline.json")
    old = ["asyncio", "gateway", "json"]
    baseline.write([Counted("modules", [Figure("start", 3)], {"start": old})], {})
    report = Report(Baseline(tmp_path / "baseline.json"))
    report.judge(Counted("modules", [Figure("start", 3)], {"start": [*old, "gateway.new", "gc"]}))
    assert report.wrong == []
    now = [*old, "cryptography", "cryptography.x509", "email"]
    report.judge(Counted("modules", [Figure("start", 3)], {"start": now}))
    assert report.wrong == [
        "start: imported, and must not be: cryptography",
        "start: new modules of others: cryptography (2), email",
    ]


def test_what_was_not_counted_stays_in_the_baseline(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    baseline = Baseline(file)
    assert not baseline.known
    baseline.write([Counted("calls", [Figure("query", 3)])], {})
    baseline.write([Counted("bytes", [Figure("rest", 2.346)])], {})
    again = Baseline(file)
    assert again.known
    assert again.figure("calls", "query") == 3
    assert again.figure("bytes", "rest") == 2.35
    assert again.figure("bytes", "unknown") is None


def test_a_figure_aside_is_told_only_when_it_is_worse(tmp_path: Path) -> None:
    baseline = Baseline(tmp_path / "baseline.json")
    baseline.write([Counted("calls", [Figure("mean", 3)])], {})
    report = Report(baseline)
    assert report.judge(Counted("calls", [Figure("mean", 3, aside=True)])) == "calls"
    assert "worse" in report.judge(Counted("calls", [Figure("mean", 4, aside=True)]))
    assert report.wrong == ["calls: mean: 4, worse, the baseline has 3"]
