"""The socket at which `esp-at-gateway monitor` listens, and what it hears.

A stream socket, `monitor.sock` in the runtime folder, for root and the service's group. Who
connects is told, one JSON object a line, what happens from then on; what they send is not
read. While nobody is connected no record is made at all. A record has `kind`, `time` (seconds
of the monotonic clock) and, by its kind:

    hello         version, uart, wall (seconds since 1970 at `time`)
    refused       text: why nothing more comes; the connection ends
    command       way, text, bytes: a line; arguments only where they fit, no password
    echo          way, text, bytes: the same line as it is written back
    payload       way, text, bytes: what was prompted for, as its length
    noise         way, text: bytes that came and are no line, as their number
    reply         way, text, bytes; at the end of a command also result, seconds, cause
    notification  way, text, bytes
    data          way, text, bytes: +IPD, its data as its length
    through       way, text, bytes: pass-through, as its length
    link, network, log
                  level, text: what the journal gets too, and its AT_ fields
    dropped       count: so many records were not read in time and are lost

`way` is `in` (from the microcontroller) or `out`. `bytes` is what went over the line, in
order: texts are hex, numbers are so many bytes that are not shown.

A watcher that does not read is never waited for: 64 KiB are kept for it, and what comes then is
counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import stat
import threading
import time
from pathlib import Path

from gateway.services import journal
from gateway.services.api_trace import SOCKET_NAME
from gateway.services.trace_watcher import Watcher, record_line

logger = logging.getLogger("gateway.monitor")

MOST_WATCHERS = 4
_RETRY_SECONDS = 1.0
_KINDS = {"gateway.links": "link", "gateway.servers": "link", "gateway.network": "network"}


def runtime_folder(configured: Path) -> Path:
    """systemd's (systemd.exec(5), RUNTIME_DIRECTORY), else the `configured` one."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(given) if given else configured


class MonitorSocket:
    """Tells whoever is connected. Satisfies `Trace`. Must be closed; needs a running loop.

    `hello` are the values of the first record. Where the socket cannot be had there is no
    monitor, which is a line at debug and nothing else.
    """

    def __init__(self, folder: Path, **hello: object) -> None:
        self.listening = False
        self._path = folder / SOCKET_NAME
        self._hello = hello
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._watchers: list[Watcher] = []
        self._log = _LogWatch(self)
        self._flush: asyncio.Handle | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._listener = self._listen()

    def tell(self, kind: str, **values: object) -> None:
        """Hand a record to every watcher. On the loop's thread."""
        now = self._loop.time()
        line = record_line(kind, now, values)
        for watcher in self._watchers:
            watcher.put(line)
        if self._flush is None:
            self._flush = self._loop.call_soon(self._send_all)

    def tell_of(self, record: logging.LogRecord) -> None:
        """Hand on what the journal gets too. On any thread."""
        values = {name: record.__dict__[name] for name in journal.FIELDS if name in record.__dict__}
        values |= {"level": record.levelname.lower(), "text": record.getMessage()}
        kind = _KINDS.get(record.name, "log")
        if threading.get_ident() == self._thread:
            self.tell(kind, **values)
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._tell_later, kind, values)

    def _tell_later(self, kind: str, values: dict[str, object]) -> None:
        self.tell(kind, **values)

    def close(self) -> None:
        """End all connections; no socket, handler, timer or file is left."""
        if self._retry is not None:
            self._retry.cancel()
        if self._listener is not None:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = None
            with contextlib.suppress(OSError):
                self._path.unlink()
        self._send_all()
        for watcher in list(self._watchers):
            self._drop(watcher)

    # the socket

    def _listen(self) -> socket.socket | None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.setblocking(False)
            self._remove_what_was_left()
            listener.bind(str(self._path))
            # nobody can connect before listen()
            self._path.chmod(0o660)
            listener.listen(MOST_WATCHERS)
        except OSError as error:
            listener.close()
            logger.debug("no monitor at %s: %s", self._path, error.strerror or error)
            return None
        self._loop.add_reader(listener.fileno(), self._accept)
        return listener

    def _watch_listener(self) -> None:
        """Accept again."""
        self._retry = None
        if self._listener is not None:
            self._loop.add_reader(self._listener.fileno(), self._accept)

    def _remove_what_was_left(self) -> None:
        """Remove the socket of a service that was killed. Raises OSError if one still listens."""
        try:
            if not stat.S_ISSOCK(self._path.lstat().st_mode):
                raise FileExistsError(0, "something else is there")
        except FileNotFoundError:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
            trial.setblocking(False)
            try:
                trial.connect(str(self._path))
            except ConnectionRefusedError:
                self._path.unlink()
                return
            except BlockingIOError:
                pass
        raise FileExistsError(0, "another gateway has it")

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            # out of descriptors: a socket that stays readable would keep the loop busy
            logger.debug("a monitor could not be taken: %s", error.strerror)
            self._loop.remove_reader(self._listener.fileno())
            self._retry = self._loop.call_later(_RETRY_SECONDS, self._watch_listener)
            return
        connection.setblocking(False)
        now = self._loop.time()
        if len(self._watchers) >= MOST_WATCHERS:
            text = f"{MOST_WATCHERS} monitors are connected already: end one of them"
            with connection, contextlib.suppress(OSError):
                connection.send(record_line("refused", now, {"text": text}))
            return
        watcher = Watcher(connection)
        self._watchers.append(watcher)
        self._loop.add_reader(connection.fileno(), self._heard_from, watcher)
        if not self.listening:
            self.listening = True
            journal.watch(self._log)
        watcher.put(record_line("hello", now, {**self._hello, "wall": round(time.time(), 3)}))
        self._send(watcher)

    def _heard_from(self, watcher: Watcher) -> None:
        """It has gone; or it sends something, which no monitor does."""
        self._drop(watcher)

    def _send_all(self) -> None:
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        for watcher in list(self._watchers):
            if not watcher.waits:
                self._send(watcher)

    def _send(self, watcher: Watcher) -> None:
        try:
            done = watcher.send()
        except OSError:
            self._drop(watcher)
            return
        if done and watcher.dropped:
            watcher.say_dropped(self._loop.time())
            done = False
        if done == watcher.waits:
            self._wait_for_room(watcher, wait=not done)

    def _wait_for_room(self, watcher: Watcher, *, wait: bool) -> None:
        watcher.waits = wait
        if wait:
            self._loop.add_writer(watcher.connection.fileno(), self._send, watcher)
        else:
            self._loop.remove_writer(watcher.connection.fileno())

    def _drop(self, watcher: Watcher) -> None:
        if watcher not in self._watchers:
            return
        self._watchers.remove(watcher)
        self._loop.remove_reader(watcher.connection.fileno())
        self._loop.remove_writer(watcher.connection.fileno())
        watcher.connection.close()
        if not self._watchers:
            self.listening = False
            journal.unwatch(self._log)


class _LogWatch(logging.Handler):
    """Gives what the journal gets to those who watch as well."""

    def __init__(self, monitor: MonitorSocket) -> None:
        super().__init__(logging.INFO)
        self._monitor = monitor

    def emit(self, record: logging.LogRecord) -> None:
        """Pass it on, but for the result of a command, which the session tells itself."""
        if not hasattr(record, "AT_RESULT") or record.exc_info:
            try:
                self._monitor.tell_of(record)
            except Exception:
                # logging's own boundary, as in every handler
                self.handleError(record)
