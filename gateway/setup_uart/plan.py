"""What has to change on a Pi so that pins 8 and 10 are the gateway's line. Pure.

`plan` compares what is there with what is needed and gives the difference, `undoing` the way
back. Neither reads, writes nor runs anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from gateway.setup_uart import boot_config as boot
from gateway.setup_uart.command_line import Removed, early_console, put_back, without_consoles
from gateway.setup_uart.gateway_device import DEFAULT_DEVICE, device_of, with_device
from gateway.setup_uart.models import MINI_UART, PL011, PiModel
from gateway.setup_uart.wanted import (
    COSTS,
    Bluetooth,
    chosen,
    console_nodes,
    header_node,
    missing_lines,
)

BLUETOOTH_SERVICE = "hciuart.service"  # attaches Bluetooth's UART, up to Debian 12


class Refusal(Exception):
    """Nothing was changed; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Undo:
    """What was changed beyond our block in config.txt, kept so that it can be undone."""

    consoles: tuple[Removed, ...] = ()
    device_before: str = ""
    device_after: str = ""
    disabled_units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is there. Texts are whole files; None where there is no such file.

    `serial0` is what /dev/serial0 leads to now, "" for nothing, and `nodes` are those of
    ttyAMA0 and ttyS0 that there are; with a restart due they tell nothing of the boot files.
    """

    model: PiModel
    config: str
    command_line: str | None
    gateway: str | None
    undo: Undo = field(default=Undo())
    enabled_units: frozenset[str] = frozenset()
    running_units: frozenset[str] = frozenset()
    has_serial0_rule: bool = True
    serial0: str = ""
    nodes: frozenset[str] = frozenset()
    is_restart_due: bool = False
    has_paired_devices: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The files as they should be, what has to be done to units, and what to tell."""

    config: str
    command_line: str | None
    gateway: str | None
    undo: Undo
    disable: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    enable: tuple[str, ...] = ()
    summary: str = ""
    takes_bluetooth: bool = False
    notes: tuple[str, ...] = ()


def plan(facts: Facts, wish: Bluetooth | None) -> Plan:
    """What has to change. Raises Refusal where the owner has to decide something first."""
    present = boot.parse(facts.config, facts.model)
    bluetooth = _bluetooth(facts, wish)
    config = _config(facts, present, bluetooth)
    ahead = boot.parse(config, facts.model)
    nodes = console_nodes(facts.model, ahead)
    command_line, removed = _command_line(facts, nodes)
    is_so = (config, command_line) == (facts.config, facts.command_line)
    gateway, before, after = _gateway(facts, bluetooth, is_so and not facts.is_restart_due)
    units = [f"serial-getty@{node}.service" for node in sorted(nodes)]
    if bluetooth is Bluetooth.OFF:
        units.append(BLUETOOTH_SERVICE)
    disable = tuple(unit for unit in units if unit in facts.enabled_units)
    stop = tuple(unit for unit in units if unit in facts.running_units - facts.enabled_units)
    former = facts.undo
    # Bluetooth that an earlier run took away, and that this one leaves.
    is_back = bluetooth is not Bluetooth.OFF and BLUETOOTH_SERVICE in former.disabled_units
    enable = (BLUETOOTH_SERVICE,) if is_back else ()
    undo = Undo(
        consoles=(*former.consoles, *_not_among(former.consoles, removed)),
        device_before=former.device_before or before,
        device_after=after or former.device_after,
        disabled_units=tuple(sorted({*former.disabled_units, *disable} - set(enable))),
    )
    return Plan(
        config,
        command_line,
        gateway,
        undo,
        disable=disable,
        stop=stop,
        enable=enable,
        summary=_summary(facts.model, bluetooth),
        takes_bluetooth=bluetooth is Bluetooth.OFF and chosen(present) != chosen(ahead),
        notes=tuple(_notes(facts, ahead, bluetooth)),
    )


def _not_among(former: tuple[Removed, ...], removed: tuple[Removed, ...]) -> tuple[Removed, ...]:
    """Those that are new: one that came back since, wherever it stood, is the same one."""
    known = {parameter.text.strip() for parameter in former}
    return tuple(parameter for parameter in removed if parameter.text.strip() not in known)


def _command_line(facts: Facts, nodes: frozenset[str]) -> tuple[str | None, tuple[Removed, ...]]:
    return without_consoles(facts.command_line, nodes) if facts.command_line else (None, ())


def undoing(facts: Facts) -> Plan:
    """The way back: only what setup-uart did, whatever the owner has changed since."""
    command_line, gateway = facts.command_line, facts.gateway
    if command_line is not None:
        command_line = put_back(command_line, facts.undo.consoles)
    if gateway is not None and facts.undo.device_before:
        try:
            if device_of(gateway) == facts.undo.device_after:
                gateway = with_device(gateway, facts.undo.device_before)
        except ValueError as error:
            _refuse_gateway(error)
    return Plan(
        config=boot.without_block(facts.config),
        command_line=command_line,
        gateway=gateway,
        undo=Undo(),
        enable=facts.undo.disabled_units,
        summary=f"{facts.model.name}: pins 8 and 10 as they were",
    )


