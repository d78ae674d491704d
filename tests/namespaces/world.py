"""A machine of its own: a real NetworkManager with a cable to a real DHCP server.

It lives in private namespaces: nothing of this machine is seen or changed. Everything in it
is a child of this process, and ends with the `with` block, or with this process.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

LIMIT: Final = 20.0
"""Seconds after which something in a world has failed."""

_LOOK_SECONDS: Final = 0.02

FAR: Final = "10.42.7.1"
"""The address of gateway, DHCP server and name server at the far end of the cable."""

NAME: Final = "example.test"
"""The name of that address, known to nobody else."""

OWNER: Final = "owner"
"""The profile that the owner of the machine has made for Ethernet."""

FIRST_LEASE, LAST_LEASE = 50, 99

_UNSHARE: Final = ("unshare", "--net", "--mount", "--propagation", "private", "--")

_PROGRAMS: Final = {
    "NetworkManager": "network-manager",
    "nm-online": "network-manager",
    "dbus-daemon": "dbus",
    "dnsmasq": "dnsmasq-base",
    "ip": "iproute2",
    "unshare": "util-linux",
}


def reason_not_to_run() -> str | None:
    """Why no world can be made here, in one sentence; None if it can."""
    if os.geteuid() != 0:
        return "namespaces with a real NetworkManager need root"
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = {package for name, package in _PROGRAMS.items() if not shutil.which(name, path=path)}
    if missing:
        return f"Debian packages are missing: {' '.join(sorted(missing))}"
    return _refused()


@functools.cache
def _refused() -> str | None:
    """Why this root may not make a world: most containers, and a chroot that is no mount."""
    # The boldest thing that the script of a world does.
    attempt = [*_UNSHARE, "mount", "-t", "sysfs", "-o", "ro", "sysfs", "/sys"]
    done = subprocess.run(attempt, capture_output=True, text=True, timeout=LIMIT, check=False)
    if done.returncode == 0:
        return None
    return f"namespaces with a real NetworkManager cannot be made here: {done.stderr.strip()}"


class World:
    """The world, from NetworkManager's having started on. Logs are files in `folder`.

    `owner`: a profile of the owner's that connects eth0 by itself, by DHCP. `makes_profiles`:
    where there is none, NetworkManager makes one of its own. `polkit`: NetworkManager asks
    polkit, which is not there, so that only root may do anything.
    """

    def __init__(
        self,
        folder: Path,
        *,
        owner: bool = True,
        makes_profiles: bool = False,
        polkit: bool = False,
    ) -> None:
        self.folder = folder
        self._arguments = (
            FAR,
            OWNER if owner else "",
            "true" if polkit else "false",
            "" if makes_profiles else "*",
        )
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> World:
        with (self.folder / "world.log").open("wb") as log:
            script = str(Path(__file__).parent / "world.sh")
            self._keeper = subprocess.Popen(
                [*_UNSHARE, "sh", script, *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        try:
            assert self._keeper.stdout is not None
            said = self._keeper.stdout.readline()
            assert said == b"ready\n", (self.folder / "world.log").read_text()
            self.start_bus()
            self.start_dhcp_server()
            self.start_network_manager()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """Nothing of the world is left."""
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.close()
        self._keeper.stdout.close()
        self._keeper.wait(LIMIT)
        for child in self._children.values():
            child.wait(LIMIT)

    @property
    def bus_address(self) -> str:
        """The address of the world's system bus, as seen from outside."""
        return f"unix:path=/proc/{self._keeper.pid}/root/run/dbus/system_bus_socket"

    @property
    def far_namespace(self) -> Path:
        """The network namespace of the far end, as seen from outside."""
        return Path(f"/proc/{self._keeper.pid}/root/run/netns/far")

    def inside(self, *command: str, far: bool = False, user: str | None = None) -> list[str]:
        """The command line that runs `command` in the world, the process being the same one.

        `far`: at the far end of the cable. `user`: as that user of this machine.
        """
        line = [
            "nsenter",
            f"--target={self._keeper.pid}",
            "--net",
            "--mount",
            # Entering a mount namespace leaves a chroot, where this machine is one.
            "--root",
            f"--wd={os.getcwd()}",
        ]
        if far:
            line += ["nsenter", "--net=/run/netns/far"]
        # Whatever happens to us, nothing stays behind.
        line += ["setpriv", "--pdeathsig=KILL"]
        if user is not None:
            line += [f"--reuid={user}", "--regid=nogroup", "--clear-groups"]
            # This tree may lie where only root can read, as in his home.
            line += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        return [*line, "--", *command]

    def run(self, *command: str, far: bool = False) -> str:
        """Run a command in the world to its end, which must be a success; its output."""
        line = self.inside(*command, far=far)
        done = subprocess.run(line, capture_output=True, text=True, timeout=LIMIT, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def log(self, service: str) -> str:
        """What `dnsmasq`, `NetworkManager` or `dbus-daemon` has logged."""
        return (self.folder / f"{service}.log").read_text(errors="replace")

    def unplug(self) -> None:
        """Pull the cable; NetworkManager gives the connection up a second later (usually six)."""
        self.run("ip", "link", "set", "peer0", "down", far=True)

    def plug(self) -> None:
        """Put the cable in."""
        self.run("ip", "link", "set", "peer0", "up", far=True)

    def start_network_manager(self) -> None:
        """Start NetworkManager, and wait until it has connected what connects by itself."""
        self._start("NetworkManager", "NetworkManager", "--no-daemon")
        self.run("nm-online", "--wait-for-startup", "--quiet", f"--timeout={LIMIT:.0f}")

    def stop_network_manager(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End NetworkManager; the connections stay in the kernel."""
        self._end("NetworkManager", number)

    def start_bus(self) -> None:
        """Start the system bus, and wait until it takes connections."""
        reading, writing = os.pipe()
        try:
            self._start(
                *("dbus-daemon", "dbus-daemon", "--system", "--nofork", "--nopidfile"),
                *("--nosyslog", f"--print-address={writing}"),
                keep=writing,
            )
        finally:
            os.close(writing)
        with open(reading, "rb") as address:
            assert address.readline(), self.log("dbus-daemon")

    def kill_bus(self) -> None:
        """`kill -9` the system bus; NetworkManager ends with it."""
        self._end("dbus-daemon", signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            self._end("NetworkManager", signal.SIGKILL)
        self.run("rm", "-f", "/run/dbus/system_bus_socket")

    def send_signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to `dnsmasq`, `NetworkManager` or `dbus-daemon`."""
        self._children[name].send_signal(number)

    def stop_dhcp_server(self) -> None:
        """Nobody gives addresses any more."""
        self._end("dnsmasq", signal.SIGKILL)

    @contextlib.contextmanager
    def running(self, name: str, *command: str, far: bool = False) -> Iterator[None]:
        """Run a command in the world for as long as the `with` lasts."""
        self._start(name, *command, far=far)
        try:
            yield
        finally:
            self._end(name, signal.SIGKILL)

    def nmcli(self, *arguments: str) -> str:
        """Ask or tell NetworkManager something, as its owner does."""
        return self.run("nmcli", *arguments)

    def mac(self) -> str:
        """The MAC address that the kernel has for eth0."""
        return self.run("cat", "/sys/class/net/eth0/address")

    def active(self) -> str:
        """The profile that eth0 is connected by, empty if it is not connected."""
        return self.nmcli("-e", "no", "-g", "GENERAL.CONNECTION", "device", "show", "eth0")

    def profiles(self) -> set[str]:
        """The names of all profiles, but for that of the loopback interface."""
        return set(self.nmcli("-e", "no", "-g", "NAME", "connection", "show").splitlines()) - {
            "lo",
            "",
        }

    def address(self) -> str:
        """The IPv4 address that the kernel has for eth0, empty if there is none."""
        shown = self.run("ip", "-4", "-oneline", "address", "show", "eth0")
        return shown.partition("inet ")[2].partition("/")[0]

    def until(self, holds: Callable[[], bool], seconds: float = LIMIT) -> None:
        """Wait until `holds()`, `seconds` at most; a world tells nobody outside what happens."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, "it has not come about"
            time.sleep(_LOOK_SECONDS)

    def until_address(self, address: str) -> None:
        """Wait until eth0 has exactly that address."""
        self.until(lambda: self.address() == address)

    def autoconnects(self) -> bool:
        """Whether NetworkManager connects eth0 by itself."""
        return self.nmcli("-g", "GENERAL.AUTOCONNECT", "device", "show", "eth0") == "yes"

    def start_dhcp_server(self) -> None:
        """Start the server at the far end, which also answers for NAME."""
        network = FAR.rpartition(".")[0]
        self._start(
            *("dnsmasq", "dnsmasq", "--keep-in-foreground", "--log-facility=-", "--log-dhcp"),
            *("--conf-file=/dev/null", "--pid-file=", "--user=root", "--leasefile-ro"),
            *("--interface=peer0", "--except-interface=lo", "--bind-interfaces"),
            *("--no-resolv", "--no-hosts", "--no-ping", f"--address=/{NAME}/{FAR}"),
            f"--dhcp-range={network}.{FIRST_LEASE},{network}.{LAST_LEASE},255.255.255.0,1h",
            far=True,
        )

    def _start(self, name: str, *command: str, far: bool = False, keep: int | None = None) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._children[name] = subprocess.Popen(
                self.inside(*command, far=far),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=() if keep is None else (keep,),
            )

    def _end(self, name: str, number: signal.Signals) -> None:
        child = self._children.pop(name)
        child.send_signal(number)
        child.wait(LIMIT)
