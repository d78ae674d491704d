"""The waiting between two tries: how long, and how loud."""

from __future__ import annotations

import logging

import pytest

from gateway.services.backoff import Backoff


def test_it_waits_twice_as_long_each_time_up_to_the_last() -> None:
    backoff = Backoff(1.0, 5.0)
    assert [backoff.after("no") for _ in range(4)] == [1.0, 2.0, 4.0, 5.0]
    backoff.reset()
    assert backoff.after("no") == 1.0


def test_a_reason_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    backoff = Backoff(1.0, 5.0)
    with caplog.at_level(logging.INFO):
        backoff.after("no")
        backoff.after("no")
    assert caplog.messages == ["no"]


def test_what_may_pass_is_told_when_it_does_not(caplog: pytest.LogCaptureFixture) -> None:
    backoff = Backoff(1.0, 15.0)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            backoff.after("not ready", passing=True)
        assert caplog.messages == []
        backoff.after("not ready", passing=True)
    assert [(each.levelname, each.message) for each in caplog.records] == [("WARNING", "not ready")]
