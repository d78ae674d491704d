"""What OpenSSL has and Python's `ssl` has no call for, reached with ctypes.

`SSL_CTX*` is the first field of the Python object that owns it, right behind the object header,
and `SSL*` the second, before a reference to the context. That is CPython's private matter, so it
is put to the test once, before the first use, with a context and a connection of our own; where
the test fails, what is here is not available, which is said once in the journal, and everything
else goes on without it.
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

# Tried with these and no others: with another layout the very test would read foreign memory.
_TRIED = ((3, 11), (3, 14))
# <openssl/ssl.h>
_CLEAR_MODE = 78
_AUTO_RETRY = 4


class OpensslUnavailable(Exception):
    """OpenSSL's own functions cannot be reached; the text is the cause."""


@functools.cache
def library() -> ctypes.CDLL | None:
    """OpenSSL's functions; None where they cannot be reached, said once in the journal.

    The first call imports ctypes, which takes longer than the event loop may wait.
    """
    try:
        found = _open()
        _try_out(found)
    except (OpensslUnavailable, ImportError, MemoryError, OSError, AttributeError) as error:
        log.warning(
            "no Maximum Fragment Length, and no turns for a TLS peer that sends without end: %s",
            error,
        )
        return None
    return found


def loaded_library() -> ctypes.CDLL | None:
    """The same, and None too where nobody has asked for it yet."""
    return library() if library.cache_info().currsize else None


def return_after_each_record(tls: ssl.SSLSocket) -> None:
    """Let reading return, with `SSLWantReadError`, behind each record that holds no data.

    Python has OpenSSL go on by itself (SSL_MODE_AUTO_RETRY), so that a peer that sends key
    updates (RFC 8446, section 4.6.3) as fast as it can would be read for as long as it does,
    in one call. Does nothing where OpenSSL cannot be reached.
    """
    found = library()
    if found is not None and (connection := connection_pointer(tls)) is not None:
        found.SSL_ctrl(connection, _CLEAR_MODE, _AUTO_RETRY, None)


def context_pointer(context: ssl.SSLContext) -> int | None:
    """The `SSL_CTX*` of a context."""
    return _field(context, 0)


def connection_pointer(tls: ssl.SSLSocket | ssl.SSLObject) -> int | None:
    """The `SSL*` of a connection, None once it is closed."""
    inner = tls._sslobj  # type: ignore[union-attr]
    return None if inner is None else _field(inner, 1)


def _open() -> ctypes.CDLL:
    """The OpenSSL that `ssl` itself uses, with the few functions needed."""
    if sys.implementation.name != "cpython" or not _TRIED[0] <= sys.version_info[:2] < _TRIED[1]:
        raise OpensslUnavailable("this Python keeps its TLS objects in a form not known here")
    import ctypes

    spec = importlib.util.find_spec("_ssl")
    # Symbols are looked up in the extension module and then in the libraries it is linked
    # with, so this can never be a second copy of OpenSSL. An `_ssl` that is built into the
    # interpreter has no file of its own: then the whole program is searched.
    found = ctypes.CDLL(spec.origin if spec is not None and spec.has_location else None)
    pointer, number, byte = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint8
    for name, result, arguments in (
        ("SSL_CTX_get_options", ctypes.c_uint64, (pointer,)),
        ("SSL_CTX_set_tlsext_max_fragment_length", number, (pointer, byte)),
        ("SSL_get_SSL_CTX", pointer, (pointer,)),
        ("SSL_get_session", pointer, (pointer,)),
        ("SSL_SESSION_get_max_fragment_length", byte, (pointer,)),
        ("SSL_ctrl", ctypes.c_long, (pointer, number, ctypes.c_long, pointer)),
    ):
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    return found


def _try_out(found: ctypes.CDLL) -> None:
    """Compare what OpenSSL tells through our pointers with what Python tells, twice over."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for options in (context.options, context.options ^ ssl.OP_NO_TICKET):
        context.options = options
        if found.SSL_CTX_get_options(context_pointer(context)) != int(context.options):
            raise OpensslUnavailable("the TLS context is not where it was expected in memory")
    for _ in range(2):
        tls = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())._sslobj  # type: ignore[attr-defined]
        connection = _field(tls, 1)
        # the reference behind it first: what is no pointer of OpenSSL's must not be followed
        if _field(tls, 2) != id(context) or connection is None:
            raise OpensslUnavailable("the TLS connection is not where it was expected in memory")
        if found.SSL_get_SSL_CTX(connection) != context_pointer(context):
            raise OpensslUnavailable("the TLS connection does not lead to its context")


def _field(owner: object, number: int) -> int | None:
    """The pointer that is the first, second … field of a Python object made in C."""
    import ctypes

    width = ctypes.sizeof(ctypes.c_void_p)
    return ctypes.c_void_p.from_address(id(owner) + object.__basicsize__ + number * width).value
