"""Frozen data classes of which Python compiles nothing when it starts.

`dataclass` writes the methods of each class as source text and compiles that. The service has
dozens of data classes at its start, and a microcontroller waits for `ready` meanwhile. All
records share the methods in here (docs/decisions/0015-records.md).
"""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from typing import Any, ClassVar, NoReturn, dataclass_transform


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Record:
    """A class that inherits this is used as one under `dataclass(frozen=True)`.

    What `dataclasses` has for instances (`replace`, `fields`, `asdict`) takes records, `match`
    knows their fields, and a `__post_init__` may refuse values. Fields are declared as ever, with
    `field` where it needs it; `class Name(Record, kw_only=True)` has them by name only. A record
    needs a docstring: for one without, `dataclass` looks at its signature.

    One that is made for every line may write an `__init__` of its own, which sets all the fields
    in `__dict__`. `field(hash=...)` has no effect, and no `dataclass` inherits a record.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    __match_args__: ClassVar[tuple[str, ...]]
    _whole: ClassVar[int | None]
    """How many values by position are a whole record with nothing to check."""

    def __init_subclass__(cls, *, kw_only: bool = False) -> None:
        super().__init_subclass__()
        dataclass(init=False, repr=False, eq=False, kw_only=kw_only)(cls)
        by_position = len(cls.__match_args__) == len(fields(cls))
        unchecked = cls.__post_init__ is Record.__post_init__
        cls._whole = len(cls.__match_args__) if by_position and unchecked else None

    def __init__(self, *values: Any, **named: Any) -> None:
        self.__dict__.update(zip(self.__match_args__, values, strict=False))
        if named or len(values) != self._whole:
            self._complete(len(values), named)
            self.__post_init__()

    def _complete(self, count: int, named: dict[str, Any]) -> None:
        """Set what is named, and defaults for the rest, as a function would."""
        positional, state = self.__match_args__, self.__dict__
        if count > len(positional):
            raise TypeError(f"{type(self).__name__} takes {len(positional)} values, not {count}")
        for each in fields(self):
            name = each.name
            if name in state:
                continue
            if name in named:
                state[name] = named.pop(name)
            elif each.default is not MISSING:
                state[name] = each.default
            elif each.default_factory is not MISSING:
                state[name] = each.default_factory()
            else:
                raise TypeError(f"{type(self).__name__} needs {name!r}")
        if named:
            raise TypeError(f"{type(self).__name__} takes no {min(named)!r}, or has it twice")

    def __post_init__(self) -> None:
        """Raise ValueError where the values cannot be."""

    def __repr__(self) -> str:
        shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash(self._compared())

    def _compared(self) -> tuple[Any, ...]:
        state = self.__dict__
        return tuple([state[each.name] for each in fields(self) if each.compare])

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenInstanceError(f"cannot delete field {name!r}")
