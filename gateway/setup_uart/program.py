"""`esp-at-gateway setup-uart`: shows what changes, changes it, and takes it back."""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.setup_uart import boot_files
from gateway.setup_uart.boot_config import lines_of
from gateway.setup_uart.models import MODEL_FILE, PiModel, is_raspberry_pi, pi_model, read_model
from gateway.setup_uart.plan import Facts, Plan, Refusal, plan, undoing
from gateway.setup_uart.wanted import Bluetooth

Run = Callable[[Sequence[str]], int]
"""Runs a command and gives its exit status."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line said.

    `root` is another than / for a mounted card, and then `live` is not so: nothing is asked of
    the units of the machine that this runs on.
    """

    gateway: Path
    bluetooth: Bluetooth | None = None
    dry_run: bool = False
    undo: bool = False
    root: Path = Path("/")
    live: bool = True


def run(options: Options, run_command: Run | None = None) -> int:
    """Do what `options` say; the exit status, 0 also where nothing had to be done."""
    try:
        return _run(options, run_command or _run_command)
    except Refusal as refusal:
        print(f"esp-at-gateway: {refusal}", file=sys.stderr)
    except PermissionError as error:
        print(f"esp-at-gateway: {error.filename}: run it with sudo", file=sys.stderr)
    except OSError as error:
        print(f"esp-at-gateway: {error.filename or 'a file'}: {error.strerror}", file=sys.stderr)
    return 1


def _run(options: Options, run_command: Run) -> int:
    model = _model(options)
    files = boot_files.find(options.root, options.gateway, model)
    facts = boot_files.facts(files, model, _asker(options, run_command))
    planned = undoing(facts) if options.undo else plan(facts, options.bluetooth)
    texts = _changes(files, facts, planned)
    commands = _commands(options, planned)
    print(planned.summary)
    for note in planned.notes:
        print(f"Note: {note}.")
    if not texts and not commands:
        if options.undo and not options.dry_run:
            files.record.unlink(missing_ok=True)
            _drop_backups(files)
        print("Nothing to undo." if options.undo else "All of it is so already: nothing to do.")
        _tell_restart(options, due=(options.root / boot_files.RESTART_DUE).exists())
        return 0
    print(_diff(texts), end="")
    if options.dry_run:
        for command in commands:
            print(f"Would run: {' '.join(command)}")
        _tell_bluetooth(planned)
        print("Nothing was changed (--dry-run).")
        return 0
    return _apply(options, files, facts, planned, texts, commands, run_command)


def _model(options: Options) -> PiModel:
    text = read_model(options.root / MODEL_FILE.relative_to("/"))
    model = pi_model(text)
    if model is None:
        name = f' ("{text}")' if text else ""
        reason = (
            f"a Raspberry Pi that this version does not know{name}: see docs/uarts.md"
            if is_raspberry_pi(text)
            else f"not a Raspberry Pi{name}: nothing to set up"
        )
        raise Refusal(f"{reason}; set [uart] device in {options.gateway} to your serial line")
    return model


@dataclass(frozen=True, slots=True)
class _Change:
    file: Path
    before: str
    after: str


def _changes(files: boot_files.Files, facts: Facts, planned: Plan) -> list[_Change]:
    """In the order of writing: what a Pi cannot start without comes last."""
    candidates = (
        _Change(files.gateway, facts.gateway or "", planned.gateway or ""),
        _Change(files.command_line, facts.command_line or "", planned.command_line or ""),
        _Change(files.config, facts.config, planned.config),
    )
    return [change for change in candidates if change.before != change.after]


def _diff(changes: list[_Change]) -> str:
    lines: list[str] = []
    for change in changes:
        before, after = (
            [line.rstrip("\r\n") + "\n" for line in lines_of(text)]
            for text in (change.before, change.after)
        )
        name = str(change.file)
        lines += difflib.unified_diff(before, after, name, f"{name} (new)", n=2)
    return "".join(lines).encode("ascii", "backslashreplace").decode()


def _commands(options: Options, planned: Plan) -> list[list[str]]:
    offline = [] if options.live else [f"--root={options.root}"]
    now = ["--now"] if not offline else []
    commands = [["systemctl", *offline, "disable", *now, unit] for unit in planned.disable]
    commands += [["systemctl", *offline, "enable", unit] for unit in planned.enable]
    return commands + [["systemctl", "stop", unit] for unit in planned.stop]


def _apply(
    options: Options,
    files: boot_files.Files,
    facts: Facts,
    planned: Plan,
    changes: list[_Change],
    commands: list[list[str]],
    run_command: Run,
) -> int:
    if options.live and os.geteuid() != 0:
        raise Refusal("only root may change these files: run it with sudo")
    record = {}
    if planned.undo != facts.undo:
        record = {files.record: boot_files.record_content(planned.undo)}
    changed = {change.file: _encoded(files, change.file, change.after) for change in changes}
    # Whatever happens between two of them: what was changed can be undone.
    if options.undo:
        boot_files.replace_all({**changed, **record})
    else:
        boot_files.replace_all({**record, **_backups(files, changes), **changed})
    boot_changed = any(change.file != files.gateway for change in changes)
    if boot_changed:
        marker = options.root / boot_files.RESTART_DUE
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
    if options.undo:
        _drop_backups(files)
    failed = [command for command in commands if run_command(command) != 0]
    for command in failed:
        print(f"esp-at-gateway: that failed, run it again: sudo {' '.join(command)}")
    _tell_restart(options, due=boot_changed)
    if not boot_changed and changes:
        print("The gateway takes it up with: sudo systemctl restart esp-at-gateway")
    _tell_bluetooth(planned)
    if not options.undo:
        print("To take it all back: sudo esp-at-gateway setup-uart --undo")
    return 1 if failed else 0


def _backups(files: boot_files.Files, changes: list[_Change]) -> dict[Path, bytes | None]:
    """The boot files as the owner had them; a backup that is there is the older one and stays."""
    return {
        backup: _encoded(files, change.file, change.before)
        for change in changes
        if change.file != files.gateway
        and change.before
        and not (backup := _backup_of(change.file)).exists()
    }


def _drop_backups(files: boot_files.Files) -> None:
    """Take backups away that say what the files say again."""
    for file in (files.config, files.command_line):
        backup = _backup_of(file)
        if not backup.exists():
            continue
        if boot_files.read(backup) == boot_files.read(file):
            backup.unlink()
        else:
            print(f"{file} was changed since by somebody else; as it once was: {backup}")


def _backup_of(file: Path) -> Path:
    return file.with_name(file.name + boot_files.BACKUP_SUFFIX)


def _encoded(files: boot_files.Files, file: Path, text: str) -> bytes:
    return text.encode("utf-8" if file == files.gateway else "latin-1")


def _tell_restart(options: Options, due: bool) -> None:
    if due:
        holds = "It holds once the Pi has started anew"
        print(f"{holds}: sudo reboot" if options.live else f"{holds}.")


def _tell_bluetooth(planned: Plan) -> None:
    if planned.takes_bluetooth:
        again = "sudo esp-at-gateway setup-uart --bluetooth slow"
        print(f"Attention: this switches Bluetooth off. To keep it, slower: {again}")


def _asker(options: Options, run_command: Run) -> Callable[[str], bool]:
    def is_running(unit: str) -> bool:
        return options.live and run_command(["systemctl", "is-active", "--quiet", unit]) == 0

    return is_running


def _run_command(command: Sequence[str]) -> int:
    try:
        return subprocess.run(command, timeout=60, check=False).returncode
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"esp-at-gateway: {error}", file=sys.stderr)
        return 1
