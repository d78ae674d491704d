"""A pseudo-terminal as the serial line (`--uart pty:PATH`).

The gateway holds the master. Once the last client has closed the slave, the kernel hangs the
master up: whatever the client had sent is read first, then EIO, which is how the end of a
client is known for certain. Its opening is told by inotify. Between the two nobody listens,
and output is dropped, as on a wire.

So the gateway keeps no slave of its own open meanwhile: with one the master never hangs up,
and the end of a client would have to be guessed from counting merged inotify events. The
termios of the slave live as long as the master, so it is raw before its name appears.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import select
import termios
import time
from enum import Enum

from gateway.services.api_line import LineReceiver, UartSettings
from gateway.services.descriptor_line import DescriptorLine, LineUnavailable
from gateway.services.inotify import CLOSED, OPENED, OpenWatch
from gateway.services.raw_terminal import make_raw, throw_output_away

# A client that opens a line usually throws away what waits in it before it listens.
SETTLING_SECONDS = 0.025

# Within this time after the last closing the hang-up has been seen, if there is one.
REOPENING_SECONDS = 0.05

_logger = logging.getLogger("gateway.uart")


class _Other(Enum):
    """The other end."""

    ABSENT = 0
    OPENING = 1
    PRESENT = 2


class PseudoTerminal(DescriptorLine):
    """A new pseudo-terminal whose slave is found at `link`, a symlink that is made here.

    A symlink that is there already is replaced, anything else is not: LineUnavailable. It
    takes any UART settings and ignores them (contract, section 2).
    """

    def __init__(self, link: str, settings: UartSettings | None = None) -> None:
        master, slave = os.openpty()
        super().__init__(master, settings or UartSettings())
        os.set_blocking(master, False)
        make_raw(master)
        # The kernel lets group tty write to it, as to a terminal that somebody is logged in at.
        os.fchmod(slave, 0o600)
        self._path = os.ttyname(slave)
        self._link = link
        self._spare_slave: int | None = slave
        self._watch: OpenWatch | None = None
        self._other = _Other.ABSENT
        self._heard = False
        self._opens = 0
        self._closed_at = 0.0
        self._settling: asyncio.TimerHandle | None = None
        self._hang_up = select.poll()
        self._hang_up.register(master, 0)
        try:
            _replace_symlink(self._path, link)
        except BaseException:
            os.close(master)
            os.close(slave)
            raise

    @property
    def path(self) -> str:
        """The slave's own name, `/dev/pts/N`."""
        return self._path

    @property
    def listening(self) -> bool:
        """Whether somebody has the other end open, so that what is written is not dropped."""
        return self._other is _Other.PRESENT

    def start(self, receiver: LineReceiver) -> None:
        """Give what comes to `receiver`; `opened` is called for whoever opens it from now on,
        or has opened it since it was made."""
        first = self._loop is None
        super().start(receiver)
        if first and self._usable:
            self._watch_the_other_end()

    def seconds(self, count: int) -> float:
        """How long `count` bytes are on the wire: 0, there is none."""
        return 0.0

    async def probe(self, settings: UartSettings) -> None:
        """Any settings will do."""

    async def change(self, settings: UartSettings) -> None:
        """Remember `settings`; they have no effect."""
        self._settings = settings

    async def close(self) -> None:
        """Close the pseudo-terminal and remove its symlink, unless that leads elsewhere now."""
        if self._descriptor < 0:
            return
        self._stop()
        if self._watch:
            self._watch.close()
        if self._spare_slave is not None:
            os.close(self._spare_slave)
        os.close(self._descriptor)
        self._descriptor = -1
        try:
            if os.readlink(self._link) == self._path:
                os.unlink(self._link)
        except OSError as error:
            _logger.debug("%s was not removed: %s", self._link, error)

    def _stop(self) -> None:
        if self._watch and self._loop:
            self._loop.remove_reader(self._watch.descriptor)
        self._cancel_settling()
        super()._stop()

    def _watch_the_other_end(self) -> None:
        assert self._loop
        assert self._spare_slave is not None
        try:
            self._watch = OpenWatch(self._path)
        except OSError as error:
            # Our own slave stays open: the master never hangs up, somebody is always there.
            _logger.warning("cannot see who opens %s: %s", self._link, error)
            self._loop.call_soon(self._announce)
            return
        self._loop.add_reader(self._watch.descriptor, self._other_end_changed)
        os.close(self._spare_slave)
        self._spare_slave = None
        self._watch.events()  # that was ourselves
        if not self._is_hung_up():
            self._opens = 1
            self._arrive()

    def _other_end_changed(self) -> None:
        events = self._watch.events() if self._watch else ()
        if not events:
            return
        opened = reopened = False
        for mask in events:
            if mask & OPENED:
                opened = True
                reopened = reopened or self._is_reopening()
                self._opens += 1
            elif mask & CLOSED:
                self._opens = max(0, self._opens - 1)
                self._closed_at = time.monotonic()
        hung_up = self._is_hung_up()
        if self._other is not _Other.ABSENT and (reopened or (hung_up and self._paused)):
            self._depart()
        if opened:
            # Even of somebody who is gone already there may be something to read.
            self._watch_input()
            if not hung_up and self._other is _Other.ABSENT:
                self._arrive()

    def _is_reopening(self) -> bool:
        """Whether an opening that is told now follows the last client's closing.

        It may come before the hang-up was seen, and so undo it. Later than that it is a
        second client's: the kernel merges events, and the count may have missed the first.
        """
        moment = self._paused or time.monotonic() - self._closed_at < REOPENING_SECONDS
        return self._opens == 0 and moment

    def _is_hung_up(self) -> bool:
        return any(event & select.POLLHUP for _, event in self._hang_up.poll(0))

    def _other_is(self, other: _Other) -> None:
        self._other = other
        self._heard = other is _Other.PRESENT and self._usable

    def _arrive(self) -> None:
        assert self._loop
        self._other_is(_Other.OPENING)
        self._settling = self._loop.call_later(SETTLING_SECONDS, self._announce)

    def _announce(self) -> None:
        self._cancel_settling()
        self._other_is(_Other.PRESENT)
        if self._receiver:
            self._receiver.opened()

    def _depart(self) -> None:
        """Forget what the one who left did not read, and whatever mode it left the line in."""
        self._cancel_settling()
        self._other_is(_Other.ABSENT)
        if self._is_hung_up():
            self._opens = 0
            make_raw(self._descriptor)
        throw_output_away(self._descriptor)
        if self._buffer:
            self._buffer.clear()
            self._output_empty()

    def _empty_driver(self) -> None:
        with contextlib.suppress(termios.error):
            throw_output_away(self._descriptor)

    def _cancel_settling(self) -> None:
        if self._settling:
            self._settling.cancel()
            self._settling = None

    def _deliver(self, data: bytes) -> None:
        # These bytes may be the first of somebody whose opening has not been looked at yet.
        if self._watch is not None and self._watch.has_news:
            self._other_end_changed()
        if self._other is not _Other.PRESENT:
            self._announce()
        if self._receiver:
            self._receiver.data_received(data)

    def _read_failed(self, error: Exception) -> None:
        if not (isinstance(error, OSError) and error.errno == errno.EIO):
            super()._read_failed(error)
            return
        self._unwatch_input()
        if self._other is not _Other.ABSENT:
            self._depart()

    def _write_stalled(self) -> None:
        # A hung-up descriptor counts as writable for ever, which would keep the loop busy.
        if self._is_hung_up():
            self._depart()


def _replace_symlink(target: str, link: str) -> None:
    """Let `link` lead to `target`, in one step. LineUnavailable if something else is there."""
    if os.path.lexists(link) and not os.path.islink(link):
        raise LineUnavailable(f"{link} exists and is no symlink: remove it or name another path")
    folder, name = os.path.split(link)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}")
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        os.symlink(target, temporary)
        os.replace(temporary, link)
    except OSError as error:
        raise LineUnavailable(f"cannot make the symlink {link}: {error.strerror}") from error
