"""A machine with a cable and without a radio."""

from __future__ import annotations

import time
from pathlib import Path

from tests.namespaces.gateway import Microcontroller, WorldGateway
from tests.namespaces.world import World
from tests.system.line_client import OK

ERROR = b"\r\nERROR\r\n"


def test_what_takes_a_radio_is_refused_at_once_and_the_cable_works(
    world: World, tmp_path: Path
) -> None:
    with WorldGateway(world, tmp_path / "gateway") as gateway:
        with Microcontroller.online(gateway) as client:
            begun = time.monotonic()
            client.ask("AT+CWJAP?", b"No AP\r\n" + OK)
            client.ask("AT+CWLAP", ERROR)
            client.ask('AT+CWJAP="home","password"', b"\r\n+CWJAP:4\r\n\r\nFAIL\r\n")
            client.ask("AT+CWQAP")
            assert client.query("AT+CIPSTATUS") == "STATUS:5\r\n"
            assert time.monotonic() - begun < 5
            client.ask("AT+CWMODE=2")
            client.ask('AT+CWSAP="mine","password",5,3', ERROR)
            assert client.address() == world.address()
            client.ask("AT+RST")
            client.expect(b"\r\nready\r\n")
            assert client.connected() == world.address()
        assert "no Wi-Fi device wlan0" in gateway.log
        assert "Traceback" not in gateway.log
