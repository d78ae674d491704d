"""What D-Bus gives, as plain values, and what it refuses, as sentences. Pure."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from typing import Any, Final

from gateway.records import Record
from gateway.services.network.manager import NM, ManagerError, Profile

NETWORK_CONTROL: Final = f"{NM}.network-control"
SCAN: Final = f"{NM}.wifi.scan"
MODIFY: Final = f"{NM}.settings.modify.system"
SHARE_PROTECTED: Final = f"{NM}.wifi.share.protected"
SHARE_OPEN: Final = f"{NM}.wifi.share.open"
NEEDED: Final = (NETWORK_CONTROL, MODIFY, SCAN, SHARE_PROTECTED, SHARE_OPEN)
"""polkit's names of all that the gateway does."""

NOT_RUNNING: Final = (
    "NetworkManager is not running; start it with `systemctl start NetworkManager`, "
    "the network follows by itself"
)
ANSWERS_TO_THE_ABSENT: Final = frozenset(
    f"org.freedesktop.DBus.Error.{name}"
    for name in ("ServiceUnknown", "NameHasNoOwner", "NoReply", "Disconnected")
)
"""What the bus answers, by itself, when the one that was asked is gone."""

_PAIRS: Final = {"(": ")", "{": "}"}


def complete_types(signature: str) -> Iterator[str]:
    """The complete types of a signature, in order: `a{sv}u` → `a{sv}`, `u`.

    Raises ValueError where brackets do not match (D-Bus specification, "Type System").
    """
    begin = 0
    while begin < len(signature):
        end = begin
        while signature[end : end + 1] == "a":
            end += 1
        end = _end_of(signature, end)
        yield signature[begin:end]
        begin = end


def _end_of(signature: str, begin: int) -> int:
    open_brackets: list[str] = []
    for position in range(begin, len(signature)):
        sign = signature[position]
        if sign in _PAIRS:
            open_brackets.append(_PAIRS[sign])
        elif sign in _PAIRS.values() and (not open_brackets or open_brackets.pop() != sign):
            break
        if not open_brackets:
            return position + 1
    raise ValueError(f"{signature!r} is not a D-Bus signature")


def unwrap(signature: str, value: Any) -> Any:
    """`value` of type `signature`, with every variant in it replaced by what it holds.

    A variant is a pair (signature, value) here, which a structure may look like as well: only
    the signature tells. `ay` stays bytes. Raises ValueError or TypeError when they do not fit.
    """
    if "v" not in signature:
        return value
    if signature == "v":
        return unwrap(*value)
    if signature.startswith("a{"):
        of_key, of_value = complete_types(signature[2:-1])
        return {unwrap(of_key, key): unwrap(of_value, it) for key, it in value.items()}
    if signature.startswith("a"):
        return [unwrap(signature[1:], it) for it in value]
    if signature.startswith("("):
        members = complete_types(signature[1:-1])
        return tuple(unwrap(of, it) for of, it in zip(members, value, strict=True))
    raise ValueError(f"{signature!r} is not one complete D-Bus type")


def sendable(profile: Profile) -> dict[str, dict[str, tuple[str, Any]]]:
    """`profile` as the binding takes it: dictionaries for all mappings.

    Raises ValueError where a text has a NUL in it, from which on the binding would leave the
    text out without a word.
    """
    if any(_has_nul(value) for keys in profile.values() for _, value in keys.values()):
        raise ValueError("a text with a NUL in it")
    return {setting: dict(keys) for setting, keys in profile.items()}


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(map(_has_nul, value)) or any(map(_has_nul, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_has_nul, value))


class Asked(Record):
    """What NetworkManager is asked to do, and polkit's action that it takes."""

    what: str
    action: str = NETWORK_CONTROL
    who: str = "NetworkManager"


def bus_asked(what: str) -> Asked:
    """What the bus itself is asked to do."""
    return Asked(what, who="dbus")


def refusal(asked: Asked, name: str, message: str) -> ManagerError:
    """The sentence for a D-Bus error `name`, which came with `message`."""
    if name.endswith((".PermissionDenied", ".AccessDenied", ".InteractiveAuthorizationRequired")):
        action = asked.action
        if "share" in message:  # an access point takes more than other profiles
            action = f"{SHARE_PROTECTED} or {SHARE_OPEN}"
        return ManagerError(
            f"NetworkManager refuses {action} to user {user_name()}; install the polkit rule "
            "of the package, or run as root",
            name,
        )
    if name in ANSWERS_TO_THE_ABSENT:
        return ManagerError(NOT_RUNNING, name)
    reason = " ".join(message.split()).rstrip(".") or name
    return ManagerError(f"{asked.who} did not {asked.what}: {reason}", name)


def no_answer(asked: Asked, seconds: float) -> ManagerError:
    """The sentence for an answer that did not come in time."""
    return ManagerError(
        f"{asked.who} did not {asked.what} within {seconds:g} s; "
        f"`journalctl -u {asked.who}` may tell why",
        "org.freedesktop.DBus.Error.Timeout",
    )


def not_askable(asked: Asked, error: Exception) -> ManagerError:
    """The sentence for a message that could not be made. It might hold a secret, and so
    might the error's text: only its kind is told.
    """
    return ManagerError(f"{asked.who} cannot be asked to {asked.what}: {type(error).__name__}")


def missing_permissions(permissions: dict[str, str]) -> str | None:
    """One sentence naming what the gateway may not do, None when it may do all of it.

    "auth" is no permission: there is nobody who could be asked for a password.
    """
    missing = [action for action in NEEDED if permissions.get(action) != "yes"]
    if not missing:
        return None
    return (
        f"NetworkManager does not allow user {user_name()}: {', '.join(missing)}; "
        "install the polkit rule of the package, or run as root"
    )


def user_name() -> str:
    """Who this process runs as, by number where it has no name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
