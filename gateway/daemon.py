"""The composition root: configuration in, services and sessions out, until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gateway import __version__
from gateway.config import Config, SimulatedOptions
from gateway.services.api import Clock, Encryption, Network
from gateway.services.api_line import Line, UartSettings
from gateway.services.clock import SimulatedClock, host_clock
from gateway.services.descriptor_line import LineMissing
from gateway.services.pins import open_pins
from gateway.services.replugged_line import Plug
from gateway.services.reset_line import ResetLine
from gateway.services.settings import StoredSettings
from gateway.services.supervisor import Supervisor
from gateway.services.trace import MonitorSocket, runtime_folder
from gateway.sessions import Sessions

if TYPE_CHECKING:
    from gateway.services.network.simulated import World

logger = logging.getLogger("gateway")

# At boot NetworkManager comes later than we do, on a small board much later.
_BOOT_SECONDS = 60.0

# Of the two seconds in which the service has to end; the rest is the interpreter's own end.
_WRITING_SECONDS = 1.6
# Threads that have nothing to do end in less.
_IDLE_SECONDS = 0.2


async def run(config: Config, read_again: Callable[[], Config]) -> None:
    """Serve until SIGTERM or SIGINT; under systemd SIGHUP reads the configuration again.

    `read_again` gives what the configuration is by then, or raises ConfigError. Raises
    LineUnavailable when the line cannot be opened, unless it may yet come, and LineLost where
    it does not come back.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    supervisor = Supervisor()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        settings = StoredSettings(Path(config.storage.state_dir))
        plug = Plug(config.uart.device)
        line: Line | None = None
        try:
            line = plug.open(settings.stored.uart or UartSettings(baud=config.uart.baud))
        except LineMissing:
            # Somebody at a terminal has mistyped it; under systemd it may be plugged in later.
            if not supervisor.present:
                raise
        else:
            stack.push_async_callback(line.close)
        trace = MonitorSocket(
            runtime_folder(config.storage.runtime_dir),
            version=__version__,
            uart=config.uart.device,
        )
        stack.callback(trace.close)
        logger.info("esp-at-gateway %s on %s", __version__, config.uart.device)
        stack.callback(supervisor.stopping)
        pins = await open_pins(config.gpio)
        stack.callback(pins.close)
        reset_line = ResetLine(pins.inputs) if pins.inputs else None
        if reset_line is not None:
            stack.callback(reset_line.close)
        network, clock = _network(config, is_unit=supervisor.present)
        sessions = Sessions(config, line, settings, network, clock, supervisor, trace, reset_line)
        sessions.plug, sessions.led = plug, pins.led
        stack.push_async_callback(_close_together, sessions, network, clock)
        if supervisor.present:  # elsewhere SIGHUP ends a program whose terminal is closed
            loop.add_signal_handler(signal.SIGHUP, lambda: sessions.reload(read_again))
        told = await _serve(sessions, stop)
        logger.info("stopped")
    await _finish_writing(settings, told + _WRITING_SECONDS)


async def _close_together(sessions: Sessions, network: Network, clock: Clock) -> None:
    """Close all three, whatever one of them raises.

    Side by side, since each may use up a limit of its own where something holds it: the line
    the bytes that it could not send, the others a daemon that does not answer. One after the
    other that would be more than the two seconds of the end.
    """
    closings = (sessions.close(), network.close(), clock.close())
    for result in await asyncio.gather(*closings, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def _finish_writing(settings: StoredSettings, until: float) -> None:
    """Wait until the threads have written all files, or end the process as it is.

    `until` is a time of the loop. Nothing is open any more by now. What was being stored got no
    OK, and files are replaced whole: the old one or the new one is there at the next start.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout_at(until):
            await settings.settled()
    except TimeoutError:
        logger.warning(
            "the disk is too slow to wait for: a setting that was being stored may be lost"
        )
    else:
        # Not by a timeout: cancelled, it would wait for the threads all the same (Python 3.11).
        threads = asyncio.ensure_future(loop.shutdown_default_executor())
        await asyncio.wait({threads}, timeout=max(until - loop.time(), _IDLE_SECONDS))
        if threads.done():
            return
    # asyncio and the interpreter would both wait for the threads, however long a disk takes.
    # Nothing of ours is left for the interpreter to do. A call to the disk that is under way
    # keeps the process for as long as the kernel does not interrupt it, but not the next ones.
    logging.shutdown()
    sys.stderr.flush()
    os._exit(0)


async def _serve(sessions: Sessions, stop: asyncio.Event) -> float:
    """Serve until `stop`; when that came, by the loop's time. Raises what ended the line."""
    serving = asyncio.ensure_future(sessions.serve())
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    told = asyncio.get_running_loop().time()
    for task in (serving, stopping):
        task.cancel()
    await asyncio.wait({serving, stopping})
    if not serving.cancelled():
        serving.result()
    return told


def _network(config: Config, *, is_unit: bool) -> tuple[Network, Clock]:
    """The network that is asked for; the other one is not even imported.

    A unit of ours (`is_unit`) runs release-network after the service has ended.
    """
    if config.network.kind == "simulated":
        from gateway.services.network.simulated import SimulatedNetwork

        return SimulatedNetwork(_world(config.simulated)), SimulatedClock()
    from gateway.services.network.managed import ManagedNetwork, NetworkInterfaces
    from gateway.services.network.networkmanager import NetworkManagerBus
    from gateway.services.network.ownership import OwnershipRecord

    options = config.network
    network = ManagedNetwork(
        NetworkManagerBus(patience=_BOOT_SECONDS),
        NetworkInterfaces(
            options.wifi_interface, options.ethernet_interface, options.softap_interface
        ),
        OwnershipRecord(Path(config.storage.state_dir)),
        share_uplink=config.softap.share_uplink,
        protect_owner=options.protect_owner,
        released_later=is_unit,
    )
    return network, host_clock(Path(config.storage.state_dir))


def _world(options: SimulatedOptions) -> World:
    from gateway.services.network.simulated import SimulatedAccessPoint, World

    points = [
        SimulatedAccessPoint(
            ssid=point.ssid,
            password=point.password,
            encryption=point.encryption or Encryption.OPEN,
            channel=point.channel,
            rssi=point.rssi,
            bssid=point.bssid,
            hidden=point.hidden,
            dhcp=point.dhcp,
        )
        for point in options.access_points
    ]
    return World(
        access_points=tuple(points),
        station_subnet=options.station_subnet,
        ethernet_subnet=options.ethernet_subnet,
        ethernet=options.ethernet,
        ethernet_plugged=options.ethernet_plugged,
        pace=options.pace,
    )
