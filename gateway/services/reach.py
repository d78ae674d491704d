"""Which addresses are this machine itself, so that links to them may be forbidden.

A board that may open links to the machine that it hangs on reaches what listens there for
that machine alone: a database, a printer's page, a debugger.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct

from gateway.services.resolver import SocketAddress

# linux/rtnetlink.h, linux/netlink.h
_NETLINK_ROUTE = 0
_NLM_F_REQUEST = 1
_NLMSG_ERROR = 2
_RTM_NEWROUTE = 24
_RTM_GETROUTE = 26
_RTA_DST = 1
_RTN_LOCAL = 2
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ROUTE = struct.Struct("=BBBBBBBBI")  # family, lengths, tos, table, protocol, scope, type, flags
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_ERROR = struct.Struct("=i")
# the routes called unreachable, prohibit and blackhole too
_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL)
_TYPE_OF_ROUTE = _HEADER.size + 7

OPTION = "[links] allow_loopback"

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


def anywhere(_: SocketAddress) -> str | None:
    """Nothing is forbidden."""
    return None


def other_machines(address: SocketAddress) -> str | None:
    """Why a link to `address` is forbidden, one clause for the journal; None if it is not.

    Forbidden are this machine's own addresses, loopback, and link-local addresses (RFC 3927;
    RFC 4291, section 2.5.6). Asks the kernel, which answers at once.
    """
    ip = _ip(address)
    if ip.is_link_local:
        return f"a link-local address, and {OPTION} is off"
    try:
        own = ip.is_loopback or ip.is_unspecified or _is_routed_to_us(ip)
    except OSError as error:
        return f"the kernel does not tell whether that is this machine: {error.strerror}"
    return f"that is this machine itself, and {OPTION} is off" if own else None


def _ip(address: SocketAddress) -> Ip:
    """The address without port and zone; one of IPv4 written as IPv6 is what it stands for."""
    ip = ipaddress.ip_address(address[0].partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    return ip


def _is_routed_to_us(ip: Ip) -> bool:
    """Whether what is sent to `ip` comes back to this machine (rtnetlink(7), RTM_GETROUTE).

    Better than a list of interfaces, which changes; than comparing with the address that the
    kernel would send from, which is another one where an interface has two; and than trying
    to bind it, which `ip_nonlocal_bind` lets succeed for all. Raises OSError.
    """
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(ip.packed), _RTA_DST) + ip.packed
    question = _ROUTE.pack(family, ip.max_prefixlen, 0, 0, 0, 0, 0, 0, 0) + attribute
    length = _HEADER.size + len(question)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE) as kernel:
        kernel.setblocking(False)
        kernel.send(_HEADER.pack(length, _RTM_GETROUTE, _NLM_F_REQUEST, 0, 0) + question)
        answer = kernel.recv(4096)
    kind = _HEADER.unpack_from(answer)[1]
    if kind == _NLMSG_ERROR:
        error = -_ERROR.unpack_from(answer, _HEADER.size)[0]
        if error not in _NO_WAY:
            raise OSError(error, os.strerror(error))
        return False  # connecting will tell
    if kind != _RTM_NEWROUTE:
        raise OSError(0, f"netlink message {kind}")
    return answer[_TYPE_OF_ROUTE] == _RTN_LOCAL
