"""What a running service takes over of a configuration that has changed."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from gateway.config import (
    Config,
    LinkOptions,
    LogOptions,
    StorageOptions,
    TlsOptions,
    UartOptions,
)
from gateway.reload import reloaded


def test_what_links_may_do_is_taken_over(caplog: pytest.LogCaptureFixture) -> None:
    after = Config(
        links=LinkOptions(allow_loopback=True),
        tls=TlsOptions(require_authentication=True, minimum_version="1.3"),
    )
    with caplog.at_level(logging.INFO, "gateway"):
        assert reloaded(Config(), after) == after
    assert caplog.messages == ["configuration read again: links, tls changed"]


@pytest.mark.parametrize(
    ("folder", "unit"),
    [
        ("/var/lib/esp-at-gateway", "esp-at-gateway"),
        ("/var/lib/esp-at-gateway-ttyUSB0", "esp-at-gateway@ttyUSB0"),
        ("/var/lib/esp-at-gateway-a\\x2db", "'esp-at-gateway@a\\x2db'"),
    ],
)
def test_what_waits_is_named_with_the_command_for_this_gateway(
    folder: str, unit: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = Config(storage=StorageOptions(state_dir=Path(folder)))
    after = Config(uart=UartOptions(baud=9600), log=LogOptions("debug"), storage=before.storage)
    with caplog.at_level(logging.WARNING, "gateway"):
        taken = reloaded(before, after)
    assert (taken.uart, taken.log) == (before.uart, after.log)
    assert caplog.messages == [f"[uart] changed too, and wait for: sudo systemctl restart {unit}"]
