"""Rounds of a conversation, one at a time: whoever counts can tell one from the next.

Each round waits for its last byte before the next one begins. So the gateway is woken for the
same things in the same order every time, however busy the machine is.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks.client import Client
from tests.services.authority import self_signed

SIZE = 2048
"""Bytes of payload in a round: the most that one `AT+CIPSEND` carries (contract, section 6)."""

PAYLOAD = bytes(range(256)) * (SIZE // 256)
SECONDS = 60.0
"""How long the far end waits for a byte before the check has failed."""

SILENCE = 0.4
"""Seconds."""

PIECES_APART = 0.005

_OK = b"\r\nOK\r\n"


class FarEnd:
    """The far end of the gateway's one link: a server on 127.0.0.1, TLS with a `context`."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._context = context
        self._link: socket.socket | None = None
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        if self._link is not None:
            self._link.close()

    def link(self, client: Client) -> None:
        """Have `client` open the gateway's link to here."""
        accepting = threading.Thread(target=self._accept, name="far end")
        accepting.start()
        kind = "TCP" if self._context is None else "SSL"
        client.command(f'AT+CIPSTART="{kind}","127.0.0.1",{self.port}')
        accepting.join()

    def _accept(self) -> None:
        self._listener.settimeout(SECONDS)
        link, _ = self._listener.accept()
        link.settimeout(SECONDS)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._link = self._context.wrap_socket(link, server_side=True) if self._context else link

    def send(self) -> None:
        """Send the payload, in one segment."""
        assert self._link is not None
        self._link.sendall(PAYLOAD)

    def take(self) -> None:
        """Read one payload."""
        assert self._link is not None
        left = SIZE
        while left:
            data = self._link.recv(left)
            if not data:
                raise EOFError("the link ended")
            left -= len(data)


def settle(client: Client) -> None:
    """Wait until the gateway has an address and says no more of it; then switch the echo off.

    What it says unasked may come right behind a reply, so no reply is waited for by its end. How
    long it may take is up to the caller.
    """
    said = b""
    while not _has_address(said):
        client.write(b"AT+CIFSR\r\n")
        said = _said(client)
    while _said(client):
        pass
    client.command("ATE0")


def _said(client: Client) -> bytes:
    """What comes until nothing has come for SILENCE."""
    said = b""
    while select.select([client.line], [], [], SILENCE)[0]:
        more = os.read(client.line, 4096)
        if not more:
            raise EOFError("the line ended")
        said += more
    return said


def _has_address(reply: bytes) -> bool:
    return any(b'IP,"' in line and b'"0.0.0.0"' not in line for line in reply.splitlines())


Talk = Callable[[Client, FarEnd], None]


@dataclass(frozen=True, slots=True)
class Round:
    """One kind of round. `begins` is what the gateway does once in each, as strace writes it."""

    name: str
    talk: Talk
    begins: str
    before: str = "AT"
    """A command that makes it possible."""


def _query(client: Client, _far: FarEnd) -> None:
    client.write(b"AT\r\n")
    client.read_until(_OK)


def _status(client: Client, _far: FarEnd) -> None:
    client.write(b"AT+CIPSTATUS\r\n")
    client.read_until(_OK)


def _up(client: Client, far: FarEnd) -> None:
    client.write(b"AT+CIPSEND=%d\r\n" % SIZE)
    client.read_until(b"> ")
    client.write(PAYLOAD)
    client.read_until(b"\r\nSEND OK\r\n")
    far.take()


def _up_in_pieces(client: Client, far: FarEnd) -> None:
    client.write(b"AT+CIPSEND=%d\r\n" % SIZE)
    client.read_until(b"> ")
    client.write(PAYLOAD[: SIZE // 2])
    # Nothing tells that it has been read. A round in which it has not is not the usual one.
    time.sleep(PIECES_APART)
    client.write(PAYLOAD[SIZE // 2 :])
    client.read_until(b"\r\nSEND OK\r\n")
    far.take()


def _down(client: Client, far: FarEnd) -> None:
    far.send()
    client.take_pushed(SIZE)


def _pull(client: Client, far: FarEnd) -> None:
    far.send()
    client.read_until(b"\r\n+IPD,%d\r\n" % SIZE)
    client.write(b"AT+CIPRECVDATA=%d\r\n" % SIZE)
    client.read_raw(len(b"\r\n+CIPRECVDATA,%d:" % SIZE) + SIZE + len(_OK))


_SEND = r'read\(\d+, "AT\+CIPSEND='
_PUSH = r'write\(\d+, "\\r\\n\+IPD,'
_PASSIVE, _ACTIVE = "AT+CIPRECVMODE=1", "AT+CIPRECVMODE=0"

PLAIN = (
    Round("AT", _query, r'read\(\d+, "AT\\r\\n"'),
    Round("AT+CIPSTATUS", _status, r'read\(\d+, "AT\+CIPSTATUS'),
    Round("2 KiB up", _up, _SEND),
    Round("2 KiB down", _down, _PUSH),
    Round("2 KiB pulled", _pull, r'read\(\d+, "AT\+CIPRECVDATA=', before=_PASSIVE),
)
SECURED = (
    Round("2 KiB down, TLS", _down, _PUSH, before=_ACTIVE),
    Round("2 KiB up, TLS", _up, _SEND),
)
ROUNDS = (*PLAIN, *SECURED)
"""What is counted, in this order: `AT+CIPRECVMODE` changes how data comes, and `AT+CIPSEND` leaves
a timer behind, which what comes first with TLS is counted without."""


IN_PIECES = Round("2 KiB up, payload in two reads", _up_in_pieces, _SEND)
"""For whoever can do with most of the rounds being as they should be."""


def converse(
    client: Client,
    perform: Callable[[Round, FarEnd], None],
    plain: Sequence[Round] = PLAIN,
) -> None:
    """Open a link, have each kind of round performed, and then those of TLS on another."""
    for context, kinds in ((None, plain), (_server_context(), SECURED)):
        with FarEnd(context) as far:
            far.link(client)
            for kind in kinds:
                client.command(kind.before)
                perform(kind, far)
            client.command("AT+CIPCLOSE")


def _server_context() -> ssl.SSLContext:
    """TLS 1.3 with the one cipher that every implementation has."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="check-") as folder:
        identity = self_signed("localhost", authority=False, addresses=["127.0.0.1"])
        context.load_cert_chain(identity.write(Path(folder)))
    return context
