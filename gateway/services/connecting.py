"""Connections to servers: lookup, what is forbidden, TCP, and TLS, within one time limit."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import field

from gateway.records import Record
from gateway.services import fragments
from gateway.services import tls as tls_service
from gateway.services.api_links import Authentication, ConnectFailed, LookupFailed, TlsProfile
from gateway.services.reach import anywhere
from gateway.services.resolver import SocketAddress, resolve
from gateway.services.tls import TlsRules
from gateway.services.waiting import within

logger = logging.getLogger("gateway.links")


async def no_doubt() -> str | None:
    """The clock is as it should be."""
    return None


class Rules(Record):
    """What the machine's owner forbids, whatever the microcontroller asks for.

    `forbidden` tells why a link to an address is, or None; see `reach`.
    """

    forbidden: Callable[[SocketAddress], str | None] = anywhere
    tls: TlsRules = field(default_factory=TlsRules)


class Connector:
    """Opens connections; `seconds` is what each may take in all.

    `doubt` tells why the clock is no measure for a certificate's dates, if so.
    """

    def __init__(
        self,
        seconds: float,
        family: socket.AddressFamily = socket.AF_INET,
        rules: Rules | None = None,
        doubt: Callable[[], Awaitable[str | None]] = no_doubt,
    ) -> None:
        self._seconds = seconds
        self._family = family
        self._rules = rules or Rules()
        self._doubt = doubt

    async def look_up(self, host: str, port: int, seconds: float) -> list[SocketAddress]:
        """The addresses of `host`, at least one. Raises LookupFailed."""
        try:
            return await within(seconds, resolve(host, port, self._family))
        except TimeoutError:
            raise LookupFailed(f"{host}: no answer within {seconds:.1f} s") from None

    async def connect(
        self, host: str, port: int, tls: TlsProfile | None
    ) -> tuple[socket.socket, int]:
        """A connection, and the Maximum Fragment Length agreed on it.

        Raises LookupFailed or ConnectFailed.
        """
        until = _now() + self._seconds
        addresses = await self.look_up(host, port, self._seconds)
        try:
            if tls is not None:
                tls_service.refuse_unauthenticated(tls, self._rules.tls)
                if tls.authentication is Authentication.CHAIN:
                    await within(until - _now(), self._check_clock())
            connection = await self._reach(addresses, until)
            if tls is None:
                return connection, 0
            with connection:  # which is empty once TLS has taken the socket over
                secured = await within(
                    until - _now(),
                    tls_service.secure(connection, tls, host, self._rules.tls),
                    lost=socket.socket.close,
                )
        except TimeoutError:
            seconds = self._seconds
            raise ConnectFailed(f"{host} port {port}: no answer within {seconds:g} s") from None
        except tls_service.TlsRefused as refusal:
            raise ConnectFailed(f"{host} port {port}: TLS refused: {refusal}") from None
        return secured, fragments.agreed(secured)

    async def offers_fragment_length(self, host: str, port: int, length: int) -> bool:
        """Whether a TLS server agrees to a Maximum Fragment Length; unreachable is False.

        Nothing is sent over the link, so that it need not be authenticated.
        """
        until = _now() + self._seconds
        try:
            addresses = await self.look_up(host, port, self._seconds)
            connection = await self._reach(addresses, until)
            with connection:  # for one who is cancelled before the probe has begun
                return await within(
                    until - _now(),
                    tls_service.offers_fragment_length(connection, host, length, self._rules.tls),
                )
        except (LookupFailed, ConnectFailed, TimeoutError) as error:
            logger.info("%s port %d does not answer: %s", host, port, error or "timed out")
            return False

    async def _check_clock(self) -> None:
        """Raise TlsRefused before the time is known."""
        doubt = await self._doubt()
        if doubt is not None:
            raise tls_service.TlsRefused(doubt)

    async def _reach(self, addresses: list[SocketAddress], until: float) -> socket.socket:
        """A connection to one of the addresses. Raises ConnectFailed or TimeoutError."""
        work = self._try_each(addresses)
        return await within(until - _now(), work, lost=socket.socket.close)

    async def _try_each(self, addresses: list[SocketAddress]) -> socket.socket:
        """A connection to the first address that accepts. Raises ConnectFailed."""
        why = "no address"
        for address in addresses:
            # What is connected to is what was looked at: a name may lead elsewhere by now.
            forbidden = self._rules.forbidden(address)
            if forbidden is None:
                try:
                    return await self._connected(address)
                except OSError as error:
                    # asyncio's own text for it says no more than that it failed
                    cause = os.strerror(error.errno) if error.errno else error
                    why = f"{address[0]} port {address[1]}: {cause}"
            else:
                why = f"{address[0]} port {address[1]}: {forbidden}"
        raise ConnectFailed(why)

    async def _connected(self, address: SocketAddress) -> socket.socket:
        connection = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(connection, address)
        except BaseException:
            connection.close()
            raise
        return connection


def _now() -> float:
    return asyncio.get_running_loop().time()
