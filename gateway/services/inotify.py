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
    """Tells when something of `mask` happens to one of `paths`: `descriptor` is readable then.

    Raises OSError where the kernel has no inotify, no more instances (a limit per user), or
    cannot watch one of them.
    """

    def __init__(self, paths: Sequence[str], mask: int) -> None:
        import ctypes  # 10 ms, and only a line that comes and goes wants it

        library = ctypes.CDLL(None, use_errno=True)
        try:
            initialise, add_watch = library.inotify_init1, library.inotify_add_watch
        except AttributeError as error:
            raise OSError("this C library has no inotify") from error
        self.descriptor: int = initialise(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.descriptor < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        for path in paths:
            if add_watch(self.descriptor, os.fsencode(path), mask) < 0:
                number = ctypes.get_errno()
                self.close()
                raise OSError(number, os.strerror(number), path)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)


class ArrivalWatch(Watch):
    """Tells when something comes into one of these folders, gets other rights, or they go."""

    def __init__(self, folders: Sequence[str]) -> None:
        super().__init__(folders, _ARRIVAL)


class OpenWatch(Watch):
    """Tells when `path` is opened and closed."""

    def __init__(self, path: str) -> None:
        super().__init__([path], OPENED | CLOSED)
        self._ready = select.poll()
        self._ready.register(self.descriptor, select.POLLIN)

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
