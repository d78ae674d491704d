"""The commands, one function each; a room for every section of the manual."""

from __future__ import annotations

from gateway.at.table import Commands
from gateway.commands import addresses, basic, clock, ethernet, links, servers, softap, station, tls


def all_commands() -> Commands:
    """The whole table."""
    return (
        basic.commands
        | station.commands
        | addresses.commands
        | softap.commands
        | ethernet.commands
        | links.commands
        | servers.commands
        | clock.commands
        | tls.commands
    )


def help_by_spelling() -> dict[str, str]:
    """A few words for each spelling, for prompts that complete."""
    return {command.spelling: command.help for command in all_commands()}
