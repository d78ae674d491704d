"""Files that are replaced whole, so that a power cut or a kill leaves the old or the new."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import stat
from pathlib import Path

LARGEST = 1 << 20
"""Bytes; what is larger was not written here."""

MOST_SET_ASIDE = 9

_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM)


class Unreadable(ValueError):
    """A file that cannot be read, now or later."""


def replace_file(file: Path, text: str) -> None:
    """Put `text` in the place of what is in `file`, readable by its owner alone (0600).

    It is on the disk on return: new file, fsync, rename, fsync of the folder, which is made
    for its owner alone (0700) if there is none. What root writes belongs to the folder's owner,
    who is to read it as well, and who cannot lead root to another file. Takes as long as the
    disk does: call it in a thread. Raises OSError.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_name(file.name + ".new")
    try:
        _write_new(new, text)
        os.rename(new, file)
    except OSError:
        # On a full disk half a file would take the room that is missing.
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    directory = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _write_new(new: Path, text: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    # O_EXCL follows no symlink and opens nothing that is there already.
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as stream:
        os.fchmod(descriptor, 0o600)
        if os.geteuid() == 0:
            folder = new.parent.stat()
            os.fchown(descriptor, folder.st_uid, folder.st_gid)
        stream.write(text)
        stream.flush()
        os.fsync(descriptor)


def read_file(file: Path) -> str:
    """The text of a file that `replace_file` may have written.

    Raises Unreadable for what it never writes: what is no file (a named pipe would not end),
    is larger than LARGEST, or is not UTF-8; and for what the disk or the permissions refuse.
    Raises FileNotFoundError, and OSError where the machine is out of descriptors or memory:
    then nothing is known of the file.
    """
    try:
        return _read(file).decode("utf-8")
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in _PASSING:
            raise
        raise Unreadable(str(error)) from error
    except ValueError as error:
        raise Unreadable(str(error)) from error


def _read(file: Path) -> bytes:
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is not a file")
        data = bytearray()
        while len(data) <= LARGEST and (more := os.read(descriptor, LARGEST)):
            data += more
    finally:
        os.close(descriptor)
    if len(data) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST} bytes")
    return bytes(data)


def remedy(error: OSError, folder: Path) -> str:
    """Why `folder` cannot be written to, and what to do about it; for the journal."""
    why, where = error.strerror or str(error), shlex.quote(str(folder))
    if error.errno in _DISK_FULL:
        return f"{why}; make room there: df -h {where}"
    if error.errno == errno.EROFS:
        return f"{why}; a worn SD card becomes so: dmesg tells, a reboot tries again"
    if error.errno in _FORBIDDEN:
        return f"{why}; it must belong to the user of the service: ls -ld {where}"
    return why


def set_aside(file: Path) -> str:
    """Rename a file that cannot be read to `.bad`; gives what became of it, for the journal.

    What was set aside before is kept: this one is `.bad.2` then, and so on up to
    MOST_SET_ASIDE, of which the last is replaced.
    """
    bad = file.with_name(file.name + ".bad")
    number = 1
    while os.path.lexists(bad) and number < MOST_SET_ASIDE:
        number += 1
        bad = file.with_name(f"{file.name}.bad.{number}")
    try:
        os.replace(file, bad)
    except OSError as error:
        return f"and cannot be set aside: {error.strerror}"
    return f"kept as {bad}"
