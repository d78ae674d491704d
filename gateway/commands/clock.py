"""Time (contract, section 6, the last rows)."""

from __future__ import annotations

from gateway.at import messages
from gateway.at.errors import ATError
from gateway.at.params import Integer, Switch, Text
from gateway.at.table import Commands
from gateway.commands.call import Call

commands = Commands()

_ERASE = str.maketrans("", "", '"\r\n')


@commands.on("AT+CIPSNTPCFG?")
async def query_time_servers(call: Call) -> bytes:
    """Show time zone and time servers."""
    volatile = call.volatile
    if not volatile.time_enabled:
        return messages.value(call.prefix, 0)
    servers = [f'"{server}"' for server in volatile.time_servers]
    return messages.value(call.prefix, 1, volatile.time_zone, *servers)


@commands.on(
    "AT+CIPSNTPCFG=",
    Switch("enable"),
    Integer("zone", -11, 13, optional=True),
    Text("server", 0, 128, optional=True),
    Text("server", 0, 128, optional=True),
    Text("server", 0, 128, optional=True),
)
async def set_time_servers(
    call: Call, enable: bool, zone: int | None, *servers: bytes | None
) -> None:
    """Choose time zone and time servers, until a reset."""
    if enable != (zone is not None) or (not enable and any(servers)):
        raise ATError(cause="1 needs a time zone, 0 takes nothing")
    volatile = call.volatile
    volatile.time_enabled = enable
    if zone is not None:
        volatile.time_zone = zone
    names = [server.decode("latin-1") for server in servers if server]
    if names:
        volatile.time_servers = tuple(name.translate(_ERASE) for name in names)
        volatile.time_servers_chosen = True
    # Those that nobody named are shown, but the host's own are asked: they are the owner's.
    chosen = enable and volatile.time_servers_chosen
    call.gateway.clock.use_servers(volatile.time_servers if chosen else ())


@commands.on("AT+CIPSNTPTIME?")
async def query_time(call: Call) -> bytes:
    """Show date and time in the zone, in asctime form."""
    local = _local_time(call)
    return messages.compact_value(call.prefix, messages.asctime(local or 0))


@commands.on("AT+SNTPTIME?")
async def query_unix_time(call: Call) -> bytes:
    """Show the time in the zone, as seconds and as date."""
    local = _local_time(call)
    if local is None:
        raise ATError("+SNTPTIME:Enable SNTP first (AT+CIPSNTPCFG)", cause="the time is unknown")
    return messages.compact_value(call.prefix, int(local), messages.date_and_time(local))


@commands.on("AT+SYSTIME?")
async def query_system_time(call: Call) -> bytes:
    """Show the time in UTC, as seconds."""
    clock = call.gateway.clock
    if not clock.synchronised:
        raise ATError(cause="the system's clock is not synchronised yet")
    return messages.compact_value(call.prefix, int(clock.unix_time()))


def _local_time(call: Call) -> float | None:
    """Seconds with the zone's offset; None while SNTP is off or the time unknown."""
    clock, volatile = call.gateway.clock, call.volatile
    if not volatile.time_enabled or not clock.synchronised:
        return None
    return clock.unix_time() + volatile.time_zone * 3600
