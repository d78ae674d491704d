"""The contract of every Network on the real NetworkManager, with radios: runs in the guest.

Nothing collects this file; `test_contract.py` of the folder above has it run in the guest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.services.api import Credentials
from gateway.services.network.managed import ManagedNetwork, NetworkInterfaces
from gateway.services.network.networkmanager import NetworkManagerBus
from gateway.services.network.ownership import OwnershipRecord
from tests.services.network_contract import Harness, NetworkContract, Recorder
from tests.vm.air import AccessPoint, Air
from tests.vm.inside.local_shell import LocalShell
from tests.vm.standard_air import WPA2

LIMIT = 60.0
TEST_SECONDS = 240.0
"""A test that waits for what does not happen fails after that."""
LOOK_SECONDS = 0.05
GOOD = AccessPoint(b"vm-good", "02:00:00:00:02:00", network=2)
RADIO = "wlan2"

# A cable whose far end can be pulled from in here; and the second interface of the radio.
PREPARE = """
ip link add wire0 type veth peer name far0 netns lan
ip -n lan addr add 10.89.0.1/24 dev far0
ip -n lan link set far0 up
ip netns exec lan dnsmasq --conf-file=/dev/null --user=root --pid-file=/run/vm/wire.pid \
    --interface=far0 --bind-interfaces --except-interface=lo --no-resolv --no-hosts --no-ping \
    --dhcp-range=10.89.0.50,10.89.0.99,1h --dhcp-leasefile=/run/vm/wire.leases
nmcli device set wire0 managed yes
nmcli connection add type ethernet con-name wire ifname wire0 autoconnect yes
nmcli -w 30 connection up wire
iw phy $(basename $(readlink -f /sys/class/net/wlan0/phy80211)) \
    interface add ap0 type __ap addr 42:00:00:00:00:00
"""
# The stored access point stays joined at a stop, and no later test knows that it was ours.
LEFT = """
nmcli -g UUID,NAME connection | sed -n 's/:ESP gateway.*//p' | xargs -r nmcli connection delete
for _ in $(seq 120); do
    nmcli -g GENERAL.STATE device show wlan0 | grep -q ^30 && exit
    sleep 0.25
done
exit 1
"""
UNPLUG, PLUG = "ip -n lan link set far0 down", "ip -n lan link set far0 up"


async def until(holds: Callable[[], bool]) -> None:
    """Return once `holds()`; what happens on the air tells nobody here."""
    for _ in range(round(LIMIT / LOOK_SECONDS)):
        if holds():
            return
        await asyncio.sleep(LOOK_SECONDS)
    raise AssertionError("it has not come about")


class TestManagedNetwork(NetworkContract):
    """Each test has a network of its own on the machine of all."""

    @pytest.fixture(scope="class", autouse=True)
    def _prepared(self) -> None:
        shell = LocalShell()
        shell.run("set -e\n" + PREPARE)
        Air(shell).open(RADIO, GOOD, channel=1)

    @pytest.fixture(autouse=True)
    def _in_order(self, tmp_path: Path) -> Iterator[None]:
        self.shell, self.folder = LocalShell(), tmp_path
        self.air = Air(self.shell)
        yield
        self.shell.run(PLUG)
        self.shell.run(LEFT)
        if not Path(f"/run/vm/{RADIO}.pid").exists():
            self.air.reopen(RADIO)

    def harness(self) -> AbstractAsyncContextManager[Harness]:
        return self._harness()

    @asynccontextmanager
    async def _harness(self) -> AsyncIterator[Harness]:
        manager = NetworkManagerBus()
        interfaces = NetworkInterfaces(ethernet="wire0")
        network = ManagedNetwork(manager, interfaces, OwnershipRecord(self.folder))

        def at_rest() -> bool:
            ethernet = network.ethernet
            wired = ethernet is not None and (ethernet.address is not None or not ethernet.plugged)
            return network.settled and wired

        await network.start()
        try:
            await until(lambda: manager.present)
            yield Harness(
                network,
                good=Credentials(GOOD.ssid, GOOD.password),
                other=Credentials(WPA2.ssid, WPA2.password),
                unknown=Credentials(b"vm-nowhere", b"longenough"),
                settle=lambda: until(at_rest),
                lose_access_point=lambda: self.air.close(RADIO),
                restore_access_point=lambda: self.air.reopen(RADIO),
                unplug_ethernet=lambda: self.do(UNPLUG),
                plug_ethernet=lambda: self.do(PLUG),
            )
        finally:
            await network.close()

    def test_scan_shows_what_is_in_reach(self) -> None:
        """As everywhere, but that an answer may be ten seconds old, and radios take their time."""

        async def test(harness: Harness, recorder: Recorder) -> None:
            async def shows(credentials: Credentials) -> bool:
                found = await harness.network.scan()
                return credentials.ssid in {each.ssid for each in found}

            async def comes_to_show(credentials: Credentials, *, shown: bool) -> None:
                for _ in range(round(LIMIT / LOOK_SECONDS)):
                    if await shows(credentials) == shown:
                        return
                    await asyncio.sleep(LOOK_SECONDS)
                raise AssertionError("it has not come about")

            await comes_to_show(harness.good, shown=True)
            await comes_to_show(harness.other, shown=True)
            assert not await shows(harness.unknown)
            harness.lose_access_point()
            await comes_to_show(harness.good, shown=False)
            assert await shows(harness.other)

        self.tried(test)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run(asyncio.wait_for(work, TEST_SECONDS))

    def do(self, command: str) -> None:
        """Run a command in the guest."""
        self.shell.run(command)
