"""The command `esp-at-gateway`."""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path

from gateway import arguments, lean_asyncio

# Exit statuses that no retry mends; RestartPreventExitStatus= of the units names them.
CONFIGURATION_WRONG = 2
LINE_NOT_TO_BE_HAD = 3


def main(words: list[str] | None = None) -> int:
    """Run the program with these arguments (the process's own for None); its exit status."""
    if words is None:
        words = sys.argv[1:]
    options = arguments.parser(words).parse_args(words)
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
