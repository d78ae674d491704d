"""The command `esp-at-gateway`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gateway import __version__

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
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    import asyncio
    import logging

    from gateway import daemon
    from gateway.config import Config, ConfigError, load
    from gateway.services import journal
    from gateway.services.api import LineRefused, ServiceError
    from gateway.services.descriptor_line import LineOfKernel, LineUnavailable

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
    journal.configure(config.log.level)
    try:
        asyncio.run(daemon.run(config, read))
    except LineOfKernel as error:
        logging.getLogger("gateway").error("%s", error)
        return LINE_NOT_TO_BE_HAD
    except (LineUnavailable, LineRefused, ServiceError, OSError) as error:
        logging.getLogger("gateway").error("%s", error)
        return 1
    return 0


def _release_network(options: argparse.Namespace) -> int:
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="esp-at-gateway", description="Answers AT commands on a serial line as an ESP-01."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="serve a serial line until SIGTERM",
        epilog="An option that is left out is what the configuration file says.",
    )
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
    return parser


def _take_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the TOML file to read (default: /etc/esp-at-gateway/gateway.toml, if there is one)",
    )
