"""A TLS server's end that renews its keys as often as it is told (RFC 8446, section 4.6.3)."""

from __future__ import annotations

import ctypes
import ssl

from gateway.services import openssl

NOT_REQUESTED, REQUESTED = 0, 1
"""Whether the other end is asked to renew its own keys as well."""


def update_keys(end: ssl.SSLSocket | ssl.SSLObject, request: int = NOT_REQUESTED) -> bool:
    """Send one key update; False where the message before it is not gone yet."""
    library = openssl.library()
    assert library is not None
    library.SSL_key_update.argtypes = (ctypes.c_void_p, ctypes.c_int)
    library.SSL_do_handshake.argtypes = (ctypes.c_void_p,)
    connection = openssl.connection_pointer(end)
    library.SSL_key_update(connection, request)
    done = library.SSL_do_handshake(connection) == 1
    library.ERR_clear_error()  # what is left there would be the next call's
    return bool(done)
