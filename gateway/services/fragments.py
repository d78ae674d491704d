"""Maximum Fragment Length (RFC 6066, section 4) with the system's OpenSSL.

Python's `ssl` has no call for it, OpenSSL has: the C functions are reached with ctypes.
`SSL_CTX*` is the first field of the Python object that owns it, right behind the object header,
and `SSL*` the second, before a reference to the context. That is CPython's private matter, so it
is put to the test once, before the first use, with a context and a connection of our own; where
the test fails, the extension is not available, which is said once in the journal, and everything
else goes on without it.

Python's own `SSLSocket.session` is not asked: until 3.12.8 and 3.13.1 each time it is read costs
5 KB that are never given back (https://github.com/python/cpython/issues/116810).
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ctypes
    import ssl

log = logging.getLogger(__name__)

_CODES = {512: 1, 1024: 2, 2048: 3, 4096: 4}
_LENGTHS = {code: length for length, code in _CODES.items()}

# Tried with these and no others: with another layout the very test would read foreign memory.
_TRIED = ((3, 11), (3, 14))


class FragmentsUnavailable(Exception):
    """OpenSSL's Maximum Fragment Length cannot be reached; the text is the cause."""


def available() -> bool:
    """Whether the extension can be offered here; says the cause once in the journal if not.

    The first call imports ctypes, which takes longer than the event loop may wait.
    """
    return _library() is not None


def offer(context: ssl.SSLContext, length: int) -> None:
    """Let client `context` offer fragments of at most `length` bytes: 512, 1024, 2048, 4096.

    Does nothing where `available` is false. Raises ValueError for another length.
    """
    if length not in _CODES:
        raise ValueError(f"no Maximum Fragment Length of {length} (RFC 6066, section 4)")
    library = _library()
    if library is None:
        return
    import ssl

    if library.SSL_CTX_set_tlsext_max_fragment_length(_pointer(context), _CODES[length]) != 1:
        raise ssl.SSLError(f"OpenSSL does not take a Maximum Fragment Length of {length}")


def agreed(tls: ssl.SSLSocket | ssl.SSLObject) -> int:
    """The fragment length in bytes that client and server agreed on; 0 is none.

    Cheap where nothing was ever offered. `tls` has its handshake behind it.
    """
    library = _library() if _library.cache_info().currsize else None
    inner = tls._sslobj  # type: ignore[union-attr]  # None once it is closed
    connection = _field(inner, 1) if library is not None and inner is not None else None
    if library is None or connection is None:
        return 0
    # borrowed: it lives as long as the connection has it
    session = library.SSL_get_session(connection)
    return _LENGTHS.get(library.SSL_SESSION_get_max_fragment_length(session), 0) if session else 0


@functools.cache
def _library() -> ctypes.CDLL | None:
    try:
        library = _open()
        _try_out(library)
    except (FragmentsUnavailable, OSError, AttributeError) as error:
        log.warning("Maximum Fragment Length is not available: %s", error)
        return None
    return library


def _open() -> ctypes.CDLL:
    """The OpenSSL that `ssl` itself uses, with the few functions needed."""
    if sys.implementation.name != "cpython" or not _TRIED[0] <= sys.version_info[:2] < _TRIED[1]:
        raise FragmentsUnavailable("this Python keeps its TLS objects in a form not known here")
    import ctypes

    spec = importlib.util.find_spec("_ssl")
    # Symbols are looked up in the extension module and then in the libraries it is linked
    # with, so this can never be a second copy of OpenSSL. An `_ssl` that is built into the
    # interpreter has no file of its own: then the whole program is searched.
    library = ctypes.CDLL(spec.origin if spec is not None and spec.has_location else None)
    library.SSL_CTX_get_options.argtypes = (ctypes.c_void_p,)
    library.SSL_CTX_get_options.restype = ctypes.c_uint64
    library.SSL_CTX_set_tlsext_max_fragment_length.argtypes = (ctypes.c_void_p, ctypes.c_uint8)
    library.SSL_CTX_set_tlsext_max_fragment_length.restype = ctypes.c_int
    library.SSL_get_SSL_CTX.argtypes = (ctypes.c_void_p,)
    library.SSL_get_SSL_CTX.restype = ctypes.c_void_p
    library.SSL_get_session.argtypes = (ctypes.c_void_p,)
    library.SSL_get_session.restype = ctypes.c_void_p
    library.SSL_SESSION_get_max_fragment_length.argtypes = (ctypes.c_void_p,)
    library.SSL_SESSION_get_max_fragment_length.restype = ctypes.c_uint8
    return library


def _try_out(library: ctypes.CDLL) -> None:
    """Compare what OpenSSL tells through our pointers with what Python tells, twice over."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for options in (context.options, context.options ^ ssl.OP_NO_TICKET):
        context.options = options
        if library.SSL_CTX_get_options(_pointer(context)) != int(context.options):
            raise FragmentsUnavailable("the TLS context is not where it was expected in memory")
    for _ in range(2):
        tls = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())._sslobj  # type: ignore[attr-defined]
        connection = _field(tls, 1)
        # the reference behind it first: what is no pointer of OpenSSL's must not be followed
        if _field(tls, 2) != id(context) or connection is None:
            raise FragmentsUnavailable("the TLS connection is not where it was expected in memory")
        if library.SSL_get_SSL_CTX(connection) != _pointer(context):
            raise FragmentsUnavailable("the TLS connection does not lead to its context")


def _pointer(context: ssl.SSLContext) -> int | None:
    """The `SSL_CTX*` of a context."""
    return _field(context, 0)


def _field(owner: object, number: int) -> int | None:
    """The pointer that is the first, second … field of a Python object made in C."""
    import ctypes

    width = ctypes.sizeof(ctypes.c_void_p)
    return ctypes.c_void_p.from_address(id(owner) + object.__basicsize__ + number * width).value
