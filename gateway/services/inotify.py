"""What happens to files, told by the kernel (inotify(7)), which Python does not offer."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import threading
from collections.abc import Sequence
from types import FrameType
from weakref import WeakSet

OPENED = 0x20
CLOSED = 0x08 | 0x10  # IN_CLOSE_WRITE | IN_CLOSE_NOWRITE
# IN_ATTRIB | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF | IN_ONLYDIR
_ARRIVAL = 0x04 | 0x80 | 0x100 | 0x400 | 0x0100_0000
_OVERFLOW = 0x4000

_HEADER = struct.Struct("iIII")

# fcntl(2): F_SETOWN_EX, its struct f_owner_ex, and F_OWNER_TID
_SET_OWNER = 15
_OWNER = struct.Struct("ii")
_THREAD = 0


class Watch:
    """Tells what happens to files: `descriptor` is readable then.

    Raises OSError where the kernel has no inotify, or no more instances (a limit per user).
    """

    def __init__(self) -> None:
        import ctypes  # 10 ms, and only a line that comes and goes wants it

        library = ctypes.CDLL(None, use_errno=True)
        try:
            initialise, self._add_watch = library.inotify_init1, library.inotify_add_watch
        except AttributeError as error:
            raise OSError("this C library has no inotify") from error
        self.descriptor: int = initialise(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.descriptor < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        self._ready = select.poll()
        self._ready.register(self.descriptor, select.POLLIN)

    def add(self, path: str, mask: int) -> None:
        """Tell of what is in `mask`; again is no harm. Raises OSError."""
        import ctypes

        if self._add_watch(self.descriptor, os.fsencode(path), mask) < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)


class ArrivalWatch(Watch):
    """Tells when something comes into one of some folders, gets other rights, or they go.

    The first `add` of all takes the kernel some 100 ms, and closing may take 20: one for as
    long as it is needed, not one for each look.
    """

    def add_folder(self, path: str) -> None:
        """Tell of this folder, too; again is no harm. Raises OSError."""
        self.add(path, _ARRIVAL)

    def forget(self) -> None:
        """What has happened so far is known. Never blocks."""
        while self._ready.poll(0):
            os.read(self.descriptor, 65536)


class OpenWatch(Watch):
    """Tells when `path` is opened and closed. Raises OSError where that cannot be had."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.has_news = True
        """Whether `events` may give something. Who opens the file and then writes to it is in
        here before the bytes can be read: the kernel says so by a signal, which Python attends
        to when the read returns. So a reader need not ask each time."""
        self._signals = False
        try:
            self.add(path, OPENED | CLOSED)
        except OSError:
            self.close()
            raise
        with contextlib.suppress(OSError):  # then whoever reads has to ask each time
            self._signals = self._have_signals()

    def close(self) -> None:
        """Give the descriptor back."""
        _signalling.discard(self)
        super().close()

    def _have_signals(self) -> bool:
        """Let the kernel signal each event to this thread, where Python runs handlers in it."""
        if threading.current_thread() is not threading.main_thread():
            return False
        signal.signal(signal.SIGIO, _signalled)
        _signalling.add(self)
        owner = _OWNER.pack(_THREAD, threading.get_native_id())
        fcntl.fcntl(self.descriptor, _SET_OWNER, owner)
        flags = fcntl.fcntl(self.descriptor, fcntl.F_GETFL)
        fcntl.fcntl(self.descriptor, fcntl.F_SETFL, flags | os.O_ASYNC)
        return True

    def events(self) -> Sequence[int]:
        """What happened since the last call, in order: masks with OPENED or CLOSED bits.

        The kernel merges equal consecutive events that nobody has read yet, so that counting
        them tells too little. Never blocks.
        """
        self.has_news = not self._signals
        # a failing read costs an exception with its text
        if not self._ready.poll(0):
            return ()
        data = os.read(self.descriptor, 4096)
        masks = []
        offset = 0
        while offset < len(data):
            _, mask, _, name_length = _HEADER.unpack_from(data, offset)
            offset += _HEADER.size + name_length
            # Events that were lost may have been anything: the caller looks for itself.
            masks.append(mask | OPENED if mask & _OVERFLOW else mask)
        return masks


_signalling: WeakSet[OpenWatch] = WeakSet()


def _signalled(number: int, frame: FrameType | None) -> None:
    for watch in _signalling:
        watch.has_news = True
