"""Serial lines that are of no use."""

from __future__ import annotations

from dataclasses import replace

from gateway.doctor.host import Done, Node
from gateway.services.api_line import UartSettings
from gateway.services.api_settings import Settings
from gateway.services.device_advice import Holder
from tests.doctor.fake_host import (
    ROOT,
    SERVICE,
)
from tests.doctor.sick import (
    BAD,
    DOUBT,
    STATE,
    TTY,
    Sick,
    commands,
    uart,
)

LINES = [
    Sick(
        "no UART",
        "line",
        BAD,
        "/dev/serial0: No such file",
        "sudo esp-at-gateway setup-uart",
        links={"/dev/serial0": "/dev/nothing"},
    ),
    Sick(
        "no USB adapter",
        "line",
        BAD,
        "/dev/ttyUSB0: No such file",
        "sudo nano /etc/esp-at-gateway/gateway.toml    # [uart] device = ..., and plug the "
        "adapter in",
        config=uart(device="/dev/ttyUSB0"),
    ),
    Sick(
        "a file for a device",
        "line",
        BAD,
        "/dev/serial0 is no serial device",
        "sudo nano /etc/esp-at-gateway/gateway.toml    # [uart] device = ..., and plug the "
        "adapter in",
        host={"nodes": {TTY: Node(0, 20, 0o660, "dialout")}},
    ),
    Sick(
        "the debug connector of a Pi 5",
        "line",
        DOUBT,
        "the debug connector of this Raspberry Pi 5 Model B, not pins 8 and 10",
        "sudo esp-at-gateway setup-uart",
        files={"/proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0"},
        links={"/dev/serial0": "/dev/ttyAMA10"},
        host={"nodes": {"/dev/ttyAMA10": Node(0, 20, 0o660, "dialout", device=(204, 74))}},
    ),
    Sick(
        "more than a PL011 can",
        "speed",
        BAD,
        "the PL011 does at most 3000000 baud",
        "sudo nano /etc/esp-at-gateway/gateway.toml    # [uart] baud = 115200",
        config=uart(baud=4_000_000),
    ),
    Sick(
        "parity on a mini-UART",
        "speed",
        BAD,
        "115200 8E1 (stored by AT+UART_DEF): a mini-UART has no parity",
        f"sudo systemctl stop esp-at-gateway; sudo rm {STATE}/settings.json    "
        "# all that was stored",
        links={"/dev/serial0": "/dev/ttyS0"},
        host={"nodes": {"/dev/ttyS0": Node(0, 20, 0o660, "dialout", device=(4, 64))}},
        case={"settings": Settings(uart=UartSettings(parity=2))},
    ),
    Sick(
        "much for a mini-UART",
        "speed",
        DOUBT,
        "the mini-UART is relied on up to 230400 baud",
        "sudo nano /etc/esp-at-gateway/gateway.toml    # [uart] baud = 115200",
        links={"/dev/serial0": "/dev/ttyS0"},
        host={"nodes": {"/dev/ttyS0": Node(0, 20, 0o660, "dialout", device=(4, 64))}},
        config=uart(baud=921600),
    ),
    Sick(
        "the kernel's console",
        "console",
        BAD,
        "the kernel's console is on ttyAMA0",
        "sudo esp-at-gateway setup-uart",
        files={"/sys/class/tty/console/active": "tty1 ttyAMA0\n"},
    ),
    Sick(
        "the kernel's console, after a reboot",
        "console",
        BAD,
        "it comes at the next boot",
        "sudo esp-at-gateway setup-uart",
        files={"/proc/cmdline": "console=ttyAMA0,115200 console=tty1\n"},
    ),
    Sick(
        "the kernel's console on a PC",
        "console",
        BAD,
        "the kernel's console is on ttyAMA0",
        "sudo nano /etc/default/grub && sudo update-grub    # take console=tty... out, reboot",
        files={"/sys/class/tty/console/active": "tty1 ttyAMA0\n"},
        without=("/proc/device-tree/model",),
    ),
    Sick(
        "a login prompt",
        "console",
        BAD,
        "a login prompt is on ttyAMA0: agetty (pid 412)",
        "sudo systemctl disable --now serial-getty@ttyAMA0.service",
        host={"on_console": [Holder(412, "agetty")], "holding": [Holder(412, "agetty")]},
    ),
    Sick(
        "a login prompt, after a reboot",
        "console",
        BAD,
        "serial-getty@ttyAMA0.service comes at the next boot",
        "sudo systemctl disable --now serial-getty@ttyAMA0.service",
        host=commands(systemctl_show=Done(0, "ActiveState=inactive\nUnitFileState=enabled\n")),
    ),
    Sick(
        "a service that holds the line",
        "holder",
        BAD,
        "/dev/serial0 is held by ModemManager (pid 301)",
        "sudo systemctl disable --now ModemManager.service",
        host={"holding": [Holder(700, "esp-at-gateway"), Holder(301, "ModemManager")]},
        files={"/proc/301/cgroup": "0::/system.slice/ModemManager.service\n"},
    ),
    Sick(
        "somebody's terminal program",
        "holder",
        BAD,
        "/dev/serial0 is held by minicom (pid 302)",
        "sudo kill 302",
        host={"holding": [Holder(302, "minicom")]},
        files={"/proc/302/cgroup": "0::/user.slice/user-1000.slice/session-1.scope\n"},
    ),
    Sick(
        "a user outside of dialout",
        "access",
        BAD,
        "user esp-at-gateway is not in group dialout",
        "sudo usermod -aG dialout esp-at-gateway && sudo systemctl restart esp-at-gateway",
        host={"accounts": (ROOT, replace(SERVICE, group_ids=(990,), groups=("esp-at-gateway",)))},
    ),
    Sick(
        "a line that a console has had",
        "access",
        BAD,
        "ttyAMA0 belongs to group tty",
        "sudo chgrp dialout /dev/ttyAMA0 && sudo chmod 660 /dev/ttyAMA0",
        host={"nodes": {TTY: Node(0, 5, 0o620, "tty", device=(204, 64))}},
    ),
    Sick(
        "a chip that the unit shuts out",
        "access",
        BAD,
        "the unit does not let the service open ttyAMA0",
        "sudo systemctl set-property esp-at-gateway 'DeviceAllow=char-ttySC rw'",
        host={"nodes": {TTY: Node(0, 20, 0o660, "dialout", device=(234, 0))}},
        files={"/proc/devices": "Character devices:\n234 ttySC\n"},
    ),
]
