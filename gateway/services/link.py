"""One open connection, TCP or TLS, on a non-blocking socket of the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Callable

from gateway.services.api import Interface
from gateway.services.api_links import LinkBroken

logger = logging.getLogger("gateway.links")

_ABORT = struct.pack("ii", 1, 0)


class SocketLink:
    """A connection with a bounded buffer of what it received. Satisfies `Link`.

    `changed` is called when more data waits or the link has ended. Reading stops while the
    buffer is full and goes on at half of it, so that TCP holds the sender back.
    """

    def __init__(
        self,
        slot: int,
        connection: socket.socket,
        *,
        limit: int,
        send_seconds: float,
        changed: Callable[[SocketLink], None],
        port_of_server: int | None = None,
        interface: Interface | None = None,
        fragment_length: int = 0,
    ) -> None:
        self.slot = slot
        # Bytes that OpenSSL has decrypted already: only a socket with TLS has this.
        self._pending: Callable[[], int] | None = getattr(connection, "pending", None)
        self.kind = "SSL" if self._pending else "TCP"
        self._later, self._full, self._gone = _errors(tls=self._pending is not None)
        self.port_of_server = port_of_server
        self.interface = interface
        self.fragment_length = fragment_length
        self.remote = _name(connection.getpeername)
        self.local_port = _name(connection.getsockname)[1]
        self.ended = False
        self.received = 0
        """Bytes that came from the peer so far."""
        self.sent = 0
        """Bytes that the kernel has taken for it so far."""
        self._socket = connection
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._send_seconds = send_seconds
        self._changed = changed
        self._buffer = bytearray()
        self._reading = False
        self.blocked = False
        """Whether reading waits until OpenSSL can write what it has to say itself."""
        self._waiter: asyncio.Future[None] | None = None
        self.active_at = self._loop.time()
        self._resume()

    @property
    def accepted(self) -> bool:
        """Whether a server of ours accepted it."""
        return self.port_of_server is not None

    @property
    def fields(self) -> dict[str, object]:
        """What the journal's records of it can be found by."""
        return {"AT_LINK": self.slot, "AT_PEER": "{}:{}".format(*self.remote)}

    @property
    def waiting(self) -> int:
        """Bytes received and not yet taken."""
        return len(self._buffer)

    def take(self, limit: int) -> bytes:
        """At most `limit` of the waiting bytes, in order."""
        buffer = self._buffer
        if len(buffer) <= limit:
            data = bytes(buffer)
            buffer.clear()
        else:
            data = bytes(memoryview(buffer)[:limit])
            del buffer[:limit]
        waits = not (self._reading or self.blocked or self.ended)
        if waits and len(buffer) * 2 <= self._limit:
            self._resume()
        return data

    # receiving

    def _resume(self) -> None:
        self._reading = True
        self._loop.add_reader(self._socket.fileno(), self._readable)
        if self._pending is not None and self._pending():
            # decrypted bytes inside OpenSSL do not make the descriptor readable
            self._loop.call_soon(self._readable)

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._socket.fileno())

    def _block(self) -> None:
        """Read no more until the peer takes what OpenSSL has to answer it: a key update."""
        self._pause()
        self.blocked = True
        self._loop.add_writer(self._socket.fileno(), self._writable)

    def _unblock(self) -> None:
        if self.blocked:
            self.blocked = False
            if self._waiter is None:
                self._loop.remove_writer(self._socket.fileno())

    def _readable(self) -> None:
        if not self._reading:
            return
        try:
            data = self._socket.recv(self._limit - len(self._buffer))
            while data and self._pending is not None:
                room = self._limit - len(self._buffer) - len(data)
                if not room or not self._pending():
                    break
                data += self._socket.recv(room)
        except self._full:
            self._block()
            return
        except self._later:
            return
        except (OSError, ValueError) as error:
            self._end(f"receiving failed: {_reason(error)}")
            return
        if not data:
            self._end("the peer closed")
            return
        self._buffer += data
        self.received += len(data)
        self.active_at = self._loop.time()
        if len(self._buffer) >= self._limit:
            self._pause()
        self._changed(self)

    def _end(self, why: str) -> None:
        if self.ended:
            return
        self.ended = True
        self._pause()
        self._unblock()
        logger.debug("link %d: %s", self.slot, why, extra=self.fields)
        self._changed(self)

    def expire(self, seconds: int) -> None:
        """End it because nothing came or went for `seconds`."""
        self._end(f"idle for {seconds} s")

    # sending

    def send_at_once(self, data: bytes) -> int:
        """Hand to the kernel what it takes without waiting. Raises LinkBroken.

        What a peer sent before it went away can still be read: then reading ends the link.
        """
        try:
            taken = self._socket.send(data)
        except self._later:
            return 0
        except (OSError, ValueError) as error:
            if not isinstance(error, self._gone):
                self._end(f"sending failed: {_reason(error)}")
            raise LinkBroken(f"link {self.slot}: sending failed: {_reason(error)}") from error
        if taken:
            self.active_at = self._loop.time()
            self.sent += taken
        return taken

    async def send(self, data: bytes) -> None:
        """Hand `data` to the kernel, however long it takes as long as some of it is taken.

        Raises LinkBroken when the peer is gone or takes nothing for the time limit.
        """
        view = memoryview(data)
        while view:
            taken = self.send_at_once(bytes(view))
            view = view[taken:]
            if view and not taken:
                await self._room()

    async def _room(self) -> None:
        """Wait until the kernel takes more. Raises LinkBroken after the time limit."""
        self._waiter = waiter = self._loop.create_future()
        self._loop.add_writer(self._socket.fileno(), self._writable)
        timer = self._loop.call_later(self._send_seconds, self._stall)
        try:
            await waiter
        finally:
            timer.cancel()
            self._stop_waiting()

    def _writable(self) -> None:
        if self.blocked:
            self._unblock()
            self._resume()
            self._readable()  # lets OpenSSL write, whether or not there is more to read
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _stall(self) -> None:
        if self._waiter is None or self._waiter.done():
            # Room came, or the link was closed, in the very turn of the loop of the limit.
            return
        why = f"the peer took nothing for {self._send_seconds:g} s"
        self._break_off(why)
        self._set_abort()
        self._end(why)

    def _break_off(self, why: str) -> None:
        """Let a send that waits fail; the descriptor is watched no more."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(LinkBroken(f"link {self.slot}: {why}"))
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        if self._waiter is not None:
            self._waiter = None
            if not self.blocked:
                self._loop.remove_writer(self._socket.fileno())

    # the end

    def _set_abort(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)

    def release(self, *, abort: bool = False) -> socket.socket | None:
        """Stop reading and give the socket back for an orderly end; None if it is closed.

        `abort` closes it with a reset here and now.
        """
        self._pause()
        self._unblock()
        self._break_off("it was closed")
        self.ended = True
        self._buffer.clear()
        if abort:
            self._set_abort()
            self._socket.close()
            return None
        return self._socket


def _errors(*, tls: bool) -> tuple[tuple[type[OSError], ...], ...]:
    """What a socket raises: that can do nothing now; that must write first; whose peer is gone."""
    if not tls:
        return (BlockingIOError, InterruptedError), (), (ConnectionError,)
    import ssl  # here already, and OpenSSL with it

    later = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
    return later, (ssl.SSLWantWriteError,), (ConnectionError, ssl.SSLEOFError)


def _name(ask: Callable[[], object]) -> tuple[str, int]:
    """Address and port; a peer that has reset the connection already has none any more."""
    try:
        name = ask()
    except OSError:
        return "0.0.0.0", 0
    assert isinstance(name, tuple)
    return str(name[0]), int(name[1])


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
