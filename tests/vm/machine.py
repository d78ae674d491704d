"""A virtual machine: started from the image or from its snapshot, and driven from the host."""

from __future__ import annotations

import base64
import json
import select
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.vm.shell_protocol import CommandFailed, Result

ANSWERS_WITHIN = 30.0
"""Seconds that the machine may take over what a command itself is given."""

COUNTRY = "CN"
"""Where the guest is. Every Pi is told its country; without one the radios listen in vain on a
hundred channels, and a scan takes 20 s."""


class MachineError(Exception):
    """The machine did not do what it was told, or is gone."""


class Machine:
    """QEMU with one guest: `with Machine(...) as machine`, killed at the end.

    `image` is the folder of `disk_image.ready_image`, `disk` a qcow2 on top of it, `folder`
    takes sockets and logs, and `snapshot` is one of the disk's own to go on from.
    """

    def __init__(self, image: Path, disk: Path, folder: Path, snapshot: str | None = None) -> None:
        self._folder = folder
        self._command = [*arguments(image, folder), "-drive", drive(disk)]
        if snapshot:
            self._command += ["-loadvm", snapshot]
        self._fresh = snapshot is None
        self._number = 0
        self._received = b""
        self._reset_at = 0.0

    def __enter__(self) -> Machine:
        self._log = open(self._folder / "qemu.log", "wb")
        self._qemu = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        self._sockets: list[socket.socket] = []
        try:
            self._monitor = self._connect("qmp.sock").makefile("rwb")
            self._monitor.readline()
            self.monitor("qmp_capabilities")
            self._agent = self._connect("agent.sock")
            if self._fresh:
                self._reply(0, 300)
            else:
                self._resumed()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._qemu.kill()
        self._qemu.wait()
        if hasattr(self, "_monitor"):
            self._monitor.close()
        for each in self._sockets:
            each.close()
        self._log.close()

    def run(
        self, command: str, *, seconds: float = 60, data: bytes = b"", check: bool = True
    ) -> Result:
        """Run a shell command as root, with `data` as its input; CommandFailed if it fails."""
        self._number += 1
        order = {
            "id": self._number,
            "command": command,
            "seconds": seconds,
            "input": base64.b64encode(data).decode(),
        }
        self._agent.sendall(json.dumps(order).encode() + b"\n")
        reply = self._reply(self._number, seconds + ANSWERS_WITHIN)
        result = Result(reply["status"], reply["output"], reply["took"])
        if check and result.status:
            raise CommandFailed(f"{command}\nends with {result.status}:\n{result.output}")
        return result

    def serial(self, name: str = "serial") -> socket.socket:
        """The other end of a line; the caller closes it, one at a time.

        `serial` is the guest's /dev/ttyS1, `second` the one that a PCI card brings, `usb` a
        USB adapter's that is plugged in.
        """
        return self._open(f"{name}.sock")

    def save(self, name: str) -> None:
        """Keep the machine as it is now, under `name`."""
        self._human(f"savevm {name}")

    def load(self, name: str) -> None:
        """Go back to what was saved as `name`; the guest's clock is set right."""
        self._human(f"loadvm {name}")
        self._resumed()

    def forget(self, name: str) -> None:
        """Give the place of what was saved as `name` back."""
        self._human(f"delvm {name}")

    def pull_cable(self) -> None:
        """Pull eth0's cable out of the guest."""
        self.monitor("set_link", {"name": "eth0", "up": False})

    def plug_cable(self) -> None:
        """Plug eth0's cable in again."""
        self.monitor("set_link", {"name": "eth0", "up": True})

    def plug_adapter(self) -> None:
        """Plug a USB serial adapter in; `serial("usb")` is the other end of its line."""
        adapter = {"driver": "usb-serial", "id": "adapter", "chardev": "usb", "port": "1"}
        self.monitor("device_add", {**adapter, "always-plugged": True})

    def unplug_adapter(self) -> None:
        """Pull it out, which has to be done before anything that was saved is loaded."""
        self.monitor("device_del", {"id": "adapter"})

    def reboot(self) -> None:
        """Restart the guest as its owner would; returns when it takes commands again."""
        self.begin_reboot()
        self.answers_again()

    def begin_reboot(self) -> None:
        """Restart the guest as its owner would, and do not wait for it."""
        self.run("systemd-run --on-active=1 systemctl reboot")

    def answers_again(self, seconds: float = 400) -> float:
        """Wait until a restarted guest takes commands; when it was reset, as `time.time()`."""
        self._reply(0, seconds)
        self.monitor("query-status")
        return self._reset_at

    def monitor(self, command: str, values: Mapping[str, Any] | None = None) -> Any:
        """A QMP command and what it returns."""
        order = {"execute": command, "arguments": values or {}}
        self._monitor.write(json.dumps(order).encode() + b"\n")
        self._monitor.flush()
        while True:
            reply = json.loads(self._monitor.readline() or b'{"error": "QEMU has ended"}')
            if "error" in reply:
                raise MachineError(f"{command}: {reply['error']}")
            if reply.get("event") == "RESET":
                at = reply["timestamp"]
                self._reset_at = float(at["seconds"]) + at["microseconds"] / 1e6
            if "return" in reply:
                return reply["return"]

    def _human(self, command: str) -> None:
        complaint = self.monitor("human-monitor-command", {"command-line": command})
        if complaint:
            raise MachineError(f"{command}: {complaint.strip()}")

    def _resumed(self) -> None:
        self._received = b""
        self.run(f"date -s @{time.time():.3f}", seconds=30)

    def _reply(self, number: int, seconds: float) -> dict[str, Any]:
        """The agent's answer to that order; the answers to those given up are dropped."""
        deadline = time.monotonic() + seconds
        while True:
            while b"\n" in self._received:
                line, self._received = self._received.split(b"\n", 1)
                reply: dict[str, Any] = json.loads(line)
                if reply["id"] == number:
                    return reply
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._agent], [], [], left)[0]:
                raise MachineError(f"the guest does not answer within {seconds:g} s")
            data = self._agent.recv(65536)
            if not data:
                raise MachineError(f"QEMU has ended: {self._last_words()}")
            self._received += data

    def _connect(self, name: str) -> socket.socket:
        connection = self._open(name)
        self._sockets.append(connection)
        return connection

    def _open(self, name: str) -> socket.socket:
        deadline = time.monotonic() + ANSWERS_WITHIN
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self._folder / name))
                return connection
            except OSError:
                connection.close()
                if self._qemu.poll() is not None:
                    raise MachineError(f"QEMU does not start: {self._last_words()}") from None
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.02)

    def _last_words(self) -> str:
        return (self._folder / "qemu.log").read_text(errors="replace").strip()


