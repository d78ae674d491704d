"""The gateway as a process in a world, on a pseudo-terminal."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

from tests.namespaces.world import LIMIT, World
from tests.system.gateway_process import ROOT, GatewayProcess
from tests.system.line_client import OK, Client


class WorldGateway(GatewayProcess):
    """`python -m gateway run` in `world`, from its `ready` on, killed at the end of the `with`.

    `user` is who runs it, root otherwise. `folder` is new for each, or what an earlier one left.
    """

    def __init__(self, world: World, folder: Path, *, user: str | None = None) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(folder)
        configuration = folder / "gateway.toml"
        configuration.write_text('[network]\nkind = "networkmanager"\n', encoding="utf-8")
        self._options = ("--config", str(configuration), "--state-dir", str(self.state))
        self._world = world
        self._command = world.inside(
            *(sys.executable, "-m", "gateway", "run", *self._options),
            *("--uart", f"pty:{self.line}", "--cert-dir", str(self.certificates)),
            user=user,
        )
        if user is not None:
            owner = pwd.getpwnam(user).pw_uid
            for each in (folder, self.state, self.certificates):
                os.chown(each, owner, -1)

    def release_network(self) -> str:
        """Run `release-network` as the service's manager does after the end; its log."""
        done = subprocess.run(
            self._world.inside(sys.executable, "-m", "gateway", "release-network", *self._options),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr


class Microcontroller(Client):
    """A client that has heard `ready`, with the echo off."""

    def __init__(self, gateway: GatewayProcess) -> None:
        super().__init__(gateway.line)
        self.expect(b"\r\nready\r\n")

    @classmethod
    def online(cls, gateway: GatewayProcess) -> Microcontroller:
        """One that has heard of the cable and its address as well, and switched the echo off."""
        client = cls(gateway)
        client.connected()
        client.quiet()
        return client

    def quiet(self) -> None:
        """Switch the echo off."""
        self.ask("ATE0", b"ATE0\r\n" + OK)

    def connected(self) -> str:
        """Hear that the cable is in and has an address; the address."""
        self.expect(b"+ETH_CONNECTED\r\n")
        return self.got_address()

    def got_address(self) -> str:
        """Hear that Ethernet has an address, and which."""
        self.expect(b"+ETH_GOT_IP:")
        return self.until(b"\r\n").decode().strip()

    def query(self, command: str) -> str:
        """Ask something; the whole reply before its `OK`."""
        self.send(command.encode() + b"\r\n")
        return self.until(OK).removesuffix(OK).decode()

    def value(self, command: str) -> str:
        """Ask something; the first text in quotes of its reply, or what follows the colon."""
        reply = self.query(command)
        quoted = re.search(r'"([^"]*)"', reply)
        return quoted[1] if quoted else reply.partition(":")[2].strip()

    def address(self) -> str:
        """Ethernet's address, as `AT+CIPETH?` has it."""
        return self.value("AT+CIPETH?")
