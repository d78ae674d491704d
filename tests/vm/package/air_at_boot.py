"""Access points that are on the air before NetworkManager is up, as at anybody's home."""

from __future__ import annotations

import base64
import shlex

from tests.vm.air import Air
from tests.vm.machine import Machine
from tests.vm.shell_protocol import Result
from tests.vm.standard_air import open_standard_air

_SCRIPT = "/usr/local/lib/vm/standard-air"
_UNIT = f"""[Unit]
Description=The access points of the tests
After=vm-radios.service
Before=NetworkManager.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/bash {_SCRIPT}

[Install]
WantedBy=multi-user.target
"""


class _Script:
    """A `Shell` that carries out nothing and writes down what it is told."""

    def __init__(self) -> None:
        self.text = "set -e\n"

    def run(
        self, command: str, *, seconds: float = 60, data: bytes = b"", check: bool = True
    ) -> Result:
        """A line of the script."""
        words = base64.b64encode(data).decode()
        self.text += f"base64 -d <<< '{words}' | bash -c {shlex.quote(command)}\n"
        return Result(0, "", 0.0)


def open_at_boot(machine: Machine) -> None:
    """From the next boot on, the standard access points open by themselves."""
    script = _Script()
    open_standard_air(Air(script))
    machine.run(f"cat > {_SCRIPT}", data=script.text.encode())
    machine.run(
        "cat > /etc/systemd/system/vm-air.service && systemctl enable vm-air.service",
        data=_UNIT.encode(),
    )
