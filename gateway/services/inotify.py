"""Who opens and closes a file, told by the kernel (inotify(7)), which Python does not offer."""

from __future__ import annotations

import os
import select
import struct
from collections.abc import Sequence

OPENED = 0x20
CLOSED = 0x08 | 0x10  # IN_CLOSE_WRITE | IN_CLOSE_NOWRITE
_OVERFLOW = 0x4000

_HEADER = struct.Struct("iIII")


class OpenWatch:
    """Tells when `path` is opened and closed. `descriptor` becomes readable then.

    Raises OSError where the kernel has no inotify, no more instances (a limit per user), or
    cannot watch this file.
    """

    def __init__(self, path: str) -> None:
        import ctypes  # 10 ms, and only a pseudo-terminal wants it

        library = ctypes.CDLL(None, use_errno=True)
        try:
            initialise, add_watch = library.inotify_init1, library.inotify_add_watch
        except AttributeError as error:
            raise OSError("this C library has no inotify") from error
        self.descriptor: int = initialise(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.descriptor < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        self._ready = select.poll()
        self._ready.register(self.descriptor, select.POLLIN)
        if add_watch(self.descriptor, os.fsencode(path), OPENED | CLOSED) < 0:
            number = ctypes.get_errno()
            self.close()
            raise OSError(number, os.strerror(number), path)

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

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)
