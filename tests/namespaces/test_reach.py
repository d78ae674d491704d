"""A board reaches the far end of the cable, and not the machine that it hangs on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.namespaces.gateway import Microcontroller, WorldGateway
from tests.namespaces.world import FAR, World
from tests.system.line_client import OK

PORT = 8080
SECOND = "10.42.7.201"
"""Another address on the cable. What goes there comes from the first one."""
ROUTED = "10.99.0.7"
"""One that no interface has, and that leads to this machine all the same."""

REFUSED = b"connect fail\r\n\r\nERROR\r\nCLOSED\r\n"
CONNECTED = b"CONNECT\r\n" + OK


@pytest.fixture
def server_at_both_ends(world: World) -> Iterator[World]:
    """A web server on each side of the cable, and two more addresses on the near one."""
    world.run("ip", "address", "add", f"{SECOND}/24", "dev", "eth0")
    world.run("ip", "route", "add", "local", "10.99.0.0/16", "dev", "lo")
    server = (sys.executable, "-u", "-m", "http.server", str(PORT))
    with world.running("near", *server), world.running("far", *server, far=True):
        world.until(lambda: "Serving" in world.log("near"))
        world.until(lambda: "Serving" in world.log("far"))
        yield world


@pytest.mark.parametrize("allowed", [False, True], ids=["default", "allowed"])
def test_this_machine_is_out_of_reach(
    server_at_both_ends: World, tmp_path: Path, allowed: bool
) -> None:
    world = server_at_both_ends
    gateway = WorldGateway(world, tmp_path / "gateway")
    if allowed:
        with gateway.configuration.open("a", encoding="utf-8") as configuration:
            configuration.write("[links]\nallow_loopback = true\n")
    own = ("127.0.0.1", world.address(), SECOND, ROUTED)
    with gateway, Microcontroller.online(gateway) as client:
        for host in ("localhost", *own):
            start = f'AT+CIPSTART="TCP","{host}",{PORT}'
            if allowed:
                client.ask(start, CONNECTED)
                client.ask("AT+CIPCLOSE", b"CLOSED\r\n" + OK)
            else:
                client.ask(start, REFUSED)
        client.ask(f'AT+CIPSTART="TCP","{FAR}",{PORT}', CONNECTED)
        gateway.wait_for_log(f"link 0 TCP to {FAR}")
        log = gateway.log
    for ip in own:
        why = f"{ip} port {PORT}: that is this machine itself, and [links] allow_loopback is off"
        assert (why in log) is not allowed
