"""Files that are replaced whole, so that a power cut or a kill leaves the old or the new."""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(file: Path, text: str) -> None:
    """Put `text` in the place of what is in `file`, readable by its owner alone (0600).

    It is on the disk on return: new file, fsync, rename, fsync of the folder, which is made
    if there is none. What root writes belongs to the folder's owner, who is to read it as
    well. Takes as long as the disk does: call it in a thread. Raises OSError.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(file.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as stream:
        os.fchmod(descriptor, 0o600)
        if os.geteuid() == 0:
            folder = file.parent.stat()
            os.fchown(descriptor, folder.st_uid, folder.st_gid)
        stream.write(text)
        stream.flush()
        os.fsync(descriptor)
    os.rename(new, file)
    directory = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def set_aside(file: Path) -> str:
    """Rename a file that cannot be read to `.bad`; gives what became of it, for the journal."""
    bad = file.with_name(file.name + ".bad")
    try:
        os.replace(file, bad)
    except OSError as error:
        return f"and cannot be set aside: {error.strerror}"
    return f"kept as {bad}"
