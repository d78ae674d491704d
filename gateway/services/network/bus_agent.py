"""What the gateway answers when NetworkManager asks it for secrets. Pure."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

from gateway.services.network.manager import NM

AGENT: Final = f"{NM}.SecretAgent"
AGENT_PATH: Final = "/org/freedesktop/NetworkManager/SecretAgent"

KeepsSecrets = Callable[[str], bool]
"""Whether the profile of this UUID has all the secrets that there are."""


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
