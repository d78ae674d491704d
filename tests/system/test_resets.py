"""Sessions without end: what one leaves behind is given back before there is much of it."""

from __future__ import annotations

from pathlib import Path

from tests.system.gateway_process import GatewayProcess
from tests.system.line_client import OK, Client

WARM_UP, RESETS = 300, 1500
MOST_MEMORY = 1 << 19


def test_resets_take_no_memory(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway, gateway.connect() as client:
        client.greet()
        reset(client, WARM_UP)
        before = gateway.resident_bytes()
        reset(client, RESETS)
        grown = gateway.resident_bytes() - before
    print(f"\n{RESETS} resets: memory {grown / 1024:+.0f} KiB")
    assert grown < MOST_MEMORY
    assert "Traceback" not in gateway.log


def reset(client: Client, times: int) -> None:
    """AT+RST, and the next when what it says is said."""
    for _ in range(times):
        client.send(b"AT+RST\r\n")
        client.until(OK)
        client.until(b"+ETH_GOT_IP:192.168.101.20\r\n")
