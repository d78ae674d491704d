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

# The shell asks about itself: an ordinary user may ask about his own processes only.
_SCRIPT = 'for action; do pkcheck --action-id "$action" --process $$ >&2; echo "$action $?"; done'

# pkcheck(1): 1 no, 2 and 3 only by a password; anything else is no answer.
_REFUSALS = ("1", "2", "3")
_UNKNOWN_ACTION = "not registered"


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
    done = host.run("sh", "-c", _SCRIPT, "sh", *ACTIONS, account=account)
    answers = dict(line.rsplit(" ", 1) for line in done.output.splitlines() if " " in line)
    refused = [action for action in ACTIONS if answers.get(action) in _REFUSALS]
    silent = [action for action in ACTIONS if answers.get(action) not in ("0", *_REFUSALS)]
    # Where there is no NetworkManager or timesyncd, polkit does not know its actions either.
    silent = [] if not refused and _UNKNOWN_ACTION in done.error else silent
    if refused:
        text = f"polkit does not allow user {account.name}: {_short(refused)}"
        yield bad("permissions", text, _mend(case), refused=" ".join(refused))
    elif silent:
        first = (done.error.splitlines() or ["no answer"])[0]
        mend = "sudo systemctl restart polkit"
        yield bad("permissions", f"polkit does not answer: {first}", mend)
    else:
        yield good("permissions", f"polkit allows user {account.name} what it needs")


def _short(actions: list[str]) -> str:
    return ", ".join(action.removeprefix("org.freedesktop.") for action in actions)


def _mend(case: Case) -> str:
    try:
        case.host.node(RULE)
    except OSError:
        return "sudo apt install --reinstall esp-at-gateway"
    return "sudo systemctl restart polkit"
