"""What the gateway answers when NetworkManager asks it for secrets."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from gateway.services.network.manager import NM

logger = logging.getLogger("gateway.network")

AGENT: Final = f"{NM}.SecretAgent"
AGENT_PATH: Final = "/org/freedesktop/NetworkManager/SecretAgent"

KeepsSecrets = Callable[[str], bool]
"""Whether the profile of this UUID has all the secrets that there are."""


class Message(Protocol):
    """A call that was received, as the binding gives it."""

    def parse_to_tuple(self) -> tuple[Any, ...]:
        """Its arguments."""

    def create_reply(self) -> Message:
        """An answer without values."""

    def create_error_reply(self, error_name: str, error_message: str, /) -> Message:
        """A refusal."""

    def send(self) -> None:
        """Send it."""


def agent_identifier() -> str:
    """The name to register under; two gateways on one machine do not have the same."""
    return f"io.github.esp_at_gateway.{os.getpid()}"


def refusal_of_secrets(keeps_secrets: KeepsSecrets, connection: Any) -> str:
    """The D-Bus error that answers GetSecrets for `connection`, which nobody may log.

    UserCanceled ends it: nobody else is asked. After NoSecrets other agents are asked.
    """
    try:
        _, uuid = connection["connection"]["uuid"]
        kept = keeps_secrets(uuid)
    except (KeyError, TypeError, ValueError):
        kept = False
    return f"{AGENT}.UserCanceled" if kept else f"{AGENT}.NoSecrets"


def agent_methods(
    keeps_secrets: KeepsSecrets,
) -> dict[str, tuple[str, str, Callable[[Message], Coroutine[Any, Any, None]]]]:
    """SecretAgent's methods: name → signature, the answer's signature, what answers a call."""

    async def get_secrets(message: Message) -> None:
        error = refusal_of_secrets(keeps_secrets, message.parse_to_tuple()[0])
        _send(message.create_error_reply(error, "the gateway asks nobody"))

    async def nothing_to_do(message: Message) -> None:
        _send(message.create_reply())

    return {
        "GetSecrets": ("a{sa{sv}}osasu", "a{sa{sv}}", get_secrets),
        "CancelGetSecrets": ("os", "", nothing_to_do),
        "SaveSecrets": ("a{sa{sv}}o", "", nothing_to_do),
        "DeleteSecrets": ("a{sa{sv}}o", "", nothing_to_do),
    }


def _send(answer: Message) -> None:
    try:
        answer.send()
    except Exception as error:  # any of the binding's: the bus may be gone by now
        logger.debug("a secret agent's answer was not sent: %s", error)
