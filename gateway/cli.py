"""The command `esp-at-gateway`."""

from __future__ import annotations

import argparse
import gc
import os
import re
import sys
from pathlib import Path
from typing import Any

from gateway import __version__, lean_asyncio

# Exit statuses that no retry mends; RestartPreventExitStatus= of the units names them.
CONFIGURATION_WRONG = 2
LINE_NOT_TO_BE_HAD = 3


def main(arguments: list[str] | None = None) -> int:
    """Run the program with these arguments (the process's own for None); its exit status."""
    options = _parser().parse_args(arguments)
    if options.command == "console":
        from gateway import console

        return console.run(options.uart, options.baud)
    if options.command == "release-network":
        return _release_network(options)
    if options.command == "setup-uart":
        return _setup_uart(options)
    if options.command == "monitor":
        from gateway import monitor

        return monitor.run(
            options.config, options.instance, options.socket, raw=options.raw, as_json=options.json
        )
    if options.command == "doctor":
        from gateway.doctor import program

        return program.run(
            options.config, options.instance, loopback=options.loopback, json=options.json
        )
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    # Nothing that is imported is garbage. Once it is ready the daemon switches it on.
    gc.disable()
    try:
        return _serve(options)
    finally:
        gc.enable()


def _serve(options: argparse.Namespace) -> int:
    lean_asyncio.load()
    import asyncio
    import logging

    from gateway import daemon
    from gateway.config import Config, ConfigError, load
    from gateway.services import core_dump, journal
    from gateway.services.api import ServiceError
    from gateway.services.api_line import LineRefused
    from gateway.services.descriptor_line import LineOfKernel, LineUnavailable
    from gateway.services.event_loop import EventLoop

    def read() -> Config:
        return load(options.config).with_options(
            uart=options.uart,
            baud=options.baud,
            network=options.network,
            state_dir=options.state_dir,
            cert_dir=options.cert_dir,
            log_level=options.log_level,
        )

    try:
        config = read()
    except ConfigError as error:
        print(f"esp-at-gateway: {error}", file=sys.stderr)
        return CONFIGURATION_WRONG
    core_dump.forbid()
    journal.configure(config.log.level)
    try:
        with asyncio.Runner(loop_factory=EventLoop) as runner:
            runner.run(daemon.run(config, read))
    except LineOfKernel as error:
        logging.getLogger("gateway").error("%s", error)
        return LINE_NOT_TO_BE_HAD
    except (LineUnavailable, LineRefused, ServiceError, OSError) as error:
        logging.getLogger("gateway").error("%s", error)
        return 1
    return 0


def _release_network(options: argparse.Namespace) -> int:
    lean_asyncio.load()
    import asyncio
    import logging

    from gateway.config import Config, ConfigError, load, state_dir_of
    from gateway.services import journal
    from gateway.services.network.release_network import release_network

    broken: ConfigError | None = None
    try:
        config = load(options.config)
    except ConfigError as error:
        # Somebody is cut off from this machine until it is done.
        broken, config = error, Config().with_options(state_dir=state_dir_of(options.config))
    try:
        config = config.with_options(state_dir=options.state_dir)
    except ConfigError as error:
        print(f"esp-at-gateway: {error}", file=sys.stderr)
        return 2
    journal.configure(config.log.level)
    folder = config.storage.state_dir
    if broken is not None:
        logging.getLogger("gateway").error(
            "%s; giving back what the record in %s says all the same, "
            "another folder is named by --state-dir",
            broken,
            folder,
        )
    asyncio.run(release_network(folder))
    return 0


def _setup_uart(options: argparse.Namespace) -> int:
    from gateway.config import DEFAULT_PATH
    from gateway.setup_uart import program
    from gateway.setup_uart.wanted import Bluetooth

    root = options.root.resolve()
    return program.run(
        program.Options(
            gateway=options.config or root / DEFAULT_PATH.relative_to("/"),
            bluetooth=Bluetooth(options.bluetooth) if options.bluetooth else None,
            dry_run=options.dry_run,
            undo=options.undo,
            root=root,
            live=root == Path("/"),
        )
    )


class _Help(argparse.HelpFormatter):
    """As wide as the terminal. argparse makes one for each option, help or no help, and its own
    imports `shutil` for the width, and with that three compressors.
    """

    def __init__(self, prog: str) -> None:
        try:
            columns = int(os.environ.get("COLUMNS", "")) or 80
        except ValueError:
            try:
                columns = os.get_terminal_size(sys.stdout.fileno()).columns or 80
            except (AttributeError, ValueError, OSError):
                columns = 80
        super().__init__(prog, width=columns - 2)


class _Parser(argparse.ArgumentParser):
    """One with that help, as those of its commands are then."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=_Help, **options)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="esp-at-gateway", description="Answers AT commands on a serial line as an ESP-01."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(
        commands.add_parser(
            "run",
            help="serve a serial line until SIGTERM",
            epilog="An option that is left out is what the configuration file says.",
        )
    )
    prompt = commands.add_parser("console", help="an AT prompt on a serial line")
    prompt.add_argument(
        "--uart", metavar="DEVICE", help="the line; without it a gateway is started to try out"
    )
    prompt.add_argument("--baud", type=int, metavar="N", help="its speed")
    release = commands.add_parser(
        "release-network",
        help="give Wi-Fi and Ethernet back to their owner, after the gateway was stopped or killed",
    )
    _take_config(release)
    release.add_argument("--state-dir", metavar="DIR", help="where settings are stored")
    _add_monitor(
        commands.add_parser(
            "monitor",
            help="show the conversation of the running service as it goes",
            epilog="Passwords and payload are not shown. For root and the group esp-at-gateway.",
        )
    )
    _add_doctor(
        commands.add_parser(
            "doctor",
            help="look whether all is there that the gateway needs, and say what mends it",
            epilog="The exit status is 0 if all is well, 3 if something is worth a look, 1 if "
            "something does not work. As an ordinary user it sees less: run it with sudo.",
        )
    )
    _add_setup_uart(
        commands.add_parser(
            "setup-uart",
            help="make pins 8 and 10 of this Raspberry Pi the gateway's serial line",
            epilog="docs/uarts.md tells what each model has there, and what each choice costs.",
        )
    )
    return parser


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


def _take_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the TOML file to read (default: /etc/esp-at-gateway/gateway.toml, if there is one)",
    )
