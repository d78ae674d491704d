"""Servers that nobody here wrote, and one that counts what it gets."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.peers import free_port
from tests.system.line_client import LIMIT

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")

_NGINX_CONFIGURATION = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{ worker_connections 16; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_timeout 0;
    server {{
        listen 127.0.0.1:{port};
        root {root};
    }}
}}
"""


@contextlib.contextmanager
def python_http_server(root: Path) -> Iterator[int]:
    """`python -m http.server` with the files of `root`; its port."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            port = re.search(r" port (\d+)", said)
            assert port, said
            yield int(port[1])
        finally:
            process.kill()


@contextlib.contextmanager
def nginx_server(root: Path, folder: Path) -> Iterator[int]:
    """nginx with the files of `root`, and its own in `folder`; its port."""
    assert NGINX is not None
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(_NGINX_CONFIGURATION.format(folder=folder, root=root, port=port))
    process = subprocess.Popen(
        [NGINX, "-c", str(configuration), "-p", str(folder), "-e", "stderr"],
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stderr is not None
            # It listens before it says so.
            while "using the" not in (said := process.stderr.readline()):
                assert said, "nginx ended"
            yield port
        finally:
            process.kill()


class Sink:
    """A server that takes all that one client sends, and remembers its digest.

    With `context` it speaks TLS.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(LIMIT)
        self.port = int(self._server.getsockname()[1])
        self._digest = hashlib.sha256()
        self._thread = threading.Thread(target=self._take, name="sink")

    def __enter__(self) -> Sink:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._server.close()

    def digest(self) -> str:
        """The SHA-256 digest of all that came, once the client has closed."""
        self._thread.join()
        return self._digest.hexdigest()

    def _take(self) -> None:
        with contextlib.suppress(TimeoutError):
            connection = accept(self._server)
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                while data := connection.recv(65536):
                    self._digest.update(data)


@contextlib.contextmanager
def listening() -> Iterator[socket.socket]:
    """A listening socket; accepting waits LIMIT seconds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LIMIT)
        yield server


def port_of(server: socket.socket) -> int:
    """The port that a socket is bound to."""
    return int(server.getsockname()[1])


def accept(server: socket.socket) -> socket.socket:
    """The next connection; reading it waits LIMIT seconds."""
    connection, _ = server.accept()
    connection.settimeout(LIMIT)
    return connection


def receive(connection: socket.socket, count: int) -> bytes:
    """Exactly `count` bytes."""
    data = bytearray()
    while len(data) < count:
        more = connection.recv(count - len(data))
        assert more, f"closed after {len(data)} of {count} bytes"
        data += more
    return bytes(data)
