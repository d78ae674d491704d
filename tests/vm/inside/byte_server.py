"""A server at the far end of the air: gives a megabyte, takes one and tells its digest.

    usage: byte_server.py ADDRESS PORT [CERTIFICATE KEY]

A client's first line says what it wants: `GET` is answered with `MEGABYTE` and the end of the
connection, `PUT` and a megabyte with the SHA-256 of it in hexadecimal.
"""

from __future__ import annotations

import hashlib
import socketserver
import ssl
import sys

MEGABYTE = b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(1 << 15))


class Conversation(socketserver.StreamRequestHandler):
    """One client's."""

    def handle(self) -> None:
        """Answer its first line."""
        if self.rfile.readline() == b"GET\n":
            self.wfile.write(MEGABYTE)
        else:
            digest = hashlib.sha256(self.rfile.read(len(MEGABYTE)))
            self.wfile.write(digest.hexdigest().encode())


class Server(socketserver.ThreadingTCPServer):
    """Plain, or with TLS."""

    allow_reuse_address = True
    daemon_threads = True


def main() -> None:
    """Serve for ever."""
    address, port, *files = sys.argv[1:]
    with Server((address, int(port)), Conversation) as server:
        if files:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*files)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
