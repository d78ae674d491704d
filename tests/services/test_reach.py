"""Links to this machine itself: what counts as itself, and that no way leads there."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator

import pytest

from gateway.services.api_links import ConnectFailed, TlsProfile
from gateway.services.connecting import Rules
from gateway.services.links import LinkLimits, LinkSlots
from gateway.services.reach import anywhere, other_machines
from gateway.services.resolver import SocketAddress
from tests.peers import listening

ITSELF = "that is this machine itself, and [links] allow_loopback is off"
LINK_LOCAL = "a link-local address, and [links] allow_loopback is off"
STREAM = (socket.AF_INET, socket.SOCK_STREAM, 6, "")


def own_address() -> str:
    """An address of this machine's that is not on the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no network")
        return str(probe.getsockname()[0])


@pytest.mark.parametrize(
    ("ip", "why"),
    [
        ("127.0.0.1", ITSELF),
        ("127.255.255.254", ITSELF),
        ("0.0.0.0", ITSELF),
        ("169.254.0.1", LINK_LOCAL),
        ("169.254.169.254", LINK_LOCAL),
        ("::1", ITSELF),
        ("::", ITSELF),
        ("fe80::1", LINK_LOCAL),
        ("fe80::1%eth0", LINK_LOCAL),
        ("::ffff:127.0.0.1", ITSELF),
        ("::ffff:169.254.1.1", LINK_LOCAL),
        ("192.0.2.1", None),
        ("::ffff:192.0.2.1", None),
        ("2001:db8::1", None),
    ],
)
def test_what_is_this_machine(ip: str, why: str | None) -> None:
    assert other_machines((ip, 80)) == why
    assert anywhere((ip, 80)) is None


def test_the_address_on_the_cable_is_this_machine_too() -> None:
    assert other_machines((own_address(), 80)) == ITSELF
    assert other_machines((f"::ffff:{own_address()}", 80, 0, 0)) == ITSELF


class Kernel:
    """What stands in for the kernel's end of netlink; `answer` is what it says."""

    def __init__(self, answer: bytes | OSError) -> None:
        self._answer = answer

    def __call__(self, *_: object) -> Kernel:
        if isinstance(self._answer, OSError):
            raise self._answer
        return self

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def setblocking(self, _: bool) -> None:
        return

    def send(self, _: bytes) -> None:
        return

    def recv(self, _: int) -> bytes:
        assert isinstance(self._answer, bytes)
        return self._answer


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (struct.pack("=IHHIIi", 20, 2, 0, 0, 0, -errno.ENETUNREACH), None),
        (struct.pack("=IHHIIi", 20, 2, 0, 0, 0, -errno.EPERM), "does not tell .*: Operation not"),
        (struct.pack("=IHHII", 16, 3, 0, 0, 0), "does not tell .*: netlink message 3"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "does not tell .*: Too many open files"),
    ],
    ids=["no way there", "not allowed to ask", "nonsense", "no descriptor left"],
)
def test_a_kernel_that_does_not_tell_is_no_permission(
    monkeypatch: pytest.MonkeyPatch, answer: bytes | OSError, why: str | None
) -> None:
    monkeypatch.setattr(socket, "socket", Kernel(answer))
    said = other_machines(("192.0.2.1", 80))
    assert (said is None) is (why is None)
    assert why is None or re.search(why, said or "")


def at_slots(rules: Rules, work: Callable[[LinkSlots], Awaitable[None]]) -> None:
    """Do `work` with slots under these rules; afterwards no slot is taken."""

    async def main() -> None:
        links = LinkSlots(LinkLimits(), lambda _: None, rules=rules)
        try:
            await work(links)
            assert links.free_slot() == 0
        finally:
            await links.end()

    asyncio.run(main())


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """One that listens on all of this machine's addresses."""
    with socket.create_server(("", 0)) as listener:
        listener.setblocking(False)
        yield listener


def somebody_came(server: socket.socket) -> bool:
    """Whether a connection waits at a server."""
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0", "0.0.0.0", "own"]
)
def test_no_spelling_leads_to_this_machine(server: socket.socket, host: str) -> None:
    port = server.getsockname()[1]
    name = own_address() if host == "own" else host

    async def refused(links: LinkSlots) -> None:
        for tls in (None, TlsProfile()):
            with pytest.raises(ConnectFailed, match=f" port {port}: {re.escape(ITSELF)}$"):
                await links.open(0, name, port, keep_alive=0, tls=tls)
        assert not await links.offers_fragment_length(name, port, 512)

    async def taken(links: LinkSlots) -> None:
        links.close(await links.open(0, name, port, keep_alive=0, tls=None))

    at_slots(Rules(other_machines), refused)
    assert not somebody_came(server)
    at_slots(Rules(), taken)
    assert somebody_came(server)


def test_a_name_is_looked_up_once_and_each_of_its_addresses_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name server that answers otherwise the second time has nobody to tell it to."""
    looked_at: list[SocketAddress] = []

    def forbidden(address: SocketAddress) -> str | None:
        looked_at.append(address)
        return "not there" if address[0] == "127.0.0.9" else None

    async def work(links: LinkSlots) -> None:
        link = await links.open(0, "two.example", port, keep_alive=0, tls=None)
        assert link.remote == ("127.0.0.1", port)
        links.close(link)

    with listening() as server:
        port = server.port
        answers = [[(*STREAM, (ip, port)) for ip in ("127.0.0.9", "127.0.0.1")]]
        # A second question would find nothing to pop.
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: answers.pop())
        at_slots(Rules(forbidden), work)
    assert looked_at == [("127.0.0.9", port), ("127.0.0.1", port)]
    assert answers == []
