"""Links: opening, sending, receiving, closing (contract, section 6)."""

from __future__ import annotations

from gateway.at import messages
from gateway.at.errors import ATError
from gateway.at.params import Host, Integer, Keyword, Switch
from gateway.at.params import Link as LinkId
from gateway.at.table import Commands
from gateway.commands.call import Call, Target
from gateway.commands.passthrough import PassThroughTransfer
from gateway.services.api_links import SLOTS, ConnectFailed, Link, LinkBroken, LookupFailed

commands = Commands()

LARGEST_PAYLOAD = 2048
ALL_LINKS = 5
_DOMAIN_SECONDS = 14.5


@commands.on("AT+CIPSTATUS")
async def status(call: Call) -> bytes:
    """Show the state of the connection and its links."""
    rows = [
        (link.slot, link.kind, *link.remote, link.local_port, int(link.accepted))
        for link in call.gateway.links.open_links()
        if link.waiting or not link.ended
    ]
    return messages.link_status(_status(call, bool(rows)), rows)


def _status(call: Call, listed: bool) -> int:
    if call.gateway.network.station.address is None:
        return 5
    if listed:
        return 3
    return 4 if call.gateway.links.last_one_closed else 2


@commands.on("AT+CIPDOMAIN=", Host(error="IP ERROR"))
async def resolve(call: Call, host: str) -> bytes:
    """Look up a host name."""
    try:
        address = await call.gateway.links.resolve(host, _DOMAIN_SECONDS)
    except LookupFailed as error:
        raise ATError("DNS Fail", cause=str(error)) from None
    return messages.value(call.prefix, address)


@commands.on(
    "AT+CIPSTART=",
    LinkId(stray=None),
    Keyword("type", ("TCP", "SSL"), error="Link type ERROR"),
    Host(error="IP ERROR"),
    Integer("port", 1, 65535),
    Integer("keep alive", 0, 7200, optional=True, default=0),
)
async def open_link(
    call: Call, slot: int, kind: str, host: str, port: int, keep_alive: int
) -> bytes:
    """Open a TCP or TLS link."""
    gateway = call.gateway
    if not gateway.has_address():
        raise ATError("no ip", cause="no interface has an address")
    if gateway.links[slot] is not None:
        raise ATError("ALREADY CONNECTED", cause=f"link {slot} is open")
    tls = gateway.tls_profile() if kind == "SSL" else None
    after = "" if call.volatile.multiplexing else "CLOSED"
    try:
        link = await gateway.links.open(slot, host, port, keep_alive=keep_alive, tls=tls)
    except LookupFailed as error:
        raise ATError("DNS Fail", after=after, cause=str(error)) from None
    except ConnectFailed as error:
        raise ATError("connect fail", after=after, cause=str(error)) from None
    if slot == 0:
        gateway.target = Target(host, port, keep_alive, tls)
    return messages.opened(gateway.link_id(link))


def _link(call: Call, slot: int) -> Link:
    """The link of a slot that can still be sent to or read from. Raises ATError."""
    link = call.gateway.links[slot]
    if link is None or (link.ended and not link.waiting):
        raise ATError("link is not valid", cause=f"link {slot} is not open")
    return link


@commands.on(
    "AT+CIPSEND=",
    LinkId(stray="MUX=0"),
    Integer("length", 1, LARGEST_PAYLOAD, above="too long"),
)
async def send(call: Call, slot: int, length: int) -> bytes:
    """Send so many bytes over a link."""
    if call.volatile.pass_through:
        raise ATError("IPMODE=1", cause="AT+CIPMODE is 1: AT+CIPSEND alone passes through")
    link = _link(call, slot)
    payload = await call.gateway.conversation.payload(length)
    try:
        if link.ended and not link.waiting:
            raise LinkBroken(f"link {slot} was closed before its payload came")
        taken = link.send_at_once(payload)
    except LinkBroken as error:
        raise ATError("", f"Recv {length} bytes", final="SEND FAIL", cause=str(error)) from None
    if taken == length:
        return messages.received_payload(length) + messages.SEND_OK
    call.gateway.conversation.payload_received(length)
    try:
        await link.send(payload[taken:])
    except LinkBroken as error:
        raise ATError(final="SEND FAIL", cause=str(error)) from None
    return messages.SEND_OK


@commands.on("AT+CIPSEND")
async def pass_through(call: Call) -> bytes | None:
    """Pass everything through until +++."""
    if not call.volatile.pass_through:
        raise ATError(cause="AT+CIPSEND alone needs AT+CIPMODE=1")
    link = _link(call, 0)
    transfer = PassThroughTransfer(call.gateway, link, call.gateway.target)
    try:
        await call.gateway.conversation.pass_through(transfer)
        await transfer.finish()
    finally:
        await transfer.end()
    return b"" if transfer.connected else messages.closed(None)


@commands.on("AT+CIPMODE?")
async def query_pass_through(call: Call) -> bytes:
    """Show whether AT+CIPSEND passes through."""
    return messages.value(call.prefix, int(call.volatile.pass_through))


