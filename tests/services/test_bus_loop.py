"""What the binding for D-Bus does to the loop stays between the two."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import sdbus
from sdbus_async.dbus_daemon import FreedesktopDbus

from gateway.services.network.bus_loop import BusLoop
from tests.services.following import soon


@dataclass
class Driven:
    """Stands in for the binding's connection: keeps the loop that it sees first."""

    end: socket.socket
    then: Callable[[], None] = lambda: None
    loop: Any = field(init=False, default=None)
    driven: asyncio.Event = field(default_factory=asyncio.Event)

    def get_fd(self) -> int:
        """Its socket."""
        return self.end.fileno()

    def process(self) -> None:
        """Keep the loop, and from then on do what the test wants."""
        if self.loop is None:
            self.loop = asyncio.get_running_loop()
            self.loop.add_reader(self.get_fd(), self.process)
            self.loop.add_writer(self.get_fd(), self.process)
            self.loop.remove_writer(self.get_fd())
        else:
            self.end.recv(100)
            self.driven.set()
            self.then()


def fail() -> None:
    """Be wrong as the binding is when authentication takes too long."""
    raise sdbus.SdBusLibraryError("error number: 110")


@pytest.mark.parametrize("ends", ["by itself", "with an error"])
def test_the_end_of_a_connection_is_told_once(ends: str) -> None:
    async def run() -> None:
        here, there = socket.socketpair()
        with here, there:
            told: list[bool] = []
            bus = Driven(here)
            BusLoop(bus, lambda: told.append(True))
            there.send(b"x")
            await soon(bus.driven)
            assert told == []
            bus.driven.clear()
            bus.then = fail
            if ends == "by itself":
                bus.then = lambda: bus.loop.remove_reader(here.fileno())
            there.send(b"x")
            await soon(bus.driven)
            there.send(b"x")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert told == [True]
            assert not asyncio.get_running_loop().remove_reader(here.fileno())

    asyncio.run(run())


def test_closed_it_watches_nothing_and_leaves_others_alone() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        here, there = socket.socketpair()
        with here, there:
            bus = Driven(here)
            BusLoop(bus, lambda: None)
            bus.loop.close()
            assert not loop.remove_reader(here.fileno())
            bus.loop.add_reader(here.fileno(), fail)
            bus.loop.add_writer(here.fileno(), fail)
            heard = asyncio.Event()
            loop.add_reader(here.fileno(), heard.set)  # somebody else has the number by now
            bus.loop.remove_reader(here.fileno())
            there.send(b"x")
            await soon(heard)
            assert loop.remove_reader(here.fileno())
            assert not loop.remove_writer(here.fileno())

    asyncio.run(run())


def test_a_loop_that_nobody_uses_is_the_loop_again() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        here, there = socket.socketpair()
        with here, there:
            bus = Driven(here)
            watching = BusLoop(bus, lambda: None)
            assert asyncio.get_running_loop() is loop
            assert bus.loop is watching
            assert bus.loop.time() == pytest.approx(loop.time(), abs=10)
            watching.close()

    asyncio.run(run())


@pytest.mark.usefixtures("system_bus")
def test_the_binding_is_kept_from_others_descriptors() -> None:
    """Freed, it has the loop forget its descriptor's number, which is another's by then."""

    async def run() -> None:
        bus = sdbus.sd_bus_open_system()
        watching = BusLoop(bus, lambda: None)
        assert await FreedesktopDbus(bus).get_id()
        number = bus.get_fd()
        watching.close()
        bus.close()
        here, there = socket.socketpair()
        with here, there:
            if here.fileno() != number:
                os.dup2(here.fileno(), number)
            heard = asyncio.Event()
            asyncio.get_running_loop().add_reader(number, heard.set)
            del bus, watching
            gc.collect()
            there.send(b"x")
            await soon(heard)
            asyncio.get_running_loop().remove_reader(number)
            if here.fileno() != number:
                os.close(number)

    asyncio.run(run())
