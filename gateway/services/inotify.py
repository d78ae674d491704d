"""What happens to files, told by the kernel (inotify(7)), which Python does not offer."""

from __future__ import annotations

import os
import select
import struct
from collections.abc import Sequence

OPENED = 0x20
CLOSED = 0x08 | 0x10  # IN_CLOSE_WRITE | IN_CLOSE_NOWRITE
# IN_ATTRIB | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF | IN_ONLYDIR
_ARRIVAL = 0x04 | 0x80 | 0x100 | 0x400 | 0x0100_0000
_OVERFLOW = 0x4000

_HEADER = struct.Struct("iIII")


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
        try:
            self.add(path, OPENED | CLOSED)
        except OSError:
            self.close()
            raise

    def events(self) -> Sequence[int]:
        """What happened since the last call, in order: masks with OPENED or CLOSED bits.

        The kernel merges equal consecutive events that nobody has read yet, so that counting
        them tells too little. Never blocks.
        """
        # asked at each read of the line: a failing read costs an exception with its text
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
