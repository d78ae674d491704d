"""A web server with one page, plain on port 80 and with TLS on port 443; needs Python alone.

usage: page_server.py ADDRESS CERTIFICATE KEY
"""

from __future__ import annotations

import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = b"Hello from the far end of the air.\n"


class Handler(BaseHTTPRequestHandler):
    """Answers every GET with `PAGE`."""

    def do_GET(self) -> None:
        """The page, and the end of the connection."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)


def main() -> None:
    """Serve for ever."""
    address, certificate, key = sys.argv[1:]
    plain = ThreadingHTTPServer((address, 80), Handler)
    secure = ThreadingHTTPServer((address, 443), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    secure.socket = context.wrap_socket(
        secure.socket, server_side=True, do_handshake_on_connect=False
    )
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    secure.serve_forever()


if __name__ == "__main__":
    main()
