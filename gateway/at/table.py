"""The table of commands: which function answers which spelling, with which arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from enum import Enum
from typing import Any

from gateway.at.errors import ATError
from gateway.at.params import Link, Parameter
from gateway.at.syntax import split_arguments, split_line
from gateway.records import Record

_MOST_REMEMBERED = 32

Handler = Callable[..., Awaitable[bytes | None]]


class Scope(Enum):
    """What a command's suffix says of the settings (contract, section 1)."""

    CURRENT = "_CUR"
    DEFAULT = "_DEF"
    PLAIN = ""


class Command(Record):
    """One spelling: `AT+CWMODE_CUR=`, the suffix and the form included.

    `prefix` begins the lines of its reply (`+CWMODE_CUR`), which has a password in it if it is
    a `secret_reply`.
    """

    spelling: str
    prefix: str
    parameters: tuple[Parameter, ...]
    handler: Handler
    scope: Scope | None
    help: str
    secret_reply: bool = False

    def parameters_read(self, multiplexing: bool) -> tuple[Parameter, ...]:
        """Those that fields stand for: all, or all but the link's id."""
        without_link = self.parameters and not multiplexing and isinstance(self.parameters[0], Link)
        return self.parameters[1:] if without_link else self.parameters

    def bind(self, text: bytes, multiplexing: bool) -> list[Any]:
        """The handler's arguments from `text`, everything behind the spelling.

        Raises ATError for an argument that is missing, too many, or does not fit.
        """
        parameters = self.parameters
        if not parameters and not text:
            return []
        fields = split_arguments(text)
        values: list[Any] = []
        if parameters and not multiplexing and isinstance(parameters[0], Link):
            values.append(0)
            link, parameters = parameters[0], parameters[1:]
            if len(fields) > len(parameters):
                link.reject_stray(fields[0])
        for index, parameter in enumerate(parameters):
            field = fields[index] if index < len(fields) else b""
            if field or not parameter.optional:
                values.append(parameter.convert(field))
            elif 0 < index == len(fields) - 1:
                raise ATError(cause="a comma at the end of the line")
            else:
                values.append(parameter.default)
        if len(fields) > len(parameters):
            raise ATError(cause="too many arguments")
        return values


class Commands:
    """A table of commands; the tables of several rooms are joined with `|`."""

    def __init__(self) -> None:
        self._by_spelling: dict[bytes, Command] = {}
        self._read_lately: dict[tuple[bytes, bool], tuple[Command, list[Any]]] = {}

    def on(
        self,
        spelling: str,
        *parameters: Parameter,
        scoped: bool = False,
        secret_reply: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Declare the decorated function as the handler of `spelling`.

        The last character tells the form: `?` queries, `=` sets, anything else executes.
        `scoped` declares the three spellings with `_CUR`, `_DEF` and neither; `secret_reply`
        says that the reply has a password in it.
        """

        def declare(handler: Handler) -> Handler:
            scopes: tuple[Scope | None, ...] = tuple(Scope) if scoped else (None,)
            for scope in scopes:
                self._add(spelling, parameters, handler, scope, secret_reply)
            return handler

        return declare

    def _add(
        self,
        spelling: str,
        parameters: tuple[Parameter, ...],
        handler: Handler,
        scope: Scope | None,
        secret_reply: bool,
    ) -> None:
        form = spelling[-1] if spelling[-1] in "?=" else ""
        name = spelling.removesuffix(form) + (scope.value if scope else "")
        command = Command(
            spelling=name + form,
            prefix=name.removeprefix("AT"),
            parameters=parameters,
            handler=handler,
            scope=scope,
            help=(handler.__doc__ or "").partition("\n")[0].rstrip("."),
            secret_reply=secret_reply,
        )
        key = command.spelling.encode()
        if key in self._by_spelling:
            raise ValueError(f"{command.spelling} is declared twice")
        self._by_spelling[key] = command

    def __or__(self, other: Commands) -> Commands:
        joined = Commands()
        joined._by_spelling = {**self._by_spelling, **other._by_spelling}
        if len(joined._by_spelling) != len(self._by_spelling) + len(other._by_spelling):
            raise ValueError("a command is declared in two rooms")
        return joined

    def __iter__(self) -> Iterator[Command]:
        return iter(self._by_spelling.values())

    def read(self, line: bytes, multiplexing: bool) -> tuple[Command, list[Any]]:
        """The command of a line without its LF, and what to hand to its handler.

        Raises ATError, which knows the spelling if it is one of ours. Boards say the same
        few lines again and again: the latest ones are remembered, but none with a secret.
        """
        key = (line, multiplexing)
        known = self._read_lately.get(key)
        if known is not None:
            return known
        parts = split_line(line)
        if parts is None:
            raise ATError(cause="a line that does not end with CR LF")
        command = self.find(parts[0])
        if command is None:
            raise ATError(cause="no such command")
        try:
            values = command.bind(parts[1], multiplexing)
        except ATError as error:
            raise error.with_spelling(command.spelling) from None
        if not any(parameter.secret for parameter in command.parameters):
            if len(self._read_lately) >= _MOST_REMEMBERED:
                self._read_lately.clear()
            self._read_lately[key] = command, values
        return command, values

    def find(self, spelling: bytes) -> Command | None:
        """The command of exactly this spelling, None if there is none."""
        return self._by_spelling.get(spelling)
