"""No core dump: it would hold the passwords of access points."""

from __future__ import annotations

import resource


def forbid() -> None:
    """Let no crash of this process write its memory anywhere.

    A limit of 0 forbids the file only: where core(5)'s pattern names a program that collects
    crashes, that one is given the memory all the same. With 1 byte neither happens: no file is
    that small, and for the kernel it is the mark of a process that must not be dumped to a
    program.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    limit = 0 if hard == 0 else 1
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
