"""Clocks, power, libraries; and what an ordinary user cannot see."""

from __future__ import annotations

from gateway.config import Config, GpioOptions
from gateway.doctor.host import Done, Node
from tests.doctor.fake_host import (
    CLOCK,
    NOW,
    PI,
    denied,
)
from tests.doctor.sick import (
    BAD,
    DOUBT,
    OFF,
    STATE,
    Sick,
    commands,
)

MACHINES = [
    Sick(
        "a clock in the past",
        "clock",
        BAD,
        "the clock is in the past",
        "sudo timedatectl set-ntp true",
        host={"time": NOW - 30 * 365 * 86400},
    ),
    Sick(
        "no time yet",
        "clock",
        DOUBT,
        "not synchronised yet; systemd-timesyncd runs",
        "journalctl -u systemd-timesyncd -n 20",
        host=commands(timedatectl=Done(0, CLOCK.replace("Synchronized=yes", "Synchronized=no"))),
    ),
    Sick(
        "NTP off",
        "clock",
        BAD,
        "NTP is off",
        "sudo timedatectl set-ntp true",
        host={
            "commands": {
                "timedatectl": Done(0, OFF),
                "systemctl show systemd-timesyncd.service": Done(0),
            }
        },
    ),
    Sick(
        "nobody to ask for the time",
        "clock",
        BAD,
        "nothing sets the clock",
        "sudo apt install systemd-timesyncd",
        host={
            "commands": {
                "timedatectl": Done(0, OFF.replace("CanNTP=yes", "CanNTP=no")),
                "systemctl show systemd-timesyncd.service": Done(0),
            }
        },
    ),
    Sick(
        "a timedated that hangs",
        "clock",
        DOUBT,
        "systemd-timedated does not answer: late",
        host=commands(timedatectl=Done(None, error="late\nand more")),
    ),
    Sick(
        "a weak power supply, now",
        "power",
        BAD,
        "the voltage is too low",
        "vcgencmd get_throttled    # after a power supply and a cable that give enough",
        host=commands(vcgencmd=Done(0, "throttled=0x50005\n")),
    ),
    Sick(
        "a weak power supply, once",
        "power",
        DOUBT,
        "the voltage was too low since the start",
        "vcgencmd get_throttled    # after a power supply and a cable that give enough",
        host=commands(vcgencmd=Done(None, missing=True)),
        files={
            "/sys/class/hwmon/hwmon1/name": "rpi_volt\n",
            "/sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n",
        },
    ),
    Sick(
        "heat",
        "power",
        DOUBT,
        "too hot",
        "vcgencmd measure_temp",
        host=commands(vcgencmd=Done(0, "throttled=0x4\n")),
    ),
    Sick(
        "a missing library",
        "libraries",
        BAD,
        "missing: python3-sdbus-networkmanager",
        "sudo apt install python3-sdbus-networkmanager",
        host={"modules_missing": {"sdbus_async.networkmanager"}},
    ),
    Sick(
        "a library that helps",
        "libraries",
        DOUBT,
        "missing: python3-systemd",
        "sudo apt install python3-systemd",
        host={"modules_missing": {"systemd.journal"}},
    ),
]

WIRED = Config(gpio=GpioOptions(reset_pin=17, led_pin=22))
CHIP = {"/dev/gpiochip0": Node(0, 997, 0o660, "gpio", device=(254, 0))}

PINS = [
    Sick(
        "no gpiozero",
        "pins",
        BAD,
        "GPIO17, GPIO22: gpiozero is not installed",
        "sudo apt install python3-gpiozero",
        host={"modules_missing": {"gpiozero"}, "nodes": CHIP},
        config=WIRED,
    ),
    Sick(
        "no library for pins",
        "pins",
        BAD,
        "gpiozero has no library for the pins",
        "sudo apt install python3-lgpio",
        host={"modules_missing": {"lgpio", "RPi.GPIO", "pigpio"}, "nodes": CHIP},
        config=WIRED,
    ),
    Sick(
        "no pins",
        "pins",
        BAD,
        "this machine has no GPIO",
        "sudo nano /etc/esp-at-gateway/gateway.toml    # take [gpio] out",
        config=WIRED,
    ),
    Sick(
        "pins that are others'",
        "pins",
        BAD,
        "user esp-at-gateway is not in group gpio",
        "sudo usermod -aG gpio esp-at-gateway && sudo systemctl restart esp-at-gateway",
        host={"nodes": CHIP},
        config=WIRED,
    ),
]

AN_ORDINARY_USER = [
    Sick(
        "a state directory for others' eyes",
        "settings",
        DOUBT,
        "Permission denied",
        "sudo esp-at-gateway doctor",
        host={"me": PI},
        files={f"{STATE}/settings.json": denied()},
        besides=("holder", "permissions"),
    ),
    Sick(
        "others' programs",
        "holder",
        DOUBT,
        "other users' programs",
        "sudo esp-at-gateway doctor",
        host={"me": PI},
        besides=("permissions",),
    ),
    Sick(
        "others' permissions",
        "permissions",
        DOUBT,
        "shows to root alone",
        "sudo esp-at-gateway doctor --instance ttyUSB0",
        host={"me": PI},
        case={"instance": "ttyUSB0"},
        besides=("holder",),
    ),
]
