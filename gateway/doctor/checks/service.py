"""The configuration, the service, and what it has stored."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

from gateway.config import DEFAULT_PATH
from gateway.doctor.case import SERVICE_USER, Case
from gateway.doctor.finding import Finding, bad, doubt, good
from gateway.services import settings
from gateway.services.network import ownership

_LEAST_FREE_BYTES = 1024 * 1024

ROOT_NEEDED = "for our eyes only as root"


def check_configuration(case: Case) -> Iterator[Finding]:
    """It can be read, by the service too, is valid, and is what the service was started with."""
    subject, file = "configuration", str(case.file)
    edit = f"sudo nano {shlex.quote(file)}"
    if case.fault is not None:
        if "Permission denied" in case.fault and not case.host.me.is_root:
            yield doubt(subject, case.fault, again(case))
        elif case.instance and not _exists(case, file):
            copy = f"sudo cp {DEFAULT_PATH} {shlex.quote(file)}"
            yield bad(subject, f"{file}: there is no such file", copy)
        else:
            yield bad(subject, case.fault, edit)
        return
    try:
        node = case.host.node(file)
    except OSError:
        yield good(subject, f"no {file}: the defaults", file=None)
        return
    if case.account and not node.allows(case.account, 4):
        yield bad(
            subject,
            f"{file} cannot be read by user {case.user}",
            f"sudo chown root:{case.account.groups[0]} {shlex.quote(file)} && "
            f"sudo chmod 640 {shlex.quote(file)}",
        )
    elif case.service.is_running and node.written > (case.service.started or node.written):
        yield doubt(
            subject,
            f"{file} has been changed since the service was started",
            f"sudo systemctl restart {case.service.unit_in_shell}",
            file=file,
        )
    else:
        yield good(subject, file, file=file)


def check_service(case: Case) -> Iterator[Finding]:
    """The unit is installed, comes by itself after a reboot, and runs."""
    service, unit, word = case.service, case.service.unit, case.service.unit_in_shell
    if service.silence:
        yield doubt("service", f"systemd does not answer: {service.silence}")
        return
    if not service.is_installed:
        yield doubt(
            "service",
            f"there is no {unit}.service: looking at a gateway that user {case.user} runs by hand",
            "sudo apt install esp-at-gateway",
        )
        return
    read = service.properties["LoadState"]
    if read != "loaded":
        mend = f"sudo systemctl unmask {word} && sudo systemctl enable --now {word}"
        mend = mend if read == "masked" else f"systemd-analyze verify {word}.service"
        yield bad("service", f"{unit}.service cannot be started: {read}", mend, unit=unit)
        return
    state = service.properties.get("ActiveState", "")
    told = service.properties.get("StatusText", "")
    is_disabled = service.properties.get("UnitFileState") in ("disabled", "indirect")
    facts = {"unit": unit, "state": state, "status": told}
    waits = service.properties.get("SubState", "").startswith("auto-restart")
    if state == "failed" or waits:
        cause = _last_error(case) or f"it ended: {service.properties.get('Result', 'unknown')}"
        yield bad("service", f"{unit} {state}: {cause}", f"journalctl -u {word} -n 20", **facts)
    elif not service.is_running:
        start = "enable --now" if is_disabled else "start"
        yield bad("service", f"{unit} is {state}", f"sudo systemctl {start} {word}", **facts)
    elif is_disabled:
        yield doubt(
            "service",
            f"{unit} runs, and does not come by itself after a reboot",
            f"sudo systemctl enable {word}",
            **facts,
        )
    else:
        yield good("service", f"{unit} {state}" + (f": {told}" if told else ""), **facts)


def _last_error(case: Case) -> str:
    """The last line that the gateway logged as an error; empty if there is none to be seen."""
    done = case.host.run(
        *("journalctl", "--unit", case.service.unit, "--priority", "err", "--lines", "1"),
        *("--boot", "--output", "cat", "--quiet", "--no-pager"),
    )
    lines = done.output.strip().splitlines() if done.succeeded else []
    return lines[-1] if lines else ""


def check_user(case: Case) -> Iterator[Finding]:
    """The user that the service runs as is there."""
    if case.account is None:
        yield bad(
            "user",
            f"there is no user {case.service.user or SERVICE_USER}",
            "sudo systemd-sysusers",
        )
        return
    groups = ", ".join(case.account.groups)
    yield good("user", f"{case.account.name} ({groups})", user=case.user, groups=groups)


def check_storage(case: Case) -> Iterator[Finding]:
    """The state directory is the service's alone, and what is stored in it can be read."""
    folder = str(case.config.storage.state_dir)
    try:
        node = case.host.node(folder)
    except FileNotFoundError:
        if case.service.is_installed:
            yield good("storage", f"{folder} comes with the service's first start")
        else:
            yield doubt("storage", f"there is no {folder}", f"sudo mkdir -m 700 {folder}")
        return
    except OSError as error:
        yield doubt("storage", f"{folder}: {error.strerror}", again(case))
        return
    quoted = shlex.quote(folder)
    if case.account and not node.allows(case.account, 7):
        mend = f"sudo chown -R {case.user}: {quoted} && sudo chmod 700 {quoted}"
        yield bad("storage", f"user {case.user} may not write to {folder}", mend)
    elif node.mode & 0o077:
        yield doubt("storage", f"{folder} is open to others", f"sudo chmod 700 {quoted}")
    else:
        yield from _space(case, folder)
    yield from _stored(case)


