"""NetworkManager or its bus is stuck, or never comes back: the line and the links go on."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.namespaces.gateway import Microcontroller, WorldGateway
from tests.namespaces.world import FAR, World
from tests.system.line_client import LIMIT, OK

ERROR = b"\r\nERROR\r\n"
FIXED = "10.42.7.9"
ENDS_WITHIN = 2.0
"""Seconds to the end of the service where nobody answers it."""

GIVES_BACK_WITHIN = 5.0
"""A gateway that is no unit gives the network back itself, and may take 9 s for it; these tests
look for an end that waits for an answer which does not come."""

ANSWERS_WITHIN = 4.0
"""The serial contract gives 0.8 s (section 1), and a command stores with two fsyncs before it
answers, which a busy disk draws out; one that waits for what is stuck takes 20 s."""

PORT = 4242

ECHO = f"""
import socket
server = socket.create_server(("{FAR}", {PORT}))
peer, _ = server.accept()
while data := peer.recv(4096):
    peer.sendall(data)
"""


@contextlib.contextmanager
def echoed(world: World, client: Microcontroller) -> Iterator[Callable[[], None]]:
    """A link to the far end of the cable; what is given sends and hears something."""
    with world.running("echo", sys.executable, "-c", ECHO, far=True):
        listening = ("ss", "-Hltn", f"sport = :{PORT}")
        world.until(lambda: bool(world.run(*listening, far=True)))
        client.ask(f'AT+CIPSTART="TCP","{FAR}",{PORT}', b"CONNECT\r\n" + OK)

        def echo() -> None:
            client.send_payload(b"still here")
            client.expect(b"\r\n+IPD,10:still here")

        echo()
        yield echo


@contextlib.contextmanager
def stuck(world: World, name: str) -> Iterator[None]:
    """A process of the world's stands still."""
    world.send_signal(name, signal.SIGSTOP)
    try:
        yield
    finally:
        world.send_signal(name, signal.SIGCONT)


def assert_quick(client: Microcontroller, *dialogue: tuple[str, bytes]) -> None:
    """Each is answered, and none waits for what is stuck."""
    for command, reply in dialogue:
        begun = time.monotonic()
        client.ask(command, reply)
        assert time.monotonic() - begun < ANSWERS_WITHIN, command


def assert_ends_soon(gateway: WorldGateway, within: float = ENDS_WITHIN) -> None:
    begun = time.monotonic()
    assert gateway.ends() == 0
    assert time.monotonic() - begun < within
    assert "Traceback" not in gateway.log


def test_the_bus_never_comes_back(world: World, tmp_path: Path) -> None:
    """Links keep on, joins have their word, and what is set is remembered."""
    with (
        WorldGateway(world, tmp_path / "gateway") as gateway,
        Microcontroller.online(gateway) as client,
        echoed(world, client) as echo,
    ):
        client.ask('AT+CIPSNTPCFG=1,0,"192.0.2.1"')
        world.kill_bus()
        client.expect(b"+ETH_DISCONNECTED\r\n")
        echo()
        assert_quick(
            client,
            ("AT", OK),
            ("AT+CWJAP?", b"No AP\r\n" + OK),
            ("AT+CIPDNS?", OK),
            (f'AT+CIPETH="{FIXED}"', OK),
            ("AT+CWMODE=1", OK),
            ("AT+CWQAP", OK),
            ('AT+CIPSNTPCFG=1,0,"192.0.2.2"', OK),
        )
        begun = time.monotonic()
        client.ask("AT+CWLAP", ERROR)
        client.ask('AT+CWJAP="home","password"', b"\r\n+CWJAP:4\r\n\r\nFAIL\r\n")
        assert time.monotonic() - begun < LIMIT
        echo()
        assert_ends_soon(gateway, GIVES_BACK_WITHIN)
    assert "D-Bus" in gateway.log


@pytest.mark.parametrize("name", ["NetworkManager", "dbus-daemon"])
def test_what_stands_still_holds_nobody_up(name: str, world: World, tmp_path: Path) -> None:
    """And once it goes on, what was asked for meanwhile comes true."""
    with (
        WorldGateway(world, tmp_path / "gateway") as gateway,
        Microcontroller.online(gateway) as client,
        echoed(world, client) as echo,
    ):
        leased = world.address()
        with stuck(world, name):
            assert_quick(
                client,
                ("AT", OK),
                (f'AT+CIPETH="{FIXED}"', OK),
                ("AT+CWMODE=1", OK),
                ("AT+CIPMODE?", b"+CIPMODE:0\r\n" + OK),
            )
            echo()
            assert world.address() == leased
        assert client.got_address() == FIXED
        assert world.address() == FIXED
        assert_ends_soon(gateway, GIVES_BACK_WITHIN)


def test_sigterm_while_an_address_is_being_set(world: World, tmp_path: Path) -> None:
    with (
        WorldGateway(world, tmp_path / "gateway") as gateway,
        Microcontroller.online(gateway) as client,
    ):
        client.ask(f'AT+CIPETH="{FIXED}"')
        assert_ends_soon(gateway, GIVES_BACK_WITHIN)
