"""The files that setup-uart reads and writes: the boot partition's, gateway.toml, its record.

Every file is written beside itself and brought to the disk before the first is renamed into
place, and a rename that fails takes the others back: a failure leaves what was there before.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from gateway.setup_uart import boot_config
from gateway.setup_uart.command_line import Removed
from gateway.setup_uart.models import MINI_UART, PL011, PiModel
from gateway.setup_uart.plan import BLUETOOTH_SERVICE, Facts, Refusal, Undo

BACKUP_SUFFIX = ".before-esp-at-gateway"
RECORD_NAME = "esp-at-gateway-undo.json"
RESTART_DUE = Path("run/esp-at-gateway-restart-due")
"""There from a change of the boot files until the Pi starts anew: /run is empty then."""

_BOOT_FOLDERS = ("boot/firmware", "boot")
_MOVED = "/boot/firmware"  # what Debian 12's /boot/config.txt tells the reader to open instead
_UNITS = Path("etc/systemd/system")
_RULES = ("etc/udev/rules.d", "usr/lib/udev/rules.d", "lib/udev/rules.d")
_NEW = ".esp-at-gateway-new"


@dataclass(frozen=True, slots=True)
class Files:
    """Where the files are; `command_line` and `gateway` need not exist."""

    root: Path
    config: Path
    command_line: Path
    gateway: Path

    @property
    def record(self) -> Path:
        """What was changed, kept beside config.txt so that it goes where the card goes."""
        return self.config.parent / RECORD_NAME


def find(root: Path, gateway: Path, model: PiModel) -> Files:
    """The files below `root`. Raises Refusal where there is no config.txt."""
    for folder in _BOOT_FOLDERS:
        config = root / folder / "config.txt"
        text = read(config)
        if text is None or (folder == "boot" and _only_says_where(text)):
            continue
        config = Path(os.path.realpath(config))
        settings = boot_config.parse(text, model)
        name = settings.value("cmdline", "cmdline.txt")
        command_line = _command_line_file(config.parent, name, settings)
        return Files(root, config, command_line, _target(root, gateway))
    raise Refusal(
        "no config.txt in /boot/firmware or /boot: is the boot partition mounted? "
        "See `lsblk -f`, then: sudo mount /boot/firmware"
    )


def read(file: Path) -> str | None:
    """The text of `file` with its line ends as they are; None if there is none.

    Every byte is one character (Latin-1), so that what is written back is the same bytes.
    """
    try:
        return file.read_bytes().decode("latin-1")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError:
        _refuse_folder(file)


def read_gateway(file: Path) -> str | None:
    """The text of gateway.toml, which is UTF-8. Raises Refusal if it is not."""
    try:
        return file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        _refuse_folder(file)
    except UnicodeDecodeError as error:
        raise Refusal(f"{file} is not UTF-8: {error}") from error


def facts(files: Files, model: PiModel, is_running: Callable[[str], bool]) -> Facts:
    """What there is to know. `is_running` tells it of a unit."""
    gettys = {f"serial-getty@{node}.service" for node in ("serial0", "ttyAMA0", "ttyS0")}
    units = {*gettys, BLUETOOTH_SERVICE}
    devices = files.root / "dev"
    serial0 = devices / "serial0"
    wanted = {link.name for link in (files.root / _UNITS).glob("*.wants/*") if link.is_symlink()}
    return Facts(
        model=model,
        config=read(files.config) or "",
        command_line=read(files.command_line),
        gateway=read_gateway(files.gateway),
        undo=_recorded(files.record),
        enabled_units=frozenset(units & wanted),
        running_units=frozenset(unit for unit in gettys if is_running(unit)),
        has_serial0_rule=_has_serial0_rule(files.root),
        serial0=Path(os.path.realpath(serial0)).name if serial0.is_symlink() else "",
        nodes=frozenset(node for node in (PL011, MINI_UART) if (devices / node).exists()),
        is_restart_due=(files.root / RESTART_DUE).exists(),
        has_paired_devices=any((files.root / "var/lib/bluetooth").glob("*/*:*")),
    )


def record_content(undo: Undo) -> bytes | None:
    """What the record says for `undo`; None where there is nothing to undo by it."""
    if undo == Undo():
        return None
    return (json.dumps({"version": 1, **asdict(undo)}, indent=1) + "\n").encode()


def replace_all(contents: Mapping[Path, bytes | None]) -> None:
    """Put this content in these files, in this order, all or none; None takes a file away.

    Raises Refusal, and then the files are as they were.
    """
    former: dict[Path, bytes | None] = {}
    with contextlib.ExitStack() as stack:
        try:
            for file, content in contents.items():
                former[file] = file.read_bytes() if file.exists() else None
                if content is not None:
                    stack.enter_context(_beside(file, content))
            done: list[Path] = []
            try:
                for file, content in contents.items():
                    done.append(file)
                    if content is None:
                        file.unlink(missing_ok=True)
                    else:
                        _take_place(file)
            except OSError:
                for file in done:
                    _restore(file, former[file])
                raise
        except OSError as error:
            raise Refusal(f"{_why(error)}; nothing was changed") from error
    for folder in {file.parent for file in contents}:
        _sync_folder(folder)


def _refuse_folder(file: Path) -> NoReturn:
    raise Refusal(f"{file} is a folder: move it away, then run this again")


def _target(root: Path, file: Path) -> Path:
    """`file`, or what it is a link to: the link stays, and the file behind it is written.

    A link of a mounted card must not lead to a file of this machine. Raises Refusal.
    """
    target = Path(os.path.realpath(file))
    inside = Path(os.path.realpath(root))
    if file.is_relative_to(root) and not target.is_relative_to(inside):
        raise Refusal(f"{file} is a link out of {root}, to {target}: put the file itself there")
    return target


def _only_says_where(text: str) -> bool:
    return _MOVED in text and not any("=" in line.split("#")[0] for line in text.split("\n"))


def _command_line_file(folder: Path, name: str, settings: boot_config.BootConfig) -> Path:
    """cmdline.txt, or what config.txt calls so; os_prefix counts where a file is there."""
    prefixed = folder / (settings.value("os_prefix") + name).lstrip("/")
    plain = folder / name.lstrip("/")
    chosen = prefixed if prefixed.is_file() and not name.startswith("/") else plain
    return Path(os.path.realpath(chosen))


def _recorded(file: Path) -> Undo:
    text = read(file)
    return Undo() if text is None else recorded(text, file)


def recorded(text: str, file: Path) -> Undo:
    """What `text`, the whole of the record `file`, says. Raises Refusal where it is none."""
    try:
        record = json.loads(text)
        return Undo(
            tuple(_removed(each["index"], each["text"]) for each in record["consoles"]),
            str(record["device_before"]),
            str(record["device_after"]),
            tuple(_unit(unit) for unit in record["disabled_units"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refusal(
            f"{file} cannot be read ({error}): the files as they were are beside it, named "
            f"*{BACKUP_SUFFIX}; delete it to go on without"
        ) from error


def _removed(index: object, text: object) -> Removed:
    """One parameter with the blank beside it, as `without_consoles` gives them."""
    if not isinstance(index, int) or index < 0 or len(str(text).split()) != 1:
        raise ValueError("a console is none of ours")
    return Removed(index, str(text))


def _unit(name: object) -> str:
    """A unit that setup-uart can have disabled, and no other: root will enable it again."""
    text = str(name)
    if text != BLUETOOTH_SERVICE and not text.startswith("serial-getty@"):
        raise ValueError(f"{text} is no unit of ours")
    return text


def _has_serial0_rule(root: Path) -> bool:
    """Whether udev makes /dev/serial0 here, as it does on Raspberry Pi OS."""
    rules = (file for folder in _RULES for file in (root / folder).glob("*.rules"))
    return (root / "dev/serial0").is_symlink() or any(
        "serial%c" in (read(file) or "") for file in rules
    )


@contextlib.contextmanager
def _beside(file: Path, content: bytes) -> Iterator[None]:
    """The new content of `file` on the disk, under another name, until the end."""
    new = file.with_name(file.name + _NEW)
    try:
        with open(new, "wb") as stream:
            if file.exists():
                former = file.stat()
                with contextlib.suppress(OSError):  # FAT has neither modes nor owners
                    os.fchmod(stream.fileno(), former.st_mode & 0o7777)
                    os.fchown(stream.fileno(), former.st_uid, former.st_gid)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        new.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(file)) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            new.unlink()


def _take_place(file: Path) -> None:
    os.replace(file.with_name(file.name + _NEW), file)


def _restore(file: Path, content: bytes | None) -> None:
    with contextlib.suppress(OSError):  # the first error is the one to tell
        if content is None:
            file.unlink(missing_ok=True)
        elif file.read_bytes() != content:
            with _beside(file, content):
                _take_place(file)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _why(error: OSError) -> str:
    file = error.filename or "a file"
    if error.errno == errno.EROFS:
        folder = Path(file).parent
        return (
            f"{folder} is mounted read-only: sudo mount -o remount,rw {folder} "
            "(with the overlay file system of raspi-config: switch that off first)"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"no permission for {file}: run it with sudo"
    return f"{file}: {os.strerror(error.errno or 0)}"
