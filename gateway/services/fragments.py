"""Maximum Fragment Length (RFC 6066, section 4) with the system's OpenSSL.

Python's own `SSLSocket.session` is not asked: until 3.12.8 and 3.13.1 each time it is read costs
5 KB that are never given back (https://github.com/python/cpython/issues/116810).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.services import openssl

if TYPE_CHECKING:
    import ssl

_CODES = {512: 1, 1024: 2, 2048: 3, 4096: 4}
_LENGTHS = {code: length for length, code in _CODES.items()}


def offer(context: ssl.SSLContext, length: int) -> None:
    """Let client `context` offer fragments of at most `length` bytes: 512, 1024, 2048, 4096.

    Does nothing where OpenSSL cannot be reached. Raises ValueError for another length.
    """
    if length not in _CODES:
        raise ValueError(f"no Maximum Fragment Length of {length} (RFC 6066, section 4)")
    library = openssl.library()
    if library is None:
        return
    import ssl

    pointer = openssl.context_pointer(context)
    if library.SSL_CTX_set_tlsext_max_fragment_length(pointer, _CODES[length]) != 1:
        raise ssl.SSLError(f"OpenSSL does not take a Maximum Fragment Length of {length}")


def agreed(tls: ssl.SSLSocket | ssl.SSLObject) -> int:
    """The fragment length in bytes that client and server agreed on; 0 is none.

    `tls` has its handshake behind it.
    """
    library = openssl.loaded_library()
    connection = openssl.connection_pointer(tls) if library is not None else None
    if library is None or connection is None:
        return 0
    # borrowed: it lives as long as the connection has it
    session = library.SSL_get_session(connection)
    return _LENGTHS.get(library.SSL_SESSION_get_max_fragment_length(session), 0) if session else 0
