"""TCP servers whose clients take the link slots."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import dataclass

from gateway.services.api_links import NoChange, PortTaken
from gateway.services.link import SocketLink
from gateway.services.links import LinkSlots

logger = logging.getLogger("gateway.servers")

MOST = 5
_BACKLOG = 16
_RETRY_SECONDS = 1.0


@dataclass(eq=False, repr=False, slots=True)
class _Server:
    port: int
    socket: socket.socket
    accepting: bool = False


class TcpServers:
    """Up to five servers over one set of slots. Satisfies `Servers`.

    While there is no free slot, or the limit is reached, nothing is accepted: clients wait
    in the kernel's backlog with what they have sent.
    """

    def __init__(self, links: LinkSlots) -> None:
        self._links = links
        self._loop = asyncio.get_running_loop()
        self._servers: list[_Server] = []
        self._max_links = 5
        self._idle_limit = 180
        self._idle_timer: asyncio.TimerHandle | None = None
        links.slot_freed = self._adjust

    @property
    def running(self) -> int:
        """How many servers listen."""
        return len(self._servers)

    @property
    def max_links(self) -> int:
        """How many accepted links there may be at once."""
        return self._max_links

    @max_links.setter
    def max_links(self, number: int) -> None:
        self._max_links = number
        self._adjust()

    @property
    def idle_limit(self) -> int:
        """Seconds without a byte after which an accepted link is closed; 0 never."""
        return self._idle_limit

    @idle_limit.setter
    def idle_limit(self, seconds: int) -> None:
        self._idle_limit = seconds
        self._close_idle()

    def listen(self, port: int) -> None:
        """Start a server on all addresses. Raises PortTaken or NoChange."""
        if any(server.port == port for server in self._servers):
            raise NoChange(f"a server on port {port} runs already")
        if len(self._servers) >= MOST:
            raise NoChange(f"{MOST} servers run already")
        try:
            listener = socket.socket(self._links.family, socket.SOCK_STREAM)
        except OSError as error:
            raise PortTaken(f"no socket can be had for port {port}: {error.strerror}") from None
        try:
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("", port))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            raise PortTaken(f"port {port} cannot be listened on: {error.strerror}") from error
        self._servers.append(_Server(port, listener))
        logger.info("server on port %d started", port)
        self._adjust()
        self._close_idle()

    def stop(self, port: int | None) -> None:
        """Stop one server; its links stay. Raises NoChange."""
        for server in self._servers:
            if port is None or server.port == port:
                self._stop(server)
                return
        raise NoChange("no such server runs")

    def end(self) -> None:
        """Stop all servers; no socket and no timer is left."""
        for server in list(self._servers):
            self._stop(server)
        self._arm(None)

    def _stop(self, server: _Server) -> None:
        self._servers.remove(server)
        if server.accepting:
            self._loop.remove_reader(server.socket.fileno())
        server.socket.close()
        logger.info("server on port %d stopped", server.port)

    # accepting

    def _adjust(self) -> None:
        """Accept while there is room, and only then."""
        room = self._room()
        for server in self._servers:
            if room and not server.accepting:
                self._loop.add_reader(server.socket.fileno(), self._accept, server)
            elif server.accepting and not room:
                self._loop.remove_reader(server.socket.fileno())
            server.accepting = room

    def _room(self) -> bool:
        accepted = sum(1 for link in self._links.open_links() if link.accepted)
        return accepted < self._max_links and self._links.free_slot() is not None

    def _accept(self, server: _Server) -> None:
        slot = self._links.free_slot()
        if slot is None or not self._room():
            self._adjust()
            return
        try:
            connection, _ = server.socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            # out of descriptors: the client stays in the backlog until some are free again
            logger.warning("port %d: a client could not be taken: %s", server.port, error)
            self._loop.remove_reader(server.socket.fileno())
            server.accepting = False
            self._loop.call_later(_RETRY_SECONDS, self._adjust)
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = self._links.accept(slot, connection, server.port)
        self._adjust()
        self._close_idle()
        if self._links.listener is not None:
            self._links.listener.link_accepted(link)

    # idle links

    def _close_idle(self) -> None:
        """End the links that were silent for too long, and look again when the next is due."""
        now = self._loop.time()
        due: float | None = None
        for link in self._links.open_links():
            if not self._idles(link):
                continue
            end = link.active_at + self._idle_limit
            if end <= now and not link.waiting:
                link.expire(self._idle_limit)
            else:
                # with unread data it is not idle: look again soon
                end = end if end > now else now + _RETRY_SECONDS
                due = end if due is None else min(due, end)
        self._arm(due)

    def _idles(self, link: SocketLink) -> bool:
        return (
            self._idle_limit > 0
            and not link.ended
            and any(server.port == link.port_of_server for server in self._servers)
        )

    def _arm(self, due: float | None) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self._idle_timer = None if due is None else self._loop.call_at(due, self._close_idle)
