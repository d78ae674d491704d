"""What the command `esp-at-gateway` takes on its command line, and its help."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gateway import __version__
from gateway.records import Record


class _Help(argparse.HelpFormatter):
    """As wide as the terminal. argparse makes one for each option, help or no help, and its own
    imports `shutil` for the width, and with that three compressors.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    told = os.environ.get("COLUMNS", "")
    if told.isascii() and told.isdigit() and int(told) > 0:
        return int(told)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (AttributeError, ValueError, OSError):
        return 80


class _Parser(argparse.ArgumentParser):
    """One with that help, as those of its commands are then."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=_Help, **options)


def parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser with every command, or with the one alone that `arguments` begin with.

    Making one takes a fraction of a millisecond for each option, and a microcontroller waits.
    """
    program = _Parser(
        prog="esp-at-gateway", description="Answers AT commands on a serial line as an ESP-01."
    )
    program.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = program.add_subparsers(dest="command", required=True, metavar="COMMAND")
    named = [command for command in _COMMANDS if command.name in arguments[:1]]
    for command in named or _COMMANDS:
        command.take_options(
            commands.add_parser(command.name, help=command.help, epilog=command.epilog)
        )
    return program


def _add_run(run: argparse.ArgumentParser) -> None:
    _take_config(run)
    run.add_argument(
        "--uart",
        metavar="DEVICE|pty:PATH",
        help="the serial line, or a new pseudo-terminal with a symlink to it at PATH",
    )
    run.add_argument(
        "--baud", type=int, metavar="N", help="its speed until AT+UART_DEF stores another"
    )
    run.add_argument("--network", metavar="KIND", help="networkmanager or simulated")
    run.add_argument("--state-dir", metavar="DIR", help="where settings are stored")
    run.add_argument("--cert-dir", metavar="DIR", help="where CA certificates are")
    run.add_argument("--log-level", metavar="L", help="debug, info, warning or error")


def _add_setup_uart(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would change, and change nothing"
    )
    parser.add_argument(
        "--undo", action="store_true", help="take back what this command has changed, and no more"
    )
    parser.add_argument(
        "--bluetooth",
        choices=("off", "slow", "keep"),
        help="where Bluetooth has the better UART: take it away, give it the lesser one, or leave "
        "it and take the lesser one (default: off, unless devices are paired)",
    )
    _take_config(parser)
    parser.add_argument("--root", type=Path, default=Path("/"), help=argparse.SUPPRESS)


def _add_monitor(monitor: argparse.ArgumentParser) -> None:
    _take_config(monitor)
    monitor.add_argument(
        "--instance",
        type=_instance,
        metavar="NAME",
        help="listen to esp-at-gateway@NAME, as ttyUSB0",
    )
    monitor.add_argument(
        "--socket", type=Path, metavar="PATH", help="listen at this socket instead"
    )
    monitor.add_argument("--raw", action="store_true", help="what goes over the line in hex too")
    monitor.add_argument("--json", action="store_true", help="a JSON object a line, for a program")


def _add_doctor(doctor: argparse.ArgumentParser) -> None:
    _take_config(doctor)
    doctor.add_argument(
        "--instance", type=_instance, metavar="NAME", help="look at esp-at-gateway@NAME, as ttyUSB0"
    )
    doctor.add_argument(
        "--loopback",
        action="store_true",
        help="test the wires: the service is stopped, RX and TX (pins 8 and 10) are joined",
    )
    doctor.add_argument("--json", action="store_true", help="the findings for a program")


def _instance(name: str) -> str:
    """The name of an instance: what systemd.unit(5) lets one have."""
    if not re.fullmatch(r"[A-Za-z0-9:_.\\@-]+", name):
        raise argparse.ArgumentTypeError(
            f"{name!r} is none: it is what follows the @ in `systemctl list-units "
            "'esp-at-gateway@*'`, as ttyUSB0"
        )
    return name


def _add_console(prompt: argparse.ArgumentParser) -> None:
    prompt.add_argument(
        "--uart", metavar="DEVICE", help="the line; without it a gateway is started to try out"
    )
    prompt.add_argument("--baud", type=int, metavar="N", help="its speed")


def _add_release_network(release: argparse.ArgumentParser) -> None:
    _take_config(release)
    release.add_argument("--state-dir", metavar="DIR", help="where settings are stored")


def _take_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the TOML file to read (default: /etc/esp-at-gateway/gateway.toml, if there is one)",
    )


class _Command(Record):
    """A command: what declares its options, and what is said of it."""

    name: str
    take_options: Callable[[argparse.ArgumentParser], None]
    help: str
    epilog: str | None = None


_COMMANDS = (
    _Command(
        "run",
        _add_run,
        "serve a serial line until SIGTERM",
        "An option that is left out is what the configuration file says.",
    ),
    _Command("console", _add_console, "an AT prompt on a serial line"),
    _Command(
        "release-network",
        _add_release_network,
        "give Wi-Fi and Ethernet back to their owner, after the gateway was stopped or killed",
    ),
    _Command(
        "monitor",
        _add_monitor,
        "show the conversation of the running service as it goes",
        "Passwords and payload are not shown. For root and the group esp-at-gateway.",
    ),
    _Command(
        "doctor",
        _add_doctor,
        "look whether all is there that the gateway needs, and say what mends it",
        "The exit status is 0 if all is well, 3 if something is worth a look, 1 if something does "
        "not work. As an ordinary user it sees less: run it with sudo.",
    ),
    _Command(
        "setup-uart",
        _add_setup_uart,
        "make pins 8 and 10 of this Raspberry Pi the gateway's serial line",
        "docs/uarts.md tells what each model has there, and what each choice costs.",
    ),
)
