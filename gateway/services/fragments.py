"""Maximum Fragment Length (RFC 6066, section 4) with the system's OpenSSL.

Python's `ssl` has no call for it, OpenSSL has: the C functions are reached with ctypes. Both
`SSL_CTX*` and `SSL_SESSION*` are the first field of the Python object that owns them, right
behind the object header. That is CPython's private matter, so it is put to the test once,
before the first use, with a context of our own; where the test fails, the extension is not
available, which is said once in the journal, and everything else goes on without it.
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
    # Each access makes a new session object: this one must live while its pointer is used.
    session = tls.session
    if library is None or session is None:
        return 0
    return _LENGTHS.get(library.SSL_SESSION_get_max_fragment_length(_pointer(session)), 0)


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
    library.SSL_SESSION_get_max_fragment_length.argtypes = (ctypes.c_void_p,)
    library.SSL_SESSION_get_max_fragment_length.restype = ctypes.c_uint8
    return library


def _try_out(library: ctypes.CDLL) -> None:
    """Compare what OpenSSL tells through our pointer with what Python tells, twice over."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for options in (context.options, context.options ^ ssl.OP_NO_TICKET):
        context.options = options
        if library.SSL_CTX_get_options(_pointer(context)) != int(context.options):
            raise FragmentsUnavailable("the TLS context is not where it was expected in memory")


def _pointer(owner: ssl.SSLContext | ssl.SSLSession) -> int | None:
    """The C pointer that is the first field of `owner`."""
    import ctypes

    return ctypes.c_void_p.from_address(id(owner) + object.__basicsize__).value
