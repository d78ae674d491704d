r"""Every line that is written to the microcontroller; nothing else makes bytes for it.

Functions with a reply in the name of a command give the whole reply, its final OK included.
The rest are notifications and prompts. Line ends follow the contract: most replies have an
empty line before OK (`answer`), some have none (`compact`).

The literals in which the firmware's README and the firmware itself differ depend on `Style`
(contract, section 7, the last paragraph).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import Enum

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"
READY = b"\r\nready\r\n"
BUSY = b"\r\nbusy p...\r\n"
BUSY_SENDING = b"\r\nbusy s...\r\n"
SEND_OK = b"\r\nSEND OK\r\n"
SEND_PROMPT = b"\r\nOK\r\n> "
PASS_THROUGH_PROMPT = b"\r\nOK\r\n\r\n>"
CERTIFICATE_PROMPT = b"\r\nOK\r\n>"
NO_AP = b"No AP\r\n" + OK
STATION_CONNECTED = b"WIFI CONNECTED\r\n"
STATION_GOT_ADDRESS = b"WIFI GOT IP\r\n"
STATION_LOST = b"WIFI DISCONNECT\r\n"
JOINED = STATION_GOT_ADDRESS + OK
ETHERNET_CONNECTED = b"+ETH_CONNECTED\r\n"
ETHERNET_LOST = b"+ETH_DISCONNECTED\r\n"

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Style(Enum):
    """Whose literals are written where the two differ."""

    README = "readme"
    FIRMWARE = "firmware"


def answer(*lines: bytes) -> bytes:
    """Lines, an empty line, OK."""
    return b"".join([line + b"\r\n" for line in lines]) + OK


def compact(*lines: bytes) -> bytes:
    """Lines and OK without an empty line between."""
    return b"".join([line + b"\r\n" for line in lines]) + b"OK\r\n"


def value(prefix: str, *values: object) -> bytes:
    """`+NAME:a,b`: what most queries answer."""
    return f"{prefix}:{','.join(map(str, values))}\r\n\r\nOK\r\n".encode()


def compact_value(prefix: str, *values: object) -> bytes:
    """As `value`, without the empty line."""
    return f"{prefix}:{','.join(map(str, values))}\r\nOK\r\n".encode()


def styled_value(style: Style, prefix: str, number: int) -> bytes:
    """`+NAME=n` in the README's style, `+NAME:n` in the firmware's."""
    sign = "=" if style is Style.README else ":"
    return f"{prefix}{sign}{number}\r\n\r\nOK\r\n".encode()


def quoted_value(prefix: str, text: str) -> bytes:
    """`+NAME:"text"`."""
    return f'{prefix}:"{text}"\r\n\r\nOK\r\n'.encode()


def failure(lines: Sequence[str], final: str, after: str = "") -> bytes:
    """An error reply: its lines, an empty line, the final word, and a line behind it."""
    head = "".join([line + "\r\n" for line in lines])
    tail = after + "\r\n" if after else ""
    return f"{head}\r\n{final}\r\n{tail}".encode("latin-1", "replace")


def final_word(reply: bytes) -> str:
    """The word that a successful reply ends with; OK where nothing at all is written."""
    return "SEND OK" if reply.endswith(SEND_OK) else "OK"


# basic


def version(own: str, date: str, system: str) -> bytes:
    """The reply to AT+GMR; libraries cut the version at `(` and want an SDK 2.x."""
    return compact(
        f"AT version:1.7.0.0 (esp-at-gateway {own})".encode(),
        b"SDK version:2.0.0",
        f"Compile time:{date} ({system})".encode(),
        b"Version ESP_ATMod:0.5.0",
    )


# station, SoftAP, Ethernet


def joined(prefix: str, ssid: bytes, bssid: str, channel: int, rssi: int) -> bytes:
    """The reply to AT+CWJAP? while joined."""
    return answer(b'%s:"%s","%s",%d,%d' % (prefix.encode(), ssid, bssid.encode(), channel, rssi))


def access_point(fields: Sequence[int | str | bytes], mask: int) -> bytes:
    """One line of AT+CWLAP with the fields whose bit is set in `mask`; the SSID is raw."""
    shown = [_scan_field(field) for bit, field in enumerate(fields) if mask >> bit & 1]
    return b"+CWLAP:(" + b",".join(shown) + b")"


def _scan_field(field: int | str | bytes) -> bytes:
    if isinstance(field, int):
        return b"%d" % field
    return b'"' + (field if isinstance(field, bytes) else field.encode()) + b'"'


def addresses(prefix: str, ip: str, gateway: str, netmask: str) -> bytes:
    """The three lines of CIPSTA?, CIPAP? and CIPETH?."""
    name = prefix.encode()
    return answer(
        b'%s:ip:"%s"' % (name, ip.encode()),
        b'%s:gateway:"%s"' % (name, gateway.encode()),
        b'%s:netmask:"%s"' % (name, netmask.encode()),
    )


def name_servers(prefix: str, servers: Iterable[str]) -> bytes:
    """A line for each server, unquoted."""
    return answer(*[f"{prefix}:{server}".encode() for server in servers])


def softap(prefix: str, ssid: bytes, password: bytes, *numbers: int) -> bytes:
    """The reply to AT+CWSAP?: channel, encryption, clients and hidden behind the two texts."""
    tail = ",".join(map(str, numbers)).encode()
    return answer(b'%s:"%s","%s",%s' % (prefix.encode(), ssid, password, tail))


def own_addresses(rows: Iterable[tuple[str, str]]) -> bytes:
    """The reply to AT+CIFSR from (name, address) pairs."""
    return answer(*[f'+CIFSR:{name},"{address}"'.encode() for name, address in rows])


def ethernet_got_address(ip: str) -> bytes:
    """Ethernet has an address."""
    return f"+ETH_GOT_IP:{ip}\r\n".encode()


# links


def _id(link: int | None) -> bytes:
    return b"" if link is None else b"%d," % link


def connected(link: int | None) -> bytes:
    """A server accepted a link. None: multiplexing is off and no id is written."""
    return _id(link) + b"CONNECT\r\n"


def closed(link: int | None) -> bytes:
    """A link is closed and all its data handed over; nothing stands before it."""
    return _id(link) + b"CLOSED\r\n"


def opened(link: int | None) -> bytes:
    """The reply to AT+CIPSTART."""
    return _id(link) + b"CONNECT\r\n" + OK


def link_status(status: int, links: Iterable[tuple[int, str, str, int, int, int]]) -> bytes:
    """The reply to AT+CIPSTATUS: id, kind, remote address and port, local port, role."""
    rows = [
        f'+CIPSTATUS:{slot},"{kind}","{ip}",{remote},{local},{role}'.encode()
        for slot, kind, ip, remote, local, role in links
    ]
    return answer(f"STATUS:{status}".encode(), *rows)


def received_payload(length: int) -> bytes:
    """The payload is in."""
    return b"\r\nRecv %d bytes\r\n" % length


def data(link: int | None, payload: bytes, source: tuple[str, int] | None) -> bytes:
    """Data of a link in active mode, with its source where AT+CIPDINFO=1."""
    origin = b",%s,%d" % (source[0].encode(), source[1]) if source else b""
    if link is None:
        return b"\r\n+IPD,%d%s:%s" % (len(payload), origin, payload)
    return b"\r\n+IPD,%d,%d%s:%s" % (link, len(payload), origin, payload)


def data_waiting(link: int | None, total: int) -> bytes:
    """More data came in passive mode; `total` bytes wait."""
    return b"\r\n+IPD,%s%d\r\n" % (_id(link), total)


def data_read(payload: bytes) -> bytes:
    """The reply to AT+CIPRECVDATA."""
    return b"\r\n+CIPRECVDATA,%d:%s\r\nOK\r\n" % (len(payload), payload)


def all_closed(links: Iterable[int | None]) -> bytes:
    """The reply to AT+CIPCLOSE."""
    return b"".join([closed(link) for link in links]) + OK


# TLS


def fingerprint(style: Style, prefix: str, digest: bytes) -> bytes:
    """The loaded fingerprint in pairs."""
    pairs = digest.hex(":")
    return quoted_value(prefix, pairs.upper() if style is Style.README else pairs)


def certificates(names: Iterable[tuple[int, str]]) -> bytes:
    """A line for each loaded certificate."""
    return answer(*[f"+CIPSSLCERT,{number}:{name}".encode() for number, name in names])


def certificate_read(characters: int) -> bytes:
    """A certificate's text is in; the reply goes on with OK or an error."""
    return b"\r\nRead %d bytes\r\n" % characters


# time


def asctime(seconds: float) -> str:
    """The C library's asctime form, whatever the locale: `Thu Jan  1 00:00:00 1970`."""
    moment = datetime.fromtimestamp(seconds, UTC)
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day} {month} {moment.day:2d} {moment:%H:%M:%S} {moment.year}"


def date_and_time(seconds: float) -> str:
    """`YYYY-MM-DD hh:mm:ss`."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
