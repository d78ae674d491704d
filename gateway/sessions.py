"""One session after the other, and what lives as long as the service beside them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import Callable
from pathlib import Path

from gateway.at.messages import Style
from gateway.commands import all_commands
from gateway.config import Config, ConfigError
from gateway.reload import reloaded
from gateway.services import journal
from gateway.services.activity import Activity, Light, WatchedLine
from gateway.services.api import Clock, Network
from gateway.services.api_line import Line, LineLost, LineRefused, UartSettings
from gateway.services.api_trace import Trace, Unwatched
from gateway.services.certificates import CertificateStore
from gateway.services.connecting import Rules
from gateway.services.links import LinkLimits, LinkSlots
from gateway.services.memory import AvailableMemory
from gateway.services.reach import anywhere, other_machines
from gateway.services.replugged_line import Plug
from gateway.services.reset_line import ResetLine, out_of_reset, switch_off
from gateway.services.servers import TcpServers
from gateway.services.settings import StoredSettings
from gateway.services.supervisor import Supervisor
from gateway.services.tls import TlsRules
from gateway.session import Services, Session
from gateway.status import describe

logger = logging.getLogger("gateway")

UNPLUGGED_SECONDS = 30.0
"""A line that is gone for so long counts as a module without power: it leaves the network."""

COLLECTING = (500, 5, 2)
"""When the garbage collector looks for cycles (gc.set_threshold): at everything that is not frozen
after 5,000 objects that were made and not freed. With Python's own thresholds, which are many
times that, the memory of a quiet gateway would rise by megabytes before it falls again."""


class Sessions:
    """Runs one session after the other; a reset is the end of one and the begin of the next.

    `plug` gives the line where there is none, at first or after it was lost; `led` shows its
    traffic.
    """

    plug: Plug | None = None
    led: Light | None = None

    def __init__(
        self,
        config: Config,
        line: Line | None,
        settings: StoredSettings,
        network: Network,
        clock: Clock,
        supervisor: Supervisor,
        trace: Trace | None = None,
        reset_line: ResetLine | None = None,
    ) -> None:
        self._trace = trace or Unwatched()
        self._reset_line = reset_line
        self._config = config
        self._line = line
        self._settings = settings
        self._network = network
        self._clock = clock
        self._supervisor = supervisor
        self._links: LinkSlots | None = None
        self._has_begun = False
        self._was_ready = False
        self._commands = all_commands()
        self._memory = AvailableMemory()

    async def serve(self) -> None:
        """Sessions without end; raises LineLost or LineUnavailable where no line comes back."""
        if self._line is not None:
            self._line = self._watched(self._line)
        while True:
            line = self._line or await self._plugged_in()
            try:
                if self._reset_line is not None and self._reset_line.in_reset:
                    await self._is_ready()
                    await out_of_reset(self._reset_line, line, self._network)
                await self._one_session(line)
                logger.info("reset")
                await self._return_to_stored(line)
            except LineLost:
                if self.plug is None or not self.plug.may_return:
                    raise
                await self._unplugged(self.plug)

    async def _is_ready(self) -> None:
        """Tell so, the first time, and do what had better wait until now."""
        self._supervisor.ready(self._status)
        if self._was_ready:
            return
        self._was_ready = True
        if not gc.isenabled():
            # All that was imported stays: the collector need not look through it again and
            # again, which it would do while the event loop waits.
            gc.freeze()
            gc.set_threshold(*COLLECTING)
            gc.enable()
        # The binding for D-Bus is imported for this, in threads, and takes its time of ours.
        await self._network.start()
        self._clock.use_servers(())

    async def close(self) -> None:
        """Close the line, where there is one."""
        if self._line is not None:
            line, self._line = self._line, None
            await line.close()

    async def _unplugged(self, plug: Plug) -> None:
        """The line is lost: what a reset forgets is forgotten."""
        if self._reset_line is not None:
            self._reset_line.listen(None)
        await self.close()
        plug.lost()
        self._links = None
        await self._forget()

    async def _plugged_in(self) -> Line:
        """The line, as soon as it is there; a long absence is that of a module without power.

        Raises LineUnavailable.
        """
        assert self.plug is not None
        await self._is_ready()
        loop = asyncio.get_running_loop()
        long_absence: asyncio.TimerHandle | None = None
        if self._has_begun:
            long_absence = loop.call_later(UNPLUGGED_SECONDS, switch_off, self._network)
        try:
            line = await self.plug.reopened(self._stored_uart())
        finally:
            if long_absence is not None:
                long_absence.cancel()
            self._network.end()
        self._line = line = self._watched(line)
        return line

    def _watched(self, line: Line) -> Line:
        return line if self.led is None else WatchedLine(line, Activity(self.led))

    def reload(self, read_again: Callable[[], Config]) -> None:
        """Take over a changed configuration, as far as that is safe while serving."""
        self._supervisor.reloading()
        try:
            self._config = reloaded(self._config, read_again())
            journal.configure(self._config.log.level)
        except ConfigError as error:
            logger.error("the configuration stays as it was: %s", error)
        finally:
            self._supervisor.reloaded()

    def _status(self) -> str:
        if self._reset_line is not None and (holders := self._reset_line.holders):
            return f"held in reset by {holders}"
        if self._line is None:
            return self.plug.status if self.plug else ""
        links = len(self._links.open_links()) if self._links else 0
        return describe(self._network, links, self._line.settings)

    async def _one_session(self, line: Line) -> None:
        limits = self._config.links
        links = LinkSlots(
            LinkLimits(limits.connect_seconds, limits.send_seconds, limits.buffer_bytes),
            self._network.interface_of,
            rules=_rules(self._config, is_unit=self._supervisor.present),
            doubt=self._clock.doubt,
        )
        servers = TcpServers(links)
        certificates = CertificateStore(
            Path(self._config.storage.cert_dir), self._settings.stored.certificate_maximum
        )
        await certificates.load_folder()
        if self._reset_line is not None and self._reset_line.in_reset:
            return  # it came meanwhile
        services = Services(
            network=self._network,
            links=links,
            servers=servers,
            certificates=certificates,
            clock=self._clock,
            settings=self._settings,
            memory=self._memory,
            style=Style(self._config.reply_style),
            trace=self._trace,
        )
        self._links = links
        session = Session(line, self._commands, services)
        links.listener = session.announcer
        try:
            session.start()
            logger.info("ready")
            if self._reset_line is not None:
                self._reset_line.listen(session.cut_off)
            await self._is_ready()
            self._begin_network(session)
            await session.over
        except LineLost:
            # The kernel gives the device the same name again only once nobody has it open.
            await line.close()
            raise
        finally:
            self._network.end()
            await session.close()
            servers.end()
            await links.end()

    def _begin_network(self, session: Session) -> None:
        self._has_begun = True
        stored = self._settings.stored
        joins = stored.autoconnect and stored.has_station
        self._network.begin(
            session.announcer, session.gateway.wanted(), stored.access_point if joins else None
        )

    async def _forget(self) -> None:
        """What is in force falls back to what is stored."""
        await self._settings.settled()
        self._settings.reset()
        self._clock.use_servers(())

    def _stored_uart(self) -> UartSettings:
        return self._settings.stored.uart or UartSettings(baud=self._config.uart.baud)

    async def _return_to_stored(self, line: Line) -> None:
        """What is in force falls back to what is stored, the line's speed included."""
        await self._forget()
        wanted = self._stored_uart()
        if wanted != line.settings:
            try:
                await line.change(wanted)
            except LineRefused as refusal:
                logger.error("the UART refuses its stored settings: %s; using 115200 8N1", refusal)
                with contextlib.suppress(LineRefused):
                    await line.change(UartSettings())


def _rules(config: Config, *, is_unit: bool) -> Rules:
    """What the machine's owner forbids, whatever the microcontroller asks for."""
    return Rules(
        anywhere if config.loopback_allowed(is_unit=is_unit) else other_machines,
        TlsRules(config.tls.require_authentication, config.tls.minimum_version),
    )
