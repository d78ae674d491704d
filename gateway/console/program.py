"""The console's main program: a terminal or a pipe on one side, a serial line on the other."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from gateway import __version__
from gateway.console.conversation import Conversation, Mode
from gateway.console.port import Port, Talk
from gateway.console.session import REPLY_LIMIT, ConsoleSession, web_page
from gateway.console.signals import prompt_hears_signals, signals_end_it

if TYPE_CHECKING:
    from gateway.console.editing import History, Terminal

COMMAND_PROMPT = "esp> "
PAYLOAD_PROMPT = "   > "
READY_LIMIT = 2.0
PROMPT_DELAY = 0.3
"""Seconds that a reply may take before the next prompt is shown above it."""


def run(uart: str | None, baud: int | None = None) -> int:
    """Talk AT over `uart`, or over a gateway of its own when that is None.

    In a terminal it is a prompt with line editing. With a pipe on standard input each line
    is sent after the final reply to the one before, and the output is written plainly.
    Gives the exit status: 0; 1 when the line could not be had, was lost, or a final reply
    did not come within 20 s.
    """
    for stream in (sys.stdin, sys.stdout):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="surrogateescape" if stream is sys.stdin else "replace")
    try:
        with signals_end_it():
            return _on_trial_line(baud) if uart is None else _on_line(uart, baud)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _on_trial_line(baud: int | None) -> int:
    from gateway.console.trial import TrialFailed, page_server, trial_gateway

    try:
        with page_server() as page_port, trial_gateway() as line:
            return _on_line(str(line), baud, page_port)
    except TrialFailed as error:
        print(f"esp-at-gateway: {error}", file=sys.stderr)
        return 1


def _on_line(path: str, baud: int | None, page_port: int | None = None) -> int:
    try:
        port = Port(path, baud)
    except OSError as error:
        from gateway.services.device_advice import unavailable

        print(f"esp-at-gateway: {unavailable(path, error)}", file=sys.stderr)
        return 1
    except (ValueError, OverflowError):
        print(f"esp-at-gateway: {path} cannot be had at {baud} baud", file=sys.stderr)
        return 1
    if sys.stdin.isatty() and sys.stdout.isatty():
        return _interactive(port, path, page_port)
    return _filter(port, page_port)


def _filter(port: Port, page_port: int | None) -> int:
    talk = Talk(port, Conversation(show_prompt=True), _write, lambda: None)
    session = ConsoleSession(talk, _write, page_port=page_port)
    status = 0
    try:
        _wait_until_ready(talk, page_port)
        for text in sys.stdin:
            line = text.rstrip("\r\n")
            if session.is_dot_command(line):
                session.dot_command(line)
            else:
                session.send(line)
                status |= _judge(session.wait_for_turn(REPLY_LIMIT), talk, line)
            if session.over or talk.cause:
                break
        status |= _judge(session.wait_for_end(REPLY_LIMIT), talk, "the payload")
    except OSError as error:
        talk.cause = error
    finally:
        talk.close()
    return _ended(talk) or status


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has had enough; the interpreter flushes once more at its end.
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), sys.stdout.fileno())
        raise


def _wait_until_ready(talk: Talk, page_port: int | None) -> None:
    """A gateway just started says `ready` to whoever opens its line; commands come after."""
    if page_port is not None:
        talk.wait(lambda conversation: conversation.readies > 0, READY_LIMIT)


def _judge(answered: bool, talk: Talk, line: str) -> int:
    if answered or talk.cause:
        return 0
    talk.conversation.give_up()
    # Only the name: a line may hold a password.
    name = line.partition("=")[0]
    print(f"esp-at-gateway: no final reply to {name} in {REPLY_LIMIT:.0f} s", file=sys.stderr)
    return 1


def _ended(talk: Talk) -> int:
    if talk.cause is None:
        return 0
    if isinstance(talk.cause, BrokenPipeError):
        return 1
    print(f"esp-at-gateway: the line was lost: {talk.cause}", file=sys.stderr)
    return 1


def _interactive(port: Port, path: str, page_port: int | None) -> int:
    from gateway.console.editing import History, Terminal, history_path

    conversation = Conversation(show_prompt=False)
    ended = threading.Event()

    def prompt() -> str:
        return COMMAND_PROMPT if conversation.mode is Mode.COMMAND else PAYLOAD_PROMPT

    def lost() -> None:
        while not ended.wait(0.1):
            terminal.interrupt()

    with prompt_hears_signals(), Terminal(prompt) as terminal:
        terminal.show(_first_screen(path, page_port))
        talk = Talk(port, conversation, terminal.show, lost)
        session = ConsoleSession(talk, terminal.show, page_port=page_port)
        history = History(history_path())
        history.load()
        try:
            _wait_until_ready(talk, page_port)
            while not session.over and talk.cause is None:
                # A second Ctrl-C may come while the first is being dealt with.
                with contextlib.suppress(KeyboardInterrupt):
                    _one_line(terminal, history, session, conversation)
        except EOFError:
            terminal.show("\n")
        except OSError as error:
            talk.cause = error
        finally:
            ended.set()
            talk.close()
    return _ended(talk)


def _one_line(
    terminal: Terminal, history: History, session: ConsoleSession, conversation: Conversation
) -> None:
    try:
        line = terminal.read_line()
        # Payload and certificates are no commands to be had back, and may be secret.
        if line and conversation.mode is Mode.COMMAND:
            history.add(line)
        if session.is_dot_command(line):
            session.dot_command(line)
        else:
            session.send(line)
            session.wait_for_turn(PROMPT_DELAY)
    except KeyboardInterrupt:
        terminal.show("\n")


def _first_screen(path: str, page_port: int | None) -> str:
    if page_port is None:
        return f"esp-at-gateway {__version__}: talking to {path}. .help helps, Ctrl-D ends.\n"
    commands = {
        "AT+CWLAP": "look for access points",
        'AT+CWJAP="esp-at-sim","password"': "join one",
        f".get {web_page(page_port)}": "fetch a page, as a sketch would",
    }
    rows = "".join(f"  {command:<34} {text}\n" for command, text in commands.items())
    return (
        f"esp-at-gateway {__version__}: a Wi-Fi module to try, on a simulated network.\n"
        f"Its serial line is {path}, for one program at a time: now this prompt.\n"
        "One for a program of yours: "
        f"{_own_name()} run --network simulated --uart pty:/tmp/esp\n\n"
        f"Three things that work as they stand:\n\n{rows}\n"
        "TAB completes a command and tells what it does, .help tells more, Ctrl-D ends.\n\n"
    )


def _own_name() -> str:
    called = os.path.basename(sys.argv[0])
    return called if called == "esp-at-gateway" else f"{sys.executable} -m gateway"