def _bluetooth(facts: Facts, wish: Bluetooth | None) -> Bluetooth | None:
    """The choice, or None where the model leaves none: what is there already is kept."""
    if not facts.model.bluetooth_on_pl011:
        return None
    theirs = chosen(boot.parse(boot.without_block(facts.config), facts.model))
    if theirs and wish and theirs[0] is not wish:
        raise Refusal(
            f"line {theirs[1]} of config.txt does not go with --bluetooth {wish}: take that line "
            f"out, or leave the option away, which stands for --bluetooth {theirs[0]}"
        )
    if wish or theirs:
        return wish or (theirs and theirs[0])
    if boot.has_block(facts.config):
        ours = chosen(boot.parse(facts.config, facts.model))
        return ours[0] if ours else Bluetooth.KEEP
    if facts.has_paired_devices:
        choices = "\n".join(f"  --bluetooth {choice:<5} {COSTS[choice]}" for choice in Bluetooth)
        raise Refusal(
            "Bluetooth devices are paired with this Pi, and its Bluetooth has the better UART. "
            f"Say what is to become of it:\n{choices}"
        )
    return Bluetooth.OFF


def _config(facts: Facts, present: boot.BootConfig, bluetooth: Bluetooth | None) -> str:
    if not missing_lines(facts.model, present, bluetooth) and not _is_stale(facts, bluetooth):
        return facts.config
    text = boot.without_block(facts.config)
    missing = missing_lines(facts.model, boot.parse(text, facts.model), bluetooth)
    return boot.with_block(text, missing) if missing else text


def _is_stale(facts: Facts, bluetooth: Bluetooth | None) -> bool:
    """Whether our block says something else of Bluetooth than is wanted now."""
    if not boot.has_block(facts.config) or bluetooth is None:
        return False
    ours = chosen(boot.parse(facts.config, facts.model))
    return (ours[0] if ours else Bluetooth.KEEP) is not bluetooth


def _gateway(
    facts: Facts, bluetooth: Bluetooth | None, is_settled: bool
) -> tuple[str | None, str, str]:
    """gateway.toml with the right device, the device before and after; "" if unchanged.

    Where the Pi runs with these boot files (`is_settled`), /dev/serial0 is seen, and named
    only if it leads to the header: some systems of 2023 made none.
    """
    if facts.gateway is None:
        return None, "", ""
    name = header_node(bluetooth)
    node = f"/dev/{name}"
    leads_there = facts.has_serial0_rule and not facts.model.serial0_is_debug_header
    if is_settled and name in facts.nodes and facts.serial0 != name:
        leads_there = False
    right = DEFAULT_DEVICE if leads_there else node
    try:
        device = device_of(facts.gateway)
        if device in {node, right} or device not in _OWN_DEVICES:
            return facts.gateway, "", ""
        return with_device(facts.gateway, right), device, right
    except ValueError as error:
        _refuse_gateway(error)


_OWN_DEVICES = {DEFAULT_DEVICE, f"/dev/{PL011}", f"/dev/{MINI_UART}"}


def _refuse_gateway(error: ValueError) -> NoReturn:
    raise Refusal(f"gateway.toml: {error}: mend it, then run this again") from error


def _summary(model: PiModel, bluetooth: Bluetooth | None) -> str:
    node = header_node(bluetooth)
    if bluetooth:
        return f"{model.name}: {COSTS[bluetooth]} (/dev/{node})"
    what = ", Bluetooth stays as it is" if model.has_bluetooth else ""
    return f"{model.name}: pins 8 and 10 get the PL011{what} (/dev/{node})"


def _notes(facts: Facts, ahead: boot.BootConfig, bluetooth: Bluetooth | None) -> list[str]:
    notes = []
    if facts.model.is_compute_module:
        notes.append("a Compute Module has GPIO14 and GPIO15 where its carrier board leads them")
    if facts.command_line is None:
        notes.append("no cmdline.txt was found: see that the kernel has no console on this line")
    elif early_console(facts.command_line):
        notes.append(
            f"the kernel's command line has {early_console(facts.command_line)}: if that is this "
            "line, boot messages go to the microcontroller; take it out by hand"
        )
    if ahead.value("uart_2ndstage") == "1" or ahead.value("enable_rp1_uart") == "1":
        notes.append("the firmware is told to write its own messages to a UART while booting")
    notes += [
        f"line {included.line} of config.txt includes {included.value}, which is not looked at: "
        "see that it leaves the UARTs and Bluetooth alone"
        for included in ahead.includes()
    ]
    if moved := ahead.moved_uart():
        notes.append(
            f"line {moved.line} of config.txt puts a UART on other pins "
            f"({moved.key}={moved.value}): pins 8 and 10 stay dead if it is theirs"
        )
    if ahead.value("upstream_kernel") == "1":
        notes.append("config.txt asks for the upstream kernel, which may name the UARTs otherwise")
    if facts.gateway is None:
        device = facts.model.header_device
        notes.append(f"there is no gateway.toml: start with `esp-at-gateway run --uart {device}`")
    elif (device := device_of(facts.gateway)) not in _OWN_DEVICES:
        notes.append(
            f"gateway.toml names {device}, and that stays; pins 8 and 10 are "
            f"/dev/{header_node(bluetooth)}"
        )
    return notes