@commands.on("AT+CIPMODE=", Switch("mode"))
async def set_pass_through(call: Call, enable: bool) -> None:
    """Let AT+CIPSEND pass through (1) or not (0)."""
    if enable and call.volatile.multiplexing:
        raise ATError("CIPMUX and CIPSERVER must be 0", cause="pass-through needs AT+CIPMUX=0")
    call.volatile.pass_through = enable


@commands.on("AT+CIPCLOSEMODE=", LinkId(highest=ALL_LINKS), Switch("abort"))
async def set_close_mode(call: Call, slot: int, abort: bool) -> None:
    """Let the next close of a link reset the connection."""
    for each in range(SLOTS) if slot == ALL_LINKS else (slot,):
        call.gateway.links.abort_next_close(each, abort)


@commands.on("AT+CIPCLOSE")
async def close(call: Call) -> bytes:
    """Close the link."""
    if call.volatile.multiplexing:
        raise ATError("MUX=1", cause="AT+CIPMUX is 1: a link id is needed")
    link = call.gateway.links[0]
    if link is None:
        raise ATError(cause="no link is open")
    return _close(call, [link])


@commands.on("AT+CIPCLOSE=", LinkId(highest=ALL_LINKS, stray="MUX=0"))
async def close_one(call: Call, slot: int) -> bytes:
    """Close one link, 5 all."""
    if not call.volatile.multiplexing:
        raise ATError(cause="a link id is missing, and AT+CIPMUX is 0")
    if slot == ALL_LINKS:
        return _close(call, list(call.gateway.links.open_links()))
    link = call.gateway.links[slot]
    if link is None:
        raise ATError("UNLINK", cause=f"link {slot} is not open")
    return _close(call, [link])


def _close(call: Call, links: list[Link]) -> bytes:
    ids = [call.gateway.link_id(link) for link in links]
    for link in links:
        call.gateway.announcements.close(link)
    return messages.all_closed(ids)


@commands.on("AT+CIFSR")
async def own_addresses(call: Call) -> bytes:
    """Show the addresses and MACs of all interfaces."""
    network, values = call.gateway.network, call.gateway.settings.in_force
    rows: list[tuple[str, str]] = []
    if values.has_softap:
        address = network.softap.address
        rows += [("APIP", address.ip if address else "0.0.0.0"), ("APMAC", network.softap.mac)]
    if values.has_station:
        address = network.station.address
        rows += [("STAIP", address.ip if address else "0.0.0.0"), ("STAMAC", network.station.mac)]
    if network.ethernet is not None:
        address = network.ethernet.address
        rows += [("ETHIP", address.ip if address else "0.0.0.0"), ("ETHMAC", network.ethernet.mac)]
    return messages.own_addresses(rows)


@commands.on("AT+CIPMUX?")
async def query_multiplexing(call: Call) -> bytes:
    """Show whether several links can be open."""
    return messages.value(call.prefix, int(call.volatile.multiplexing))


@commands.on("AT+CIPMUX=", Switch("enable"))
async def set_multiplexing(call: Call, enable: bool) -> None:
    """Allow one link (0) or five (1)."""
    if enable == call.volatile.multiplexing:
        return
    if call.gateway.links.open_links():
        raise ATError("link is builded", cause="a link is open")
    if call.gateway.servers.running:
        raise ATError("CIPSERVER must be 0", cause="a server runs")
    if call.volatile.pass_through:
        raise ATError("IPMODE must be 0", cause="AT+CIPMODE is 1")
    call.volatile.multiplexing = enable


@commands.on("AT+CIPDINFO?")
async def query_source_shown(call: Call) -> bytes:
    """Show whether +IPD names the source."""
    return messages.value(call.prefix, "TRUE" if call.volatile.source_shown else "FALSE")


@commands.on("AT+CIPDINFO=", Switch("show"))
async def set_source_shown(call: Call, show: bool) -> None:
    """Let +IPD name the source, or not."""
    call.volatile.source_shown = show


@commands.on("AT+CIPRECVMODE?")
async def query_receive_mode(call: Call) -> bytes:
    """Show the receive mode."""
    return messages.value(call.prefix, int(call.volatile.passive))


@commands.on("AT+CIPRECVMODE=", Switch("passive"))
async def set_receive_mode(call: Call, passive: bool) -> None:
    """Push received data at once (0), or wait until it is asked for (1)."""
    call.volatile.passive = passive


@commands.on(
    "AT+CIPRECVDATA=",
    LinkId(stray="MUX=0"),
    Integer("length", 1, LARGEST_PAYLOAD, above="too long"),
)
async def read(call: Call, slot: int, length: int) -> bytes:
    """Read received data."""
    if not call.volatile.passive:
        raise ATError(cause="AT+CIPRECVMODE is 0: data comes by itself")
    link = call.gateway.links[slot]
    if link is None:
        raise ATError("link is not valid", cause=f"link {slot} is not open")
    if not link.waiting:
        raise ATError(cause=f"link {slot} has no data")
    return messages.data_read(link.take(length))


@commands.on("AT+CIPRECVLEN?")
async def query_waiting(call: Call) -> bytes:
    """Show how many bytes wait on each link."""
    links = [call.gateway.links[slot] for slot in range(SLOTS)]
    passive = call.volatile.passive
    return messages.value(call.prefix, *[link.waiting if link and passive else 0 for link in links])
