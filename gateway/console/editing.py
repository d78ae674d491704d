"""The terminal side of the console: the edited line, its history, completion, late output."""

from __future__ import annotations

import ctypes
import os
import re
import readline
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from gateway.console.session import DOT_COMMANDS

HISTORY_LENGTH = 1000

PROMPT_LIMIT = 0.1
"""Seconds that output waits for readline to have written its prompt."""

_JOINING = re.compile(r"CW[JS]AP", re.IGNORECASE)
_JOINING_QUERY = re.compile(r"AT\+CW[JS]AP(_CUR|_DEF)?\?")


def help_by_spelling() -> Mapping[str, str]:
    """Each command's spelling with its form (`AT+CWJAP=`) and a word of help."""
    # Not before the first TAB: the prompt is to be there at once.
    from gateway import commands

    return commands.help_by_spelling()


def may_be_remembered(line: str) -> bool:
    """Whether a line may go into the history file: none that can hold a Wi-Fi password may."""
    return not _JOINING.search(line) or bool(_JOINING_QUERY.fullmatch(line))


def history_path() -> Path:
    """Where the history is kept: under `$XDG_STATE_HOME`, by default `~/.local/state`."""
    state = os.environ.get("XDG_STATE_HOME", "")
    # The XDG Base Directory Specification: a path that is not absolute is ignored.
    folder = Path(state) if Path(state).is_absolute() else Path.home() / ".local/state"
    return folder / "esp-at-gateway" / "console_history"


class History:
    """The lines typed, for the arrow keys; those without a secret in a file of mode 0600.

    A file that cannot be read or written is done without: the prompt works all the same.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> None:
        """Bring back the lines of earlier sessions, and shorten a file that has grown long."""
        try:
            with self._path.open(encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
            if len(lines) > 2 * HISTORY_LENGTH:
                self._write(lines[-HISTORY_LENGTH:], os.O_TRUNC)
        except OSError:
            return
        readline.clear_history()
        for line in lines[-HISTORY_LENGTH:]:
            readline.add_history(line)

    def add(self, line: str) -> None:
        """Remember a line; in memory only, when it may hold a password."""
        readline.add_history(line)
        if may_be_remembered(line):
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._write([line], os.O_APPEND)
            except OSError:
                return

    def _write(self, lines: Sequence[str], how: int) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="replace") as file:
            os.fchmod(descriptor, 0o600)
            file.writelines(f"{line}\n" for line in lines)


class Completer:
    """Completes the name of a command; the list of choices has a word of help each."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._help: dict[str, str] = {}
        self._matches: list[str] = []

    def complete(self, text: str, state: int) -> str | None:
        """The choice number `state` for what is typed so far (readline's protocol)."""
        if state == 0:
            self._matches = self.matches(text)
            if self._matches == [text]:
                self._show(self._row(text, len(text)))
        return self._matches[state] if state < len(self._matches) else None

    def matches(self, text: str) -> list[str]:
        """The spellings that begin as `text` does, whatever its case.

        `_CUR` and `_DEF` are only among them once an underscore is typed: they would make
        the list three times as long.
        """
        if not self._help:
            self._help = {**help_by_spelling(), **DOT_COMMANDS}
        start = text if text.startswith(".") else text.upper()
        return sorted(
            spelling
            for spelling in self._help
            if spelling.startswith(start) and ("_" in start or "_" not in spelling)
        )

    def show_choices(self, _text: str, matches: Sequence[str], longest: int) -> None:
        """Write the list of choices (readline's hook)."""
        self._show("\n".join(self._row(match, longest) for match in matches))

    def _row(self, spelling: str, width: int) -> str:
        return f"  {spelling:<{width}}  {self._help.get(spelling, '')}".rstrip()


def _after_cursor(line: str) -> int:
    """Characters of the edited line behind the cursor; 0 where readline does not tell."""
    try:
        library = ctypes.CDLL("libreadline.so.8")
        cursor = ctypes.c_int.in_dll(library, "rl_point").value
    except (OSError, ValueError):
        return 0
    return len(line.encode()[cursor:].decode(errors="ignore"))


class Terminal:
    """A terminal where a line is edited while output comes.

    `prompt` tells the prompt of the moment; every prompt has to be of the same width.
    """

    def __init__(self, prompt: Callable[[], str]) -> None:
        self._prompt = prompt
        self._lock = threading.RLock()
        self._opening = False
        self._marks: list[bool] = []
        self._column_zero = True
        self._thread = threading.get_ident()
        self._completer = Completer(self.show)

    def __enter__(self) -> Terminal:
        readline.set_auto_history(False)
        readline.set_completer_delims("")
        readline.set_completer(self._completer.complete)
        readline.set_completion_display_matches_hook(self._completer.show_choices)
        # Only from here on, with the prompt on the screen, is there a line to draw anew. No
        # function of ours: readline drops what is raised in one, a Ctrl-C among it.
        readline.set_pre_input_hook(partial(self._marks.append, True))
        readline.parse_and_bind("tab: complete")
        readline.parse_and_bind("set show-all-if-ambiguous on")
        # A pasted certificate has to come line by line.
        readline.parse_and_bind("set enable-bracketed-paste off")
        return self

    def __exit__(self, *_: object) -> None:
        readline.set_pre_input_hook(None)
        readline.set_completion_display_matches_hook(None)
        readline.set_completer(None)

    def interrupt(self) -> None:
        """End a `read_line` that is waiting, as Ctrl-C does. For another thread."""
        if self._marks:
            signal.pthread_kill(self._thread, signal.SIGINT)

    def read_line(self) -> str:
        """A line that the user typed. Raises EOFError (Ctrl-D) and KeyboardInterrupt."""
        with self._lock:
            self._fresh_line()
            self._opening = True
        try:
            return input(self._prompt())
        finally:
            self._opening = False
            self._marks.clear()

    def show(self, text: str) -> None:
        """Write text; while a line is being edited, above that line."""
        limit = time.monotonic() + PROMPT_LIMIT
        while self._opening and not self._marks and time.monotonic() < limit:
            # Readline is writing the prompt just now.
            time.sleep(0.001)
        with self._lock:
            if not self._marks:
                sys.stdout.write(text)
                sys.stdout.flush()
                self._column_zero = text.endswith("\n") if text else self._column_zero
                return
            line = readline.get_line_buffer()
            behind = _after_cursor(line)
            prompt = self._prompt()
            columns = shutil.get_terminal_size().columns
            up = (len(prompt) + len(line) - behind) // columns
            sys.stdout.write(f"\x1b[{up}A" if up else "")
            sys.stdout.write("\r\x1b[J" + text + ("" if text.endswith("\n") else "\n"))
            sys.stdout.write(prompt + line + (f"\x1b[{behind}D" if behind else ""))
            sys.stdout.flush()

    def _fresh_line(self) -> None:
        if not self._column_zero:
            sys.stdout.write("\n")
            sys.stdout.flush()
        self._column_zero = True
