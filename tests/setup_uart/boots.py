"""Copies of the boot folders in `boots/`, and a run of setup-uart in one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.setup_uart.program import Options, run
from gateway.setup_uart.wanted import Bluetooth

BOOTS = Path(__file__).parent / "boots"
PACKAGING = Path(__file__).parent.parent.parent / "packaging"
GATEWAY = Path("etc/esp-at-gateway/gateway.toml")
RULE = 'KERNEL=="ttyAMA[0-9]*|ttyS[0-9]*", PROGRAM="/bin/true", SYMLINK+="serial%c"\n'


@dataclass
class Pi:
    """A root directory of a Raspberry Pi, and what setup-uart has run there."""

    root: Path
    running: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    commands: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, name: str, root: Path) -> Pi:
        """A fresh copy of the folder `name` as a package's installation leaves it."""
        shutil.copytree(BOOTS / name, root)
        (root / GATEWAY).parent.mkdir(parents=True)
        shutil.copy(PACKAGING / "gateway.toml", root / GATEWAY)
        (root / "etc/udev/rules.d").mkdir(parents=True)
        (root / "etc/udev/rules.d/99-com.rules").write_text(RULE)
        return cls(root)

    @property
    def boot(self) -> Path:
        """The folder of config.txt."""
        firmware = self.root / "boot/firmware"
        return firmware if firmware.is_dir() else self.root / "boot"

    @property
    def config(self) -> bytes:
        return (self.boot / "config.txt").read_bytes()

    @config.setter
    def config(self, content: bytes) -> None:
        (self.boot / "config.txt").write_bytes(content)

    @property
    def command_line(self) -> bytes:
        return (self.boot / "cmdline.txt").read_bytes()

    @command_line.setter
    def command_line(self, content: bytes) -> None:
        (self.boot / "cmdline.txt").write_bytes(content)

    @property
    def gateway(self) -> str:
        return (self.root / GATEWAY).read_text()

    @gateway.setter
    def gateway(self, content: str) -> None:
        (self.root / GATEWAY).write_text(content)

    def enable(self, unit: str) -> None:
        """Do as `systemctl enable` does."""
        folder = self.root / "etc/systemd/system/getty.target.wants"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / unit).symlink_to(f"/usr/lib/systemd/system/{unit}")

    def files(self) -> dict[str, bytes]:
        """Every file below the root but /run's, with its content."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and "run" not in path.relative_to(self.root).parts
        }

    def setup(
        self,
        bluetooth: Bluetooth | None = None,
        *,
        undo: bool = False,
        dry_run: bool = False,
        live: bool = False,
    ) -> int:
        """Run `esp-at-gateway setup-uart` here; its exit status."""
        self.commands.clear()
        options = Options(self.root / GATEWAY, bluetooth, dry_run, undo, self.root, live)
        return run(options, self._command)

    def _command(self, command: Sequence[str]) -> int:
        if "is-active" in command:
            return 0 if command[-1] in self.running else 3
        self.commands.append(" ".join(command).replace(str(self.root), "ROOT"))
        if command[-1] in self.failing:
            return 1
        if "disable" in command:
            for link in self.root.glob("etc/systemd/system/*.wants/*"):
                if link.name == command[-1]:
                    link.unlink()
        if "enable" in command:
            self.enable(command[-1])
        return 0