def _space(case: Case, folder: str) -> Iterator[Finding]:
    try:
        free = case.host.free_bytes(folder)
    except OSError as error:
        yield doubt("storage", f"{folder}: {error.strerror}", again(case))
        return
    if free is None:
        yield bad("storage", f"{folder} is read-only", "sudo mount -o remount,rw /")
    elif free < _LEAST_FREE_BYTES:
        yield bad("storage", f"the disk under {folder} is full", "sudo apt clean")
    else:
        yield good("storage", f"{folder}, {free // 1_000_000} MB free", free_bytes=free)


def _stored(case: Case) -> Iterator[Finding]:
    """What is wrong with the stored files; nothing if nothing is."""
    file = case.path(settings.FILE_NAME)
    quoted = shlex.quote(file)
    try:
        if case.host.node(file).mode & 0o077:
            text = f"{file} holds a password and is open to others"
            yield bad("settings", text, f"sudo chmod 600 {quoted}")
        settings.parse(case.host.read(file))
    except FileNotFoundError:
        pass
    except OSError as error:
        yield doubt("settings", f"{file}: {error.strerror}", again(case))
    except ValueError:
        # The error's text may quote what is stored.
        text = f"{file} cannot be read: the next start sets it aside for the factory's settings"
        yield doubt("settings", text, f"sudo systemctl restart {case.service.unit_in_shell}")
    if _exists(case, f"{file}.bad"):
        text = f"settings that could not be read were set aside: {file}.bad"
        yield doubt("settings", text, f"sudo rm {shlex.quote(file + '.bad')}")


def check_leftovers(case: Case) -> Iterator[Finding]:
    """Nothing of the owner's network is held while no gateway runs. Silent if all is well."""
    if case.service.is_running or case.service.silence:
        return
    try:
        record = json.loads(case.host.read(case.path(ownership.FILE_NAME)))
        held = any(record.get(part) for part in ("profiles", "held"))
    except (OSError, ValueError, AttributeError, RecursionError):
        return  # there is none, or check_storage tells
    if held:
        yield bad(
            "owner's network",
            "no gateway runs, and what one has taken of NetworkManager was not given back",
            ownership.release_command(case.config.storage.state_dir),
        )


def again(case: Case) -> str:
    """The command that sees what is hidden from an ordinary user."""
    return f"sudo esp-at-gateway doctor{case.options}"


def _exists(case: Case, path: str) -> bool:
    try:
        case.host.node(path)
    except OSError:
        return False
    return True
