"""Whether the kernel or a login prompt writes on the line."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.doctor.case import Case
from gateway.doctor.checks.line import GETTYS, is_pi, is_there
from gateway.doctor.finding import Finding, bad, good


def check_console(case: Case) -> Iterator[Finding]:
    """Neither the kernel nor a login prompt writes on the line, now or after the next boot."""
    if case.is_pseudo_terminal or not is_there(case):
        return
    name = case.node_name
    getty = f"serial-getty@{name}.service"
    clear = _remedy_for_console(case)
    if name in _kernel_consoles(case):
        yield bad("console", f"the kernel's console is on {name}", clear, kernel=True)
        return
    if name in _command_line_consoles(case):
        text = f"the kernel's command line has its console on {name}: it comes at the next boot"
        yield bad("console", text, clear, kernel=True)
        return
    users = [user for user in case.host.console_users(case.device) if user.name in GETTYS]
    stop = f"sudo systemctl disable --now {getty}"
    if users:
        yield bad("console", f"a login prompt is on {name}: {users[0]}", stop, getty=True)
    elif _comes_at_boot(case, getty):
        yield bad("console", f"{getty} comes at the next boot", stop, getty=True)
    else:
        yield good("console", f"no console and no login prompt on {name}")


def _remedy_for_console(case: Case) -> str:
    if is_pi(case):
        return "sudo esp-at-gateway setup-uart"
    return "sudo nano /etc/default/grub && sudo update-grub    # take console=tty... out, reboot"


def _kernel_consoles(case: Case) -> list[str]:
    try:
        return case.host.read("/sys/class/tty/console/active").split()
    except OSError:
        return []


def _command_line_consoles(case: Case) -> set[str]:
    """The names in `console=ttyAMA0,115200`; `serial0` was resolved by the firmware."""
    try:
        words = case.host.read("/proc/cmdline").split()
    except OSError:
        return set()
    return {
        word.removeprefix("console=").partition(",")[0]
        for word in words
        if word.startswith("console=")
    }


def _comes_at_boot(case: Case, unit: str) -> bool:
    """Whether systemd runs this unit, or is going to."""
    done = case.host.run("systemctl", "show", "--property=ActiveState,UnitFileState", "--", unit)
    said = dict(line.split("=", 1) for line in done.output.splitlines() if "=" in line)
    return said.get("ActiveState") in ("active", "activating") or said.get("UnitFileState") in (
        "enabled",
        "enabled-runtime",
    )
