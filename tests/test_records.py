"""Records are what `dataclass(frozen=True)` would make of the same fields."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import pkgutil
from dataclasses import MISSING, FrozenInstanceError, asdict, dataclass, field, fields, replace

import pytest

import gateway
from gateway.at.events import Line, Packet, Payload, Typed
from gateway.records import Record


class Point(Record):
    """A point."""

    x: int
    y: int = 0
    names: list[str] = field(default_factory=list, compare=False)
    password: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class StandardPoint:
    """The same, by the standard library."""

    x: int
    y: int = 0
    names: list[str] = field(default_factory=list, compare=False)
    password: bytes = field(default=b"", repr=False)


class Shape(Record, kw_only=True):
    """What is by name only."""

    colour: str = "black"


class Circle(Shape):
    """A radius, which must not be negative."""

    radius: int

    def __post_init__(self) -> None:
        if self.radius < 0:
            raise ValueError(f"there is no radius {self.radius}")


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((1,), {}),
        ((1, 2), {}),
        ((1, 2, ["a"], b"secret"), {}),
        ((), {"x": 1}),
        ((1,), {"password": b"secret", "y": 2}),
        ((), {"password": b"secret", "names": ["a"], "y": 2, "x": 1}),
    ],
)
def test_it_is_made_as_a_data_class_is(values: tuple[int, ...], named: dict[str, int]) -> None:
    point, standard = Point(*values, **named), StandardPoint(*values, **named)  # type: ignore[arg-type]
    assert vars(point) == vars(standard)
    assert asdict(point) == asdict(standard)
    assert repr(point) == repr(standard).removeprefix("Standard")
    assert "secret" not in repr(point)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((), {}),
        ((1, 2, [], b"", 5), {}),
        ((1,), {"x": 2}),
        ((1,), {"z": 2}),
        ((1, 2, [], b""), {"z": 2}),
        ((), {"y": 2}),
    ],
)
def test_what_a_data_class_does_not_take_it_does_not_either(
    values: tuple[int, ...], named: dict[str, int]
) -> None:
    for kind in (Point, StandardPoint):
        with pytest.raises(TypeError):
            kind(*values, **named)  # type: ignore[arg-type]


def test_it_does_not_change() -> None:
    point = Point(1)
    # Without the two comments a type checker complains: it knows that a record is frozen.
    with pytest.raises(FrozenInstanceError, match="'y'"):
        point.y = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError, match="'z'"):
        point.z = 2
    with pytest.raises(FrozenInstanceError, match="'y'"):
        del point.y
    assert point == Point(1)


def test_it_equals_its_like_and_nothing_else() -> None:
    assert Point(1, names=["a"]) == Point(1, names=["b"])
    assert hash(Point(1, names=["a"])) == hash(Point(1, names=["b"]))
    assert Point(1) != Point(1, password=b"another")
    assert Point(1) != StandardPoint(1)
    assert Circle(1) != Circle(1, colour="red")
    assert len({Point(1), Point(x=1), Point(2)}) == 2


def test_it_is_copied_replaced_and_pickled() -> None:
    circle = Circle(3, colour="red")
    assert replace(circle, radius=4) == Circle(4, colour="red")
    assert copy.copy(circle) == copy.deepcopy(circle) == circle
    assert pickle.loads(pickle.dumps(circle)) == circle
    assert [each.name for each in fields(circle)] == ["colour", "radius"]


def test_its_fields_are_matched() -> None:
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)
        case _:
            pytest.fail("no match")


def test_what_is_by_name_is_by_name_and_what_cannot_be_is_refused() -> None:
    assert Circle(1, colour="red").colour == "red"
    with pytest.raises(TypeError):
        Circle(1, "red")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="no radius -1"):
        Circle(-1)
    with pytest.raises(ValueError, match="no radius -1"):
        replace(Circle(1), radius=-1)


def test_factories_make_one_for_each() -> None:
    assert Point(1).names is not Point(1).names


def every_record() -> list[type[Record]]:
    """Those of the whole program."""
    for module in pkgutil.walk_packages(gateway.__path__, "gateway."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: list[type[Record]] = []
    kinds = [Record]
    while kinds:
        below = kinds.pop().__subclasses__()
        found += [kind for kind in below if kind.__module__.startswith("gateway.")]
        kinds += below
    return found


def test_each_says_what_it_is() -> None:
    """Without a docstring `dataclass` would make one of its signature, at each start."""
    kinds = every_record()
    assert len(kinds) > 50
    assert [kind for kind in kinds if (kind.__doc__ or "").startswith(f"{kind.__name__}(")] == []


def test_each_constructor_of_its_own_takes_the_fields() -> None:
    own = [kind for kind in every_record() if "__init__" in vars(kind)]
    assert Line in own
    for kind in own:
        names = [each.name for each in fields(kind)]
        assert list(inspect.signature(kind).parameters) == names
        assert list(vars(kind(*names))) == names


def test_no_default_stands_before_a_field_without_one() -> None:
    """Which `dataclass` refuses where it writes the constructor, and Record does not see."""
    for kind in every_record():
        needed = [
            each.default is MISSING and each.default_factory is MISSING
            for each in fields(kind)
            if not each.kw_only
        ]
        assert needed == sorted(needed, reverse=True), kind


@pytest.mark.parametrize("kind", [Typed, Line, Payload, Packet])
def test_what_was_typed_or_sent_shows_nowhere(kind: type[Line]) -> None:
    assert "secret" not in repr(kind(b"secret"))
