"""The rig inside a virtual machine with radios: the far ends are behind an access point.

Only `tests/vm/test_soak.py` runs it; what it needs is made by that machine's image.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.endurance.soak.rigs import ANCHOR, InNamespace, Rig, ShortLog
from tests.vm.air import Air, gateway_of
from tests.vm.inside.local_shell import LocalShell
from tests.vm.standard_air import WPA2

_AIR = Path("/run/netns/ap")
_RADIO = "wlan1"
_STARTS_WITHIN = 60.0
_GONE_AT_MOST = 6.0


class SlowStart(ShortLog):
    """A gateway on an emulated processor, with the network of the machine."""

    patience = _STARTS_WITHIN


@contextlib.contextmanager
def radio(folder: Path, anchor: bytes) -> Iterator[Rig]:
    """NetworkManager with a radio; the access points go and come, and NetworkManager does."""
    gateway = SlowStart(folder, network="networkmanager")
    (gateway.certificates / ANCHOR).write_bytes(anchor)
    air, far = Air(LocalShell()), InNamespace(_AIR)
    with gateway:
        yield Rig(
            gateway,
            gateway_of(WPA2.network),
            "STAIP",
            far.make_socket,
            joins=f'AT+CWJAP="{WPA2.ssid.decode()}","{WPA2.password.decode()}"',
            lost="WIFI DISCONNECT",
            back="WIFI GOT IP",
            calm_after=60.0,
            # systemd-timedated takes longer to start there than a link may take
            chain=False,
            disturbances={
                "access point closed": lambda chance: _away(air, air.close, chance),
                "access point cut": lambda chance: _away(air, air.cut, chance),
                "NetworkManager restarted": _restart,
            },
        )


async def _away(air: Air, go: Callable[[str], None], chance: random.Random) -> None:
    await asyncio.to_thread(go, _RADIO)
    await asyncio.sleep(chance.random() * _GONE_AT_MOST)
    await asyncio.to_thread(air.reopen, _RADIO)


async def _restart(chance: random.Random) -> None:
    shell = LocalShell()
    await asyncio.to_thread(shell.run, "systemctl restart NetworkManager")
