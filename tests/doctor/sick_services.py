"""The configuration, the service and what it stores, each ill in one way."""

from __future__ import annotations

from pathlib import Path

from gateway.doctor.host import Done, Node
from tests.doctor.fake_host import (
    NOW,
    PI,
    ROOT,
    shown,
)
from tests.doctor.sick import (
    BAD,
    DOUBT,
    STATE,
    Sick,
    commands,
    stopped,
    unit,
)

SERVICES = [
    Sick(
        "a configuration that cannot be",
        "configuration",
        BAD,
        "[uart] baud is wrong",
        "sudo nano /etc/esp-at-gateway/gateway.toml",
        case={"fault": "[uart] baud is wrong"},
    ),
    Sick(
        "a configuration for root's eyes",
        "configuration",
        BAD,
        "cannot be read by user esp-at-gateway",
        "sudo chown root:esp-at-gateway /etc/esp-at-gateway/gateway.toml && "
        "sudo chmod 640 /etc/esp-at-gateway/gateway.toml",
        host={"nodes": {"/etc/esp-at-gateway/gateway.toml": Node(0, 0, 0o600)}},
    ),
    Sick(
        "a configuration that is not in force yet",
        "configuration",
        DOUBT,
        "has been changed since the service was started",
        "sudo systemctl restart esp-at-gateway",
        host={"nodes": {"/etc/esp-at-gateway/gateway.toml": Node(0, 0, 0o644, written=NOW - 60)}},
    ),
    Sick(
        "no systemd",
        "service",
        DOUBT,
        "systemd does not answer: Failed to connect to bus",
        host=commands(**{"systemctl_show_esp-at-gateway": Done(1, "", "Failed to connect to bus")}),
        besides=("holder",),
    ),
    Sick(
        "a service that does not run",
        "service",
        BAD,
        "esp-at-gateway is inactive",
        "sudo systemctl start esp-at-gateway",
        host=stopped(),
    ),
    Sick(
        "a service that does neither run nor come at boot",
        "service",
        BAD,
        "esp-at-gateway is inactive",
        "sudo systemctl enable --now esp-at-gateway",
        host=stopped(UnitFileState="disabled"),
    ),
    Sick(
        "an instance without a configuration",
        "configuration",
        BAD,
        "/etc/esp-at-gateway/ttyUSB0.toml: there is no such file",
        "sudo cp /etc/esp-at-gateway/gateway.toml /etc/esp-at-gateway/ttyUSB0.toml",
        case={
            "file": Path("/etc/esp-at-gateway/ttyUSB0.toml"),
            "instance": "ttyUSB0",
            "fault": "there is no such file",
        },
    ),
    Sick(
        "a service that has failed",
        "service",
        BAD,
        "esp-at-gateway failed: the line is gone",
        "journalctl -u esp-at-gateway -n 20",
        host={
            "holding": [],
            "commands": {
                "systemctl show esp-at-gateway": shown(ActiveState="failed", MainPID="0"),
                "journalctl": Done(0, "the line is gone\n"),
            },
        },
    ),
    Sick(
        "a service that is being tried again",
        "service",
        BAD,
        "esp-at-gateway activating: it ended: exit-code",
        "journalctl -u esp-at-gateway -n 20",
        host={
            **unit(ActiveState="activating", SubState="auto-restart", Result="exit-code"),
            "holding": [],
        },
    ),
    Sick(
        "a service that does not come at boot",
        "service",
        DOUBT,
        "does not come by itself",
        "sudo systemctl enable esp-at-gateway",
        host=unit(UnitFileState="disabled"),
    ),
    Sick(
        "no user",
        "user",
        BAD,
        "there is no user esp-at-gateway",
        "sudo systemd-sysusers",
        host={"accounts": (ROOT, PI)},
    ),
    Sick(
        "a state directory that others read",
        "storage",
        DOUBT,
        "is open to others",
        f"sudo chmod 700 {STATE}",
        host={"nodes": {STATE: Node(990, 990, 0o750)}},
    ),
    Sick(
        "a state directory that is root's",
        "storage",
        BAD,
        "may not write to",
        f"sudo chown -R esp-at-gateway: {STATE} && sudo chmod 700 {STATE}",
        host={"nodes": {STATE: Node(0, 0, 0o700)}},
    ),
    Sick(
        "a full disk",
        "storage",
        BAD,
        "is full",
        "sudo apt clean",
        host={"free": 1000},
    ),
    Sick(
        "a card that went read-only",
        "storage",
        BAD,
        "is read-only",
        "sudo mount -o remount,rw /",
        host={"free": None},
    ),
    Sick(
        "settings that cannot be read",
        "settings",
        DOUBT,
        "cannot be read: the next start",
        "sudo systemctl restart esp-at-gateway",
        files={f"{STATE}/settings.json": '{"version": 1, "settings": {"password": "secret"'},
    ),
    Sick(
        "settings that were set aside",
        "settings",
        DOUBT,
        "were set aside",
        f"sudo rm {STATE}/settings.json.bad",
        files={f"{STATE}/settings.json.bad": "{"},
    ),
    Sick(
        "settings that others may read",
        "settings",
        BAD,
        "is open to others",
        f"sudo chmod 600 {STATE}/settings.json",
        files={f"{STATE}/settings.json": '{"version": 1, "settings": {}}'},
        host={"nodes": {f"{STATE}/settings.json": Node(990, 990, 0o644)}},
    ),
    Sick(
        "an owner's network that was not given back",
        "owner's network",
        BAD,
        "was not given back",
        "sudo esp-at-gateway release-network",
        host=stopped(ActiveState="failed"),
        files={f"{STATE}/network.json": '{"version": 1, "profiles": {}, "held": {"wlan0": 1}}'},
        besides=("service",),
    ),
]
