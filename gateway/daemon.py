"""The composition root: configuration in, services and sessions out, until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from pathlib import Path

from gateway import __version__
from gateway.at.messages import Style
from gateway.commands import all_commands
from gateway.config import Config, SimulatedOptions
from gateway.services.api import (
    Clock,
    Encryption,
    Line,
    LineRefused,
    Network,
    UartSettings,
)
from gateway.services.certificates import CertificateStore
from gateway.services.clock import HostClock, SimulatedClock
from gateway.services.links import LinkLimits, LinkSlots
from gateway.services.memory import AvailableMemory
from gateway.services.network.managed import ManagedNetwork, NetworkInterfaces
from gateway.services.network.networkmanager import NetworkManagerBus
from gateway.services.network.ownership import OwnershipRecord
from gateway.services.network.simulated import SimulatedAccessPoint, SimulatedNetwork, World
from gateway.services.servers import TcpServers
from gateway.services.settings import StoredSettings
from gateway.services.uart import open_line
from gateway.session import Services, Session

logger = logging.getLogger("gateway")


async def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises LineUnavailable when the line cannot be opened, and whatever ended the line.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        settings = StoredSettings(Path(config.storage.state_dir))
        stack.push_async_callback(settings.settled)
        uart = settings.stored.uart or UartSettings(baud=config.uart.baud)
        line = _open(config.uart.device, uart)
        stack.push_async_callback(line.close)
        network, clock = _network(config)
        stack.push_async_callback(network.close)
        await network.start()
        logger.info("esp-at-gateway %s on %s", __version__, config.uart.device)
        daemon = _Daemon(config, line, settings, network, clock)
        serving = asyncio.ensure_future(daemon.serve())
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (serving, stopping):
            task.cancel()
        await asyncio.wait({serving, stopping})
        if not serving.cancelled():
            serving.result()
        logger.info("stopped")


def _open(device: str, settings: UartSettings) -> Line:
    """The line at its stored settings, or at 115200 8N1 where the device refuses those."""
    try:
        return open_line(device, settings)
    except LineRefused as refusal:
        logger.error("the stored UART settings are refused (%s); using 115200 8N1", refusal)
        return open_line(device, UartSettings())


def _network(config: Config) -> tuple[Network, Clock]:
    if config.network.kind == "simulated":
        return SimulatedNetwork(_world(config.simulated)), SimulatedClock()
    options = config.network
    network = ManagedNetwork(
        NetworkManagerBus(),
        NetworkInterfaces(
            options.wifi_interface, options.ethernet_interface, options.softap_interface
        ),
        OwnershipRecord(Path(config.storage.state_dir)),
        share_uplink=config.softap.share_uplink,
        protect_owner=options.protect_owner,
    )
    return network, HostClock()


def _world(options: SimulatedOptions) -> World:
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


class _Daemon:
    """Runs one session after the other; a reset is the end of one and the begin of the next."""

    def __init__(
        self,
        config: Config,
        line: Line,
        settings: StoredSettings,
        network: Network,
        clock: Clock,
    ) -> None:
        self._config = config
        self._line = line
        self._settings = settings
        self._network = network
        self._clock = clock
        self._commands = all_commands()
        self._memory = AvailableMemory()

    async def serve(self) -> None:
        """Sessions without end; raises what ended the line."""
        while True:
            await self._one_session()
            logger.info("reset")
            await self._return_to_stored()

    async def _one_session(self) -> None:
        limits = self._config.links
        links = LinkSlots(
            LinkLimits(limits.connect_seconds, limits.send_seconds, limits.buffer_bytes),
            self._network.interface_of,
        )
        servers = TcpServers(links)
        certificates = CertificateStore(
            Path(self._config.storage.cert_dir), self._settings.stored.certificate_maximum
        )
        await certificates.load_folder()
        services = Services(
            network=self._network,
            links=links,
            servers=servers,
            certificates=certificates,
            clock=self._clock,
            settings=self._settings,
            memory=self._memory,
            style=Style(self._config.reply_style),
        )
        session = Session(self._line, self._commands, services)
        links.listener = session.announcer
        try:
            session.start()
            logger.info("ready")
            self._begin_network(session)
            await session.over
        finally:
            self._network.end()
            await session.close()
            servers.end()
            await links.end()

    def _begin_network(self, session: Session) -> None:
        stored = self._settings.stored
        joins = stored.autoconnect and stored.has_station
        self._network.begin(
            session.announcer, session.gateway.wanted(), stored.access_point if joins else None
        )

    async def _return_to_stored(self) -> None:
        """What is in force falls back to what is stored, the line's speed included."""
        await self._settings.settled()
        self._settings.reset()
        self._clock.use_servers(())
        wanted = self._settings.stored.uart or UartSettings(baud=self._config.uart.baud)
        if wanted != self._line.settings:
            try:
                await self._line.change(wanted)
            except LineRefused as refusal:
                logger.error("the UART refuses its stored settings: %s; using 115200 8N1", refusal)
                with contextlib.suppress(LineRefused):
                    await self._line.change(UartSettings())
