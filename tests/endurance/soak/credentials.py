"""The certificates of a soak: a root, a server that it has signed, and one of no use."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from tests.services.authority import self_signed

_FAR_ENDS = ("127.0.0.1", "10.42.7.1", "10.77.1.1")


@dataclass(frozen=True)
class Credentials:
    """`anchor` is what the gateway trusts, `context` the far ends', `useless` a stranger's."""

    anchor: bytes
    context: ssl.SSLContext
    useless: bytes


def credentials(folder: Path) -> Credentials:
    """Make them anew; the key is written into `folder`."""
    root = self_signed("Soak Root")
    server = root.issue("soak", addresses=_FAR_ENDS)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.write(folder))
    return Credentials(root.pem, context, self_signed("Useless Root").pem)
