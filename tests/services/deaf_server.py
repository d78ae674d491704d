"""A TLS server that knows no Maximum Fragment Length, made from one that does.

OpenSSL shows each handshake message to a callback, after its checksum has been taken and
before it is read. Giving the extension another number there, one that nobody knows, makes a
server that has never heard of it, in a handshake that is otherwise sound.
"""

from __future__ import annotations

import _ssl
import ctypes
import ssl

_CLIENT_HELLO = 1
_UNKNOWN = b"\xfa\xfa"

_Callback = ctypes.CFUNCTYPE(
    None,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_void_p,
    ctypes.c_void_p,
)


def extensions(hello: bytes) -> dict[int, tuple[int, bytes]]:
    """Of a ClientHello handshake message: each extension's offset and content by its number."""
    at = 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at : at + 2], "big")
    at += 1 + hello[at]
    at += 2
    found = {}
    while at < len(hello):
        number, length = (int.from_bytes(hello[at + i : at + i + 2], "big") for i in (0, 2))
        found[number] = at, hello[at + 4 : at + 4 + length]
        at += 4 + length
    return found


def _forget(written: int, _: int, content: int, data: int, length: int, *_more: object) -> None:
    message = ctypes.string_at(data, length) if data and not written and content == 22 else b""
    if message[:1] == bytes([_CLIENT_HELLO]) and 1 in extensions(message):
        offset, _content = extensions(message)[1]
        ctypes.memmove(data + offset, _UNKNOWN, 2)


_forget_it = _Callback(_forget)


def deafen(context: ssl.SSLContext) -> None:
    """Let the server `context` ignore the Maximum Fragment Length extension."""
    library = ctypes.CDLL(_ssl.__file__)
    library.SSL_CTX_set_msg_callback.argtypes = (ctypes.c_void_p, _Callback)
    pointer = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
    library.SSL_CTX_set_msg_callback(pointer, _forget_it)
