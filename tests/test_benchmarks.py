"""What the benchmarks make of what they measure: figures, verdicts, tables, documents."""

from __future__ import annotations

import dataclasses
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks import far_end, five_links, performance, report, small_pi
from benchmarks.check import conversation
from benchmarks.client import Client, UnexpectedReply
from benchmarks.figures import figure
from benchmarks.line_share import SEND_BYTES, share
from benchmarks.results import About, Results
from benchmarks.sections import tables
from benchmarks.targets import Verdict, verdicts

ABOUT = About(
    command="python -m benchmarks",
    date="2026-01-02",
    rounds=15,
    quick=False,
    apart=False,
    processor="A processor",
    processors=2,
    python="3.11.2",
    kernel="6.1",
    load=0.5,
)


def results_of(values: dict[tuple[str, str], list[float]]) -> Results:
    results = Results(ABOUT)
    for (metric, system), series in values.items():
        for number, value in enumerate(series):
            results.add(metric, system, number, value)
    return results


def verdict_of(results: Results, name: str) -> Verdict:
    return next(verdict for verdict in verdicts(results) if verdict.name.startswith(name))


def test_a_figure_is_the_median_with_quartiles_and_the_interval_of_order_statistics() -> None:
    found = figure([float(value) for value in range(15, 0, -1)])
    assert (found.lower_quartile, found.median, found.upper_quartile) == (4.5, 8.0, 11.5)
    assert (found.low, found.high) == (4.0, 12.0)  # of 15 values the 4th and the 12th


def test_few_rounds_have_all_of_their_values_as_their_interval() -> None:
    found = figure([3.0, 1.0, 2.0])
    assert (found.low, found.median, found.high) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("ours", "word"),
    [
        ([3.0] * 15, "yes"),
        ([2.9] * 15, "NO"),
        ([2.9] * 5 + [3.1] * 10, "yes, not surely"),
        ([2.9] * 10 + [3.1] * 5, "NO, not surely"),
    ],
)
def test_a_target_is_judged_by_the_median_of_the_rounds_own_ratios(
    ours: list[float], word: str
) -> None:
    theirs = [2.0 * factor for factor in range(1, 16)]
    scaled = [one * factor for factor, one in enumerate(ours, 1)]
    results = results_of({("upload", "gateway"): scaled, ("upload", "espemu-pty"): theirs})
    verdict = verdict_of(results, "up: gateway / espemu, both on a pty")
    assert verdict.target == "≥ 1.5"
    assert verdict.word == word


def test_a_limit_from_above_is_judged_the_other_way_round() -> None:
    results = results_of({("rest-rss", "networkmanager-device"): [27.0, 28.5, 28.0]})
    verdict = verdict_of(results, "memory at rest, NetworkManager")
    assert (verdict.target, verdict.word) == ("≤ 28 MiB", "yes, not surely")


def test_what_could_not_run_is_told_with_its_reason_and_what_was_not_asked_for_is_not() -> None:
    results = Results(ABOUT)
    results.absent["reply", "echo"] = "C program echo: there is no cc"
    found = verdicts(results)
    assert [(verdict.name, verdict.word) for verdict in found] == [
        ("AT to OK / C echo", "not measured")
    ]
    assert found[0].reason == "C program echo: there is no cc"
    assert "echo, reply: C program echo: there is no cc" in report.table(results)


def test_the_lines_share_is_the_wires_part_of_the_time() -> None:
    assert SEND_BYTES == 2103
    wire_milliseconds = 21030 / 115.2
    assert share(wire_milliseconds, SEND_BYTES, 115200) == pytest.approx(50)
    # As quick as the C program, by chance.
    assert share(-0.01, SEND_BYTES, 115200) == pytest.approx(100)


def test_json_brings_back_every_value_and_every_reason() -> None:
    results = results_of({("reply", "gateway"): [0.1, 0.2], ("start-cpu", "asyncio"): [0.05]})
    results.absent["pull", "socat"] = "failed: why"
    again = Results.from_json(json.loads(json.dumps(report.as_json(results))))
    assert again == results


def test_rows_and_columns_without_a_figure_are_left_out() -> None:
    results = results_of({("push", "gateway"): [10.0], ("push", "socat"): [20.0]})
    transfers = next(table for table in tables(results) if table.title.startswith("Transfers"))
    assert transfers.rows == (
        ("", "gateway, pty", "socat"),
        ("down, +IPD (socat: raw)", "10.00 (10.00 to 10.00)", "20.0 (20.0 to 20.0)"),
    )


