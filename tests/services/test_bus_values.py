"""Unwrapping what D-Bus gives, and the sentences for what it refuses."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.services.network.bus_values import (
    NEEDED,
    complete_types,
    missing_permissions,
    sendable,
    unwrap,
)


@pytest.mark.parametrize(
    ("signature", "types"),
    [
        ("", []),
        ("su", ["s", "u"]),
        ("a{sv}u", ["a{sv}", "u"]),
        ("aa{s(iv)}ay(u(ss))", ["aa{s(iv)}", "ay", "(u(ss))"]),
    ],
)
def test_a_signature_is_taken_apart(signature: str, types: list[str]) -> None:
    assert list(complete_types(signature)) == types


@pytest.mark.parametrize("signature", ["(", "a", "a{sv", "(s}", "s)", "{(s)]"])
def test_brackets_must_match(signature: str) -> None:
    with pytest.raises(ValueError, match="is not a D-Bus signature"):
        list(complete_types(signature))


@pytest.mark.parametrize(
    ("signature", "value", "plain"),
    [
        ("s", "x", "x"),
        ("(sv)", ("s", ("s", "x")), ("s", "x")),  # looks like a variant, in part
        ("(ss)", ("s", "x"), ("s", "x")),  # looks like a variant altogether
        ("v", ("ay", b"\x00\xff"), b"\x00\xff"),
        ("v", ("v", ("v", ("u", 3))), 3),
        ("a{sv}", {"a": ("aay", [b"1", b"2"])}, {"a": [b"1", b"2"]}),
        ("aa{sv}", [{"a": ("a{sv}", {"b": ("u", 1)})}, {}], [{"a": {"b": 1}}, {}]),
        ("a{u(vs)}", {1: (("s", "x"), "y")}, {1: ("x", "y")}),
    ],
)
def test_variants_give_way_to_what_they_hold(signature: str, value: Any, plain: Any) -> None:
    assert unwrap(signature, value) == plain


@settings(max_examples=50)
@given(
    st.text("avsu(){}y", max_size=8),
    st.recursive(
        st.none() | st.integers() | st.text("avs{}()", max_size=3) | st.binary(max_size=3),
        lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
        max_leaves=6,
    ),
)
def test_nothing_malformed_does_more_than_not_fit(signature: str, value: Any) -> None:
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        unwrap(signature, value)


@pytest.mark.parametrize(
    "value",
    [
        ("s", "pass\0word"),
        ("as", ["x", "\0"]),
        ("a{ss}", {"k\0": "x"}),
        ("aa{sv}", [{"k": ("s", "\0")}]),
    ],
)
def test_a_text_with_nul_is_not_cut_short_but_refused(value: tuple[str, Any]) -> None:
    with pytest.raises(ValueError, match="a text with a NUL in it"):
        sendable({"setting": {"key": value}})
    assert sendable({"setting": {"key": ("ay", b"\0")}}) == {"setting": {"key": ("ay", b"\0")}}


def test_only_yes_is_a_permission() -> None:
    assert missing_permissions(dict.fromkeys(NEEDED, "yes")) is None
    sentence = missing_permissions({**dict.fromkeys(NEEDED, "yes"), NEEDED[2]: "auth"})
    assert sentence is not None
    assert f": {NEEDED[2]}; install" in sentence
