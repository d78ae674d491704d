"""TCP servers (contract, section 6)."""

from __future__ import annotations

from gateway.at import messages
from gateway.at.errors import ATError
from gateway.at.params import Integer, Switch
from gateway.at.table import Commands
from gateway.commands.call import Call
from gateway.services.api_links import NoChange, PortTaken

commands = Commands()

DEFAULT_PORT = 333


@commands.on("AT+CIPSERVER=", Switch("mode"), Integer("port", 1, 65535, optional=True))
async def serve(call: Call, start: bool, port: int | None) -> None:
    """Start (1) or stop (0) a TCP server."""
    if not call.volatile.multiplexing:
        raise ATError(cause="a server needs AT+CIPMUX=1")
    servers = call.gateway.servers
    try:
        if start:
            servers.listen(port or DEFAULT_PORT)
        else:
            servers.stop(port)
    except NoChange as error:
        raise ATError("no change", cause=str(error)) from None
    except PortTaken as error:
        raise ATError(cause=str(error)) from None


@commands.on("AT+CIPSERVERMAXCONN?")
async def query_max_links(call: Call) -> bytes:
    """Show how many clients the servers take."""
    return messages.value(call.prefix, call.gateway.servers.max_links)


@commands.on("AT+CIPSERVERMAXCONN=", Integer("number", 1, 5))
async def set_max_links(call: Call, number: int) -> None:
    """Limit the clients of all servers together."""
    call.gateway.servers.max_links = number


@commands.on("AT+CIPSTO?")
async def query_idle_limit(call: Call) -> bytes:
    """Show after how many seconds silent clients are closed."""
    return messages.value(call.prefix, call.gateway.servers.idle_limit)


@commands.on("AT+CIPSTO=", Integer("seconds", 0, 7200))
async def set_idle_limit(call: Call, seconds: int) -> None:
    """Close silent clients after so many seconds, 0 never."""
    call.gateway.servers.idle_limit = seconds
