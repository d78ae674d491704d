"""asyncio without `ssl`, which it imports for its own streams and nobody here uses from there.

`ssl` maps OpenSSL into the process: a fifth of the memory that `import asyncio` takes, and of its
time. asyncio is made to do without, as on a Python that was built without OpenSSL. Links with
TLS are sockets of our own, and `services.tls` imports `ssl` for the first of them.
"""

from __future__ import annotations

import sys


def load() -> None:
    """Import asyncio without `ssl`, which can be imported afterwards as ever.

    Does nothing where either is loaded already.
    """
    if "asyncio" in sys.modules or "ssl" in sys.modules:
        return
    sys.modules["ssl"] = None  # type: ignore[assignment]  # an import of it fails now
    try:
        import asyncio  # noqa: F401
    finally:
        del sys.modules["ssl"]