def drive(disk: Path) -> str:
    """QEMU's words for a disk that a crash may lose."""
    return f"file={disk},format=qcow2,if=virtio,cache=unsafe,discard=unmap"


def arguments(image: Path, folder: Path) -> list[str]:
    """QEMU's command line without the disk.

    One processor, emulated: with two a boot now and then panics. No hardware acceleration,
    which machines that are virtual themselves do not have.
    """

    def listening(name: str) -> str:
        return f"socket,id={name},path={folder}/{name}.sock,server=on,wait=off"

    return [
        *("qemu-system-x86_64", "-machine", "q35,vmport=off,hpet=off", "-cpu", "max"),
        *("-accel", "tcg,thread=multi,tb-size=512", "-smp", "1", "-m", "768"),
        *("-nodefaults", "-display", "none"),
        *("-kernel", f"{image}/vmlinuz", "-initrd", f"{image}/initrd.img"),
        "-append",
        "root=/dev/vda rw console=ttyS0 quiet loglevel=3 mitigations=off audit=0 net.ifnames=0 "
        "random.trust_cpu=on panic=0 systemd.show_status=0 "
        f"cfg80211.ieee80211_regdom={COUNTRY} "
        # The only clock here that goes back with a snapshot: by the others minutes would have
        # gone by at once, and every access point not been heard of for too long.
        "clocksource=acpi_pm tsc=unstable",
        *("-object", "rng-random,id=rng,filename=/dev/urandom"),
        *("-device", "virtio-rng-pci,rng=rng"),
        # ttyS0: the kernel's console; ttyS1: the microcontroller's line.
        *("-chardev", f"file,id=console,path={folder}/console.log", "-serial", "chardev:console"),
        *("-chardev", listening("serial"), "-serial", "chardev:serial"),
        *("-chardev", listening("second"), "-device", "pci-serial,chardev=second"),
        *("-device", "qemu-xhci", "-chardev", listening("usb")),
        *("-device", "virtio-serial-pci,id=ports", "-chardev", listening("agent")),
        *("-device", "virtserialport,bus=ports.0,chardev=agent,name=vm.agent"),
        *("-qmp", f"unix:{folder}/qmp.sock,server=on,wait=off"),
        # A cable with two ends: eth0 is the guest's, lan0 what it leads to. One can be pulled.
        *("-netdev", "hubport,id=near,hubid=1"),
        *("-device", "virtio-net-pci,id=eth0,netdev=near,mac=52:54:00:00:00:01,romfile="),
        *("-netdev", "hubport,id=far,hubid=1"),
        *("-device", "virtio-net-pci,id=lan0,netdev=far,mac=52:54:00:00:00:02,romfile="),
    ]
