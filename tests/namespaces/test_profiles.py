"""A real NetworkManager takes the profiles, and does by them what they are for."""

from __future__ import annotations

import asyncio
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from gateway.services.api import (
    Address,
    Credentials,
    Encryption,
    Interface,
    SoftApSettings,
    Wanted,
)
from gateway.services.network import view
from gateway.services.network.ip_settings import softap_ipv4
from gateway.services.network.manager import DeviceState, Manager, Profile, Properties
from gateway.services.network.networkmanager import NetworkManagerBus
from gateway.services.network.our_profiles import find_ours
from gateway.services.network.ownership import OwnershipRecord
from gateway.services.network.profiles import (
    SOFTAP_ADDRESS,
    Identity,
    KeyManagement,
    ethernet_profile,
    identity_of,
    softap_profile,
    station_profile,
)
from tests.namespaces.network import until
from tests.namespaces.world import FAR, World
from tests.vm.running import NFT_ONCE

ODD = Credentials(b'a,"\\\n\xff' + "ä".encode(), 'pass"\\wörd'.encode(), "06:00:ab:cd:ef:01")
ALL = Wanted(
    dns=("9.9.9.9", "1.1.1.1"),
    station_mac="02:00:00:00:00:77",
    station_host_name="garden",
    station_dhcp=False,
    station_address=Address("10.1.2.3", "10.1.2.1", "255.255.240.0"),
    softap_mac="02:00:00:00:00:78",
)
SOFTAP = SoftApSettings(b"pi", b"password", 6, Encryption.WPA2)

NOT_SHOWN = [
    ("autoconnect", True),
    ("hidden", False),
    ("may-fail", True),
    ("dhcp-send-hostname", True),
]

PROBE = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 8080), 3).close()
    print("reached")
except OSError as error:
    print(error)
"""


@asynccontextmanager
async def manager_in(world: World) -> AsyncIterator[Manager]:
    """The NetworkManager of a world."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBUS_SYSTEM_BUS_ADDRESS", world.bus_address)
        manager = NetworkManagerBus()
        await manager.start()
        try:
            await until(lambda: manager.present)
            yield manager
        finally:
            await manager.close()


def is_on_disk(manager: Manager, path: str) -> bool:
    return view.is_on_disk(manager.objects, path)


def station(who: Identity, security: KeyManagement) -> Profile:
    return station_profile(who, "wlan0", ODD, security, ALL, hidden=True, autoconnect=True)


def softap(who: Identity, settings: SoftApSettings, wanted: Wanted) -> Profile:
    return softap_profile(who, "ap0", settings, wanted, share_uplink=not wanted.softap_dhcp)


def every_profile() -> list[Profile]:
    """One of each kind that is ever made."""

    def who(which: Interface) -> Identity:
        return identity_of(str(uuid.uuid4()), which, ODD.ssid)

    access_points = [
        (replace(SOFTAP, encryption=encryption, password=password), Wanted(softap_dhcp=dhcp))
        for encryption in (Encryption.OPEN, Encryption.WPA2, Encryption.WPA_WPA2)
        for password in (b"", b"password")
        for dhcp in (True, False)
    ]
    return [
        *(station(who(Interface.STATION), security) for security in KeyManagement),
        *(softap(who(Interface.SOFTAP), *chosen) for chosen in access_points),
        softap(who(Interface.SOFTAP), SOFTAP, ALL),
        ethernet_profile(who(Interface.ETHERNET), "eth7", Wanted(ethernet_mac=ALL.station_mac)),
    ]


def test_networkmanager_takes_every_profile(world: World, tmp_path: Path) -> None:
    """Whole: it drops no setting, and shows our mark."""

    async def main() -> None:
        async with manager_in(world) as manager:
            record = OwnershipRecord(tmp_path / "state")
            for profile in every_profile():
                identity = profile["connection"]["uuid"][1]
                await record.add_profile(identity, Interface.STATION)
                path = await manager.add_profile(profile, on_disk=False)
                assert lost(profile, await manager.profile_settings(path)) == set()
                (found,) = await find_ours(manager, record)
                assert (found.path, found.on_disk) == (path, False)
                await manager.update_profile(path, profile, on_disk=True)
                await until(partial(is_on_disk, manager, path))
                await manager.delete_profile(path)
                await record.forget_profile(identity)

    asyncio.run(main())


def lost(profile: Profile, settings: Mapping[str, Properties]) -> set[tuple[str, str]]:
    """What NetworkManager did not keep; it shows no secrets and nothing that is its default."""
    return {
        (setting, name)
        for setting, keys in profile.items()
        for name, (_signature, value) in keys.items()
        if name not in settings[setting] and (name, value) not in NOT_SHOWN and "psk" not in name
    }


@pytest.mark.parametrize("dhcp", [True, False])
@pytest.mark.parametrize("share_uplink", [True, False])
def test_who_reaches_what_behind_the_softap(world: World, share_uplink: bool, dhcp: bool) -> None:
    """A client reaches this machine; what is behind it only with `share_uplink`.

    A cable stands for the radio. Without DHCP nobody translates addresses, so that the far
    end has to know the way back.
    """
    path = "/usr/sbin:/sbin:/usr/bin:/bin"
    nft = shutil.which("nft", path=path)
    if share_uplink and dhcp and not (nft or shutil.which("iptables", path=path)):
        pytest.skip("sharing takes nft or iptables")
    if dhcp and nft:
        # For its modules only: what this kernel cannot do is for the test itself to find out.
        world.run("sh", "-c", f"PATH={path}\n{NFT_ONCE.rstrip()} || true")
    world.run("ip", "netns", "add", "client")
    world.run("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "c0", "netns", "client")
    in_client = ("ip", "-n", "client")
    world.run(*in_client, "link", "set", "c0", "up")
    world.run(*in_client, "address", "add", "192.168.4.50/24", "dev", "c0")
    world.run(*in_client, "route", "add", "default", "via", SOFTAP_ADDRESS.ip)
    world.run("ip", "route", "add", "192.168.4.0/24", "via", world.address(), far=True)
    world.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    world.nmcli("device", "set", "eth1", "managed", "yes")

    def reaches(address: str) -> bool:
        probe = (sys.executable, "-c", PROBE, address)
        return world.run("ip", "netns", "exec", "client", *probe) == "reached"

    async def main() -> None:
        async with manager_in(world) as manager:
            await until(lambda: view.device(manager.objects, "eth1") is not None)
            device = view.device(manager.objects, "eth1")
            assert device is not None
            who = identity_of(str(uuid.uuid4()), Interface.SOFTAP, b"pi")
            ipv4 = softap_ipv4(SOFTAP_ADDRESS, "eth1", dhcp=dhcp, share_uplink=share_uplink)
            wired = ethernet_profile(who, "eth1", Wanted(), autoconnect=False)
            profile = {**wired, "ipv4": ipv4, "ipv6": {"method": ("s", "disabled")}}
            added = await manager.add_profile(profile, on_disk=False)
            await manager.activate(added, device)
            await until(lambda: view.device_state(manager.objects, device) == DeviceState.ACTIVATED)

    asyncio.run(main())
    server = (sys.executable, "-m", "http.server", "8080")
    with world.running("near", *server), world.running("far", *server, far=True):
        world.until(lambda: reaches(SOFTAP_ADDRESS.ip))
        far_is_up = (sys.executable, "-c", PROBE, "127.0.0.1")
        world.until(lambda: world.run(*far_is_up, far=True) == "reached")
        assert reaches(world.address())
        assert reaches(FAR) is share_uplink