def test_the_document_tells_a_miss_plainly() -> None:
    results = results_of({("reply", "gateway"): [0.3] * 15, ("reply", "echo"): [0.1] * 15})
    text = performance.document(results)
    assert "Of 1 targets 0 are reached." in text
    assert "- AT to OK / C echo: 3.000, 3.000 to 3.000; the target is ≤ 2\n" in text
    assert "| AT to OK / C echo | ≤ 2 | 3.000 | 3.000 to 3.000 | NO |" in text
    assert "| AT to OK, median | 0.300 (0.300 to 0.300) | 0.100 (0.100 to 0.100) |" in text
    assert "2026-01-02" in text
    assert "not one to quote" not in text


def test_the_document_tells_what_a_program_in_c_reaches_where_the_upload_is_missed() -> None:
    names = ("gateway", "espemu-pty", "c-module", "gateway-tcp", "espemu", "c-module-tcp")
    rates = dict(zip(names, (1.0, 1.0, 1.4, 2.0, 1.0, 1.7), strict=True))
    missed = results_of({("upload", name): [rate] * 15 for name, rate in rates.items()})
    assert (
        "in C that can do nothing but this reaches 1.400 on a pty, in the"
        in performance.document(missed)
    )
    rates["gateway"] = 1.6
    reached = results_of({("upload", name): [rate] * 15 for name, rate in rates.items()})
    assert "in C that can do nothing" not in performance.document(reached)


def test_the_document_of_a_quick_run_says_so() -> None:
    quick = Results(dataclasses.replace(ABOUT, quick=True))
    assert "not one to quote" in performance.document(quick)


def test_the_document_of_a_busy_machine_says_so() -> None:
    assert "other work" not in performance.document(Results(ABOUT))
    busy = Results(dataclasses.replace(ABOUT, load=1.1))
    assert "other work" in performance.document(busy)


def test_counts_are_shown_as_the_rate_that_a_full_line_makes_of_them(tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.json"
    counts = {
        "instructions a round": {"AT": 1500, "new": 7},
        "system calls a round": {"AT, pty": 3},
    }
    baseline.write_text(json.dumps({"cpython-3.11-x86_64": {"figures": counts}}))
    (table,) = small_pi.tables(baseline)
    assert table.title == "cpython-3.11-x86_64"
    # 10 bytes of 10 bits at 115200 baud are 868 µs.
    assert table.rows[1:] == (
        ("AT", "1,500", "3", "-", "1.73", "13.82", "45"),
        ("new", "7", "-", "-", "-", "-", "-"),
    )


def test_the_rounds_on_the_wire_are_among_those_that_are_counted() -> None:
    assert set(small_pi.WIRE_BYTES) <= {kind.name for kind in conversation.ROUNDS}


def multiplexed(*pieces: bytes, count: int) -> five_links.Shared:
    """What is read of `pieces` in as many reads."""
    with ThreadPoolExecutor(1) as reader:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            client = Client(ours.detach())
            shared = reader.submit(five_links.take_multiplexed, client, count, digest=True)
            for piece in pieces:
                theirs.send(piece)
            try:
                return shared.result(10)
            finally:
                client.close()


def test_links_are_told_apart_wherever_a_read_ends() -> None:
    messages = b"".join(b"\r\n+IPD,%d,4:%b" % (link, b"%d234" % link) for link in (0, 1, 2, 3, 4))
    whole = multiplexed(messages, count=4)
    for end in (1, 6, 11, 14, 40, 43):
        assert multiplexed(messages[:end], messages[end:], count=4) == whole
    assert [taken.count for taken in whole.taken] == [4] * 5
    assert len({taken.digest for taken in whole.taken}) == 5
    assert whole.at_first_end == [4, 0, 0, 0, 0]


def test_what_is_no_data_of_a_link_is_refused() -> None:
    with pytest.raises(UnexpectedReply):
        multiplexed(b"\r\n+IPD,0,4:abcd" + b"3,CLOSED:" + bytes(60), count=4)


def test_evenness_is_the_slowest_in_percent_of_the_fastest() -> None:
    assert five_links.evenness([2.0, 4.0, 3.0]) == 50


def test_the_far_end_takes_what_it_sends() -> None:
    count = 3 * far_end.BLOCK + 2048
    giving, taking = socket.socketpair()
    with giving, taking, ThreadPoolExecutor(1) as sender:
        sent = sender.submit(far_end.send, giving, count)
        taken = far_end.take(taking, count, digest=True)
        assert sent.result(10).count == count
        assert taken == far_end.Taken(count, far_end.digest_of_pattern(count))
        # Else the next one would wait for a whole block.
        assert taking.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1
