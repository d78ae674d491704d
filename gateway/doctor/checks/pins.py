"""The ESP-01's other pins, where some are configured."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.doctor.case import Case
from gateway.doctor.finding import Finding, bad, good

# What gpiozero takes for its pins, the first that it finds.
_LIBRARIES = ("lgpio", "RPi.GPIO", "pigpio")


def check_pins(case: Case) -> Iterator[Finding]:
    """gpiozero is there, and the service's user may use the pins. Silent where none is wired."""
    used = ", ".join(f"GPIO{number}" for number in case.config.gpio.used)
    if not used:
        return
    host, unit = case.host, case.service.unit_in_shell
    if not host.has_module("gpiozero"):
        text = f"{used}: gpiozero is not installed, the service does without"
        yield bad("pins", text, "sudo apt install python3-gpiozero")
        return
    if not any(host.has_module(name) for name in _LIBRARIES):
        text = f"{used}: gpiozero has no library for the pins, the service does without"
        yield bad("pins", text, "sudo apt install python3-lgpio")
        return
    chips = [f"/dev/{name}" for name in host.names("/dev") if name.startswith("gpiochip")]
    if not chips:
        mend = f"sudo nano {case.file_in_shell}    # take [gpio] out"
        yield bad("pins", f"{used}: this machine has no GPIO", mend)
        return
    nodes = [host.node(chip) for chip in chips]
    if case.account and not any(node.allows(case.account, 6) for node in nodes):
        text = f"user {case.user} is not in group {nodes[0].group}, whose the pins are"
        mend = f"sudo usermod -aG {nodes[0].group} {case.user} && sudo systemctl restart {unit}"
        yield bad("pins", text, mend, group=nodes[0].group)
        return
    yield good("pins", f"{used}: to be had")
