"""The serial line: whether it is there and ours alone, and what it can do."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from gateway.doctor.case import Case
from gateway.doctor.checks.service import again
from gateway.doctor.chip import Chip, chip_of
from gateway.doctor.finding import Finding, bad, doubt, good
from gateway.services.api_line import UartSettings
from gateway.services.device_advice import Holder
from gateway.setup_uart.models import DEBUG_UART, MODEL_FILE, is_raspberry_pi, pi_model

GETTYS = ("agetty", "getty", "login")


def check_line(case: Case) -> Iterator[Finding]:
    """The device is there, it is the one on the pins, and it can do the speed."""
    if case.is_pseudo_terminal:
        yield good("line", f"{case.device}: a pseudo-terminal of the gateway's own")
        return
    subject, device, name = "line", case.device, case.node_name
    try:
        node = case.host.node(device)
    except OSError as error:
        yield bad(subject, f"{device}: {error.strerror}", _remedy_for_none(case), device=device)
        return
    if node.device is None:
        yield bad(subject, f"{device} is no serial device", edit_device(case), device=device)
        return
    model = pi_model(_model_text(case))
    chip = chip_of(case, name, model)
    top = f", up to {chip.max_baud} baud" if chip.max_baud else ""
    leads = f"{device} is {name}" if device != f"/dev/{name}" else device
    facts = {
        "device": device,
        "node": name,
        "kind": chip.kind,
        "driver": chip.driver,
        "max_baud": chip.max_baud,
    }
    if name == DEBUG_UART and model is not None and model.serial0_is_debug_header:
        text = f"{leads}, the debug connector of this {model.name}, not pins 8 and 10"
        yield doubt(subject, text, "sudo esp-at-gateway setup-uart", **facts)
    else:
        yield good(subject, f"{leads}: {chip.kind}{top}", **facts)
    yield _speed(case, chip)


def _remedy_for_none(case: Case) -> str:
    if is_pi(case) and not re.match(r"/dev/tty(USB|ACM)", case.device):
        return "sudo esp-at-gateway setup-uart"
    if case.instance:
        return f"plug the adapter in, or sudo systemctl disable --now {case.service.unit_in_shell}"
    return edit_device(case)


def edit_device(case: Case) -> str:
    """The command that names another device."""
    return f"sudo nano {case.file_in_shell}    # [uart] device = ..., and plug the adapter in"


def is_pi(case: Case) -> bool:
    """Whether this machine is a Raspberry Pi."""
    return is_raspberry_pi(_model_text(case))


def _model_text(case: Case) -> str:
    try:
        return case.host.read(str(MODEL_FILE))
    except OSError:
        return ""


def _speed(case: Case, chip: Chip) -> Finding:
    """The speed at which the gateway listens after a reset."""
    stored = case.settings.uart
    wanted = stored or UartSettings(baud=case.config.uart.baud)
    whose = "stored by AT+UART_DEF" if stored else "[uart] baud"
    text = f"{wanted} ({whose})"
    facts = {"baud": wanted.baud, "stored": stored is not None}
    # What the sketch has to be set to, which it cannot read itself.
    remedy = f"sudo nano {case.file_in_shell}    # [uart] baud = 115200"
    if stored:
        stored_file = shlex.quote(case.path("settings.json"))
        stop = f"sudo systemctl stop {case.service.unit_in_shell}"
        remedy = f"{stop}; sudo rm {stored_file}    # all that was stored"
    if chip.kind == "mini-UART" and wanted.parity:
        return bad("speed", f"{text}: a mini-UART has no parity", remedy, **facts)
    if chip.max_baud is not None and wanted.baud > chip.max_baud:
        what = "is relied on up to" if chip.kind == "mini-UART" else "does at most"
        text = f"{text}: the {chip.kind} {what} {chip.max_baud} baud"
        make = doubt if chip.kind == "mini-UART" else bad
        return make("speed", text, remedy, **facts)
    return good("speed", text, **facts)


def check_holder(case: Case) -> Iterator[Finding]:
    """Nobody but the gateway has the line open."""
    if case.is_pseudo_terminal or not is_there(case):
        return
    # A getty is check_console's.
    others = [
        holder
        for holder in case.host.holders(case.device)
        if holder.pid != case.service.pid and holder.name not in GETTYS
    ]
    if others:
        text = f"{case.device} is held by {', '.join(map(str, others[:3]))}"
        yield bad("holder", text, _end(case, others[0]), pid=others[0].pid)
    elif not case.host.me.is_root:
        yield doubt("holder", "other users' programs on the line do not show", again(case))
    elif case.service.pid is not None:
        yield good("holder", "nobody but the service has the line open")
    else:
        yield good("holder", "nobody has the line open")


def _end(case: Case, holder: Holder) -> str:
    """The command that ends a process: by its service, where it is of one."""
    try:
        groups = case.host.read(f"/proc/{holder.pid}/cgroup")
    except OSError:
        groups = ""
    unit = re.search(r"/system\.slice/(?:.*/)?([^/\n]+\.service)$", groups, re.MULTILINE)
    if unit:
        return f"sudo systemctl disable --now {unit[1]}"
    return f"sudo kill {holder.pid}"


def check_access(case: Case) -> Iterator[Finding]:
    """The service's user may open the device, and the unit lets it."""
    if case.is_pseudo_terminal or case.account is None:
        return
    try:
        node = case.host.node(case.device)
    except OSError:
        return  # check_line's
    subject, name, unit = "access", case.node_name, case.service.unit_in_shell
    if not node.allows(case.account, 6):
        if node.group in ("root", "tty"):
            text = f"{name} belongs to group {node.group}, as where a console has it"
            mend = f"sudo chgrp dialout /dev/{name} && sudo chmod 660 /dev/{name}"
        else:
            text = f"user {case.user} is not in group {node.group}, whose {name} is"
            mend = f"sudo usermod -aG {node.group} {case.user}"
            mend += f" && sudo systemctl restart {unit}" if case.service.is_installed else ""
        yield bad(subject, text, mend, group=node.group)
        return
    kind = _driver_of_number(case, node.device)
    lines = case.service.properties.get("DeviceAllow", "").splitlines()
    allowed = {line.split()[0] for line in lines if line.strip()}
    closed = case.service.properties.get("DevicePolicy") in ("closed", "strict")
    # systemd lets every service at the pseudo-terminals.
    if (
        closed
        and kind not in ("", "pts")
        and not allowed & {f"char-{kind}", case.device, f"/dev/{name}"}
    ):
        allow = f"sudo systemctl set-property {unit} 'DeviceAllow=char-{kind} rw'"
        yield bad(subject, f"the unit does not let the service open {name}", allow)
        return
    yield good(subject, f"user {case.user} may open {name}", group=node.group)


def _driver_of_number(case: Case, number: tuple[int, int] | None) -> str:
    """What the kernel calls devices of this major number, as `DeviceAllow=char-…` has it."""
    try:
        lines = case.host.read("/proc/devices").partition("Block devices")[0].splitlines()
    except OSError:
        return ""
    majors = (line.split() for line in lines)
    names = [m[1] for m in majors if number and len(m) == 2 and m[0] == str(number[0])]
    # Drivers share a number: 4 is /dev/vc/0, tty and ttyS.
    fitting = [name for name in names if case.node_name.startswith(name)]
    return max(fitting or names[:1], key=len, default="")


def is_there(case: Case) -> bool:
    """Whether the line is a device that exists."""
    try:
        return case.host.node(case.device).device is not None
    except OSError:
        return False
