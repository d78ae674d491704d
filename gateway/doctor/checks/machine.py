"""Versions, libraries, and whether the machine gets enough power."""

from __future__ import annotations

import platform
import re
import ssl
from collections.abc import Iterator

from gateway import __version__
from gateway.doctor.case import Case
from gateway.doctor.finding import Finding, bad, doubt, good
from gateway.setup_uart.models import MODEL_FILE

# Module → Debian's package.
_LIBRARIES = {
    "serial": "python3-serial",
    "sdbus": "python3-sdbus",
    "sdbus_async.networkmanager": "python3-sdbus-networkmanager",
    "cryptography": "python3-cryptography",
}
_USEFUL = {"systemd.journal": "python3-systemd"}


def check_versions(case: Case) -> Iterator[Finding]:
    """No judgement: what to write into a report."""
    model = _text(case, str(MODEL_FILE)).strip("\0\n ") or platform.machine()
    system = re.search(r'^PRETTY_NAME="?([^"\n]*)', _text(case, "/etc/os-release"), re.MULTILINE)
    systemd = re.search(r"^systemd (\S+)", case.host.run("systemctl", "--version").output)
    facts = {
        "esp-at-gateway": __version__,
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION.split()[1],
        "systemd": systemd[1] if systemd else None,
        "kernel": platform.release(),
        "system": system[1] if system else None,
        "model": model,
    }
    programs = ("python", "openssl", "systemd", "kernel")
    text = ", ".join([f"{name} {facts[name]}" for name in programs if facts[name]])
    where = ", ".join(str(facts[name]) for name in ("system", "model") if facts[name])
    yield good("versions", f"{__version__}, {text}; {where}", **facts)


def check_libraries(case: Case) -> Iterator[Finding]:
    """Python's libraries are there."""
    missing = [
        package for module, package in _LIBRARIES.items() if not case.host.has_module(module)
    ]
    useful = [package for module, package in _USEFUL.items() if not case.host.has_module(module)]
    if missing:
        text = f"missing: {', '.join(missing)}"
        yield bad("libraries", text, f"sudo apt install {' '.join(missing)}")
    elif useful:
        text = f"missing: {', '.join(useful)}"
        yield doubt("libraries", text, f"sudo apt install {' '.join(useful)}")
    else:
        yield good("libraries", "all there")


# Raspberry Pi's firmware, `vcgencmd get_throttled`: what is now, and 16 bits higher what was
# since the start.
_POWER_NOW, _POWER_ONCE = 0x1, 0x10000
_SLOWED_NOW = 0x2 | 0x4 | 0x8

_BETTER_SUPPLY = "vcgencmd get_throttled    # after a power supply and a cable that give enough"


def check_power(case: Case) -> Iterator[Finding]:
    """The Pi's supply holds. Silent on machines that cannot tell."""
    bits = _throttled(case)
    if bits is None:
        return
    facts = {"throttled": hex(bits)}
    if bits & _POWER_NOW:
        yield bad("power", "the voltage is too low", _BETTER_SUPPLY, **facts)
    elif bits & _POWER_ONCE:
        text = "the voltage was too low since the start: bytes and Wi-Fi suffer"
        yield doubt("power", text, _BETTER_SUPPLY, **facts)
    elif bits & _SLOWED_NOW:
        yield doubt("power", "slowed down: too hot", "vcgencmd measure_temp", **facts)
    else:
        yield good("power", "enough, since the start", **facts)


def _throttled(case: Case) -> int | None:
    done = case.host.run("vcgencmd", "get_throttled")
    found = re.search(r"throttled=(0x[0-9a-fA-F]+)", done.output)
    if found:
        return int(found[1], 16)
    folder = "/sys/class/hwmon"
    try:
        names = case.host.names(folder)
    except OSError:
        return None
    for name in names:
        if _text(case, f"{folder}/{name}/name").strip() == "rpi_volt":
            alarm = _text(case, f"{folder}/{name}/in0_lcrit_alarm").strip()
            return _POWER_ONCE if alarm == "1" else 0
    return None


def _text(case: Case, path: str) -> str:
    try:
        return case.host.read(path)
    except OSError:
        return ""
