"""What every end has in common: in time, in order, and nothing is left."""

from __future__ import annotations

import signal
import time

from tests.system.gateway_process import GatewayProcess

ENDS_WITHIN = 2.0
"""Seconds from the signal to the end of the process."""


def assert_ends_soon(gateway: GatewayProcess, number: signal.Signals = signal.SIGTERM) -> None:
    """The signal ends it in time with status 0, and nothing of it is left."""
    begun = time.monotonic()
    status = gateway.ends(number)
    seconds = time.monotonic() - begun
    assert status == 0
    assert seconds < ENDS_WITHIN
    assert " info gateway: stopped\n" in gateway.log
    assert "Traceback" not in gateway.log
    assert not gateway.line.is_symlink()


def assert_clean_end(gateway: GatewayProcess, number: signal.Signals = signal.SIGTERM) -> None:
    """As above, and there is nothing more to say of it."""
    assert_ends_soon(gateway, number)
    assert gateway.log.splitlines()[-1].endswith(" info gateway: stopped")
