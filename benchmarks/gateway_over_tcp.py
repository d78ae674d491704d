"""The gateway on a TCP connection in place of a serial line: `PROGRAM PORT run OPTION…`.

espemu has no other channel, so this is how the two are compared on espemu's ground. PROGRAM is
the folder with the package `gateway`; the options are those of `esp-at-gateway run`. It listens
on 127.0.0.1:PORT for one client, before anything else. All but the line is the gateway's own.
"""

from __future__ import annotations

import socket
import sys


def accepted(port: int) -> socket.socket:
    """The first client that comes."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setblocking(False)
    return connection


def main(program: str, port: int, arguments: list[str]) -> int:
    """Serve the client of `port` as if it were a line; the program's exit status."""
    sys.path.insert(0, program)

    from gateway import cli
    from gateway.services import uart as lines
    from gateway.services.api_line import Line, UartSettings
    from gateway.services.descriptor_line import DescriptorLine

    class Connection(DescriptorLine):
        """A connected socket, read and written as the serial lines' descriptors are."""

        def __init__(self, connection: socket.socket, settings: UartSettings) -> None:
            super().__init__(connection.fileno(), settings)
            self._connection = connection

        def seconds(self, count: int) -> float:
            """There is no wire."""
            return 0.0

        async def probe(self, settings: UartSettings) -> None:
            """Any settings will do."""

        async def change(self, settings: UartSettings) -> None:
            """Remember `settings`."""
            self._settings = settings

        async def close(self) -> None:
            """Close the connection."""
            self._stop()
            self._connection.close()

    connection = accepted(port)

    def open_line(uart: str, settings: UartSettings) -> Line:
        """The connection, whatever line is named."""
        return Connection(connection, settings)

    # Before whoever opens the line has imported it.
    lines.open_line = open_line
    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
