"""Whether polkit lets the service's user do what the gateway asks for."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.doctor.case import Case
from gateway.doctor.checks.service import again
from gateway.doctor.finding import Finding, bad, doubt, good
from gateway.services.network.bus_values import NEEDED

TIME_SERVERS = "org.freedesktop.timesync1.set-runtime-servers"
ACTIONS = (*NEEDED, TIME_SERVERS)

RULE = "/usr/share/polkit-1/rules.d/50-esp-at-gateway.rules"

# The process asks about itself: an ordinary user may ask about his own processes only.
_SCRIPT = 'exec pkcheck --action-id "$1" --process $$'

# pkcheck(1): 1 no, 2 and 3 only by a password; anything else is no answer.
_REFUSALS = (1, 2, 3)
# Where there is no NetworkManager or no timesyncd, polkit does not know its actions.
_UNKNOWN_ACTION = "not registered"

_RESTART = "sudo systemctl restart polkit"


def check_permissions(case: Case) -> Iterator[Finding]:
    """polkit answers yes to each of the actions, asked as the service's user."""
    account, host = case.account, case.host
    if case.config.network.kind == "simulated" or account is None:
        return
    if account.is_root:
        yield good("permissions", "root: polkit is not asked")
        return
    if account != host.me and not host.me.is_root:
        text = f"what user {account.name} is allowed to do shows to root alone"
        yield doubt("permissions", text, again(case))
        return
    if not host.has_program("pkcheck"):
        text = f"polkit is not installed: user {account.name} may do nothing"
        yield bad("permissions", text, "sudo apt install polkitd")
        return
    refused: list[str] = []
    for action in ACTIONS:
        done = host.run("sh", "-c", _SCRIPT, "sh", action, account=account)
        if done.status in _REFUSALS:
            refused.append(action)
        elif not done.succeeded and _UNKNOWN_ACTION not in done.error:
            text, mend = (
                f"polkit does not answer: {done.complaint}",
                "sudo systemctl restart polkit",
            )
            yield bad("permissions", text, mend)
            return
    if refused:
        text = f"polkit does not allow user {account.name}: {_short(refused)}"
        yield bad("permissions", text, _mend(case), refused=" ".join(refused))
    else:
        yield good("permissions", f"polkit allows user {account.name} what it needs")


def _short(actions: list[str]) -> str:
    return ", ".join(action.removeprefix("org.freedesktop.") for action in actions)


def _mend(case: Case) -> str:
    try:
        case.host.node(RULE)
    except OSError:
        return "sudo apt install --reinstall esp-at-gateway"
    return _RESTART
