"""The units in systemd/: what systemd makes of them, and the generator that knows the getty."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.config import load

UNITS = Path(__file__).parent.parent / "systemd"
SERVICE = UNITS / "esp-at-gateway.service"
INSTANCE = UNITS / "esp-at-gateway@.service"
GENERATOR = UNITS / "esp-at-gateway-generator"
# `$$` and `%%` are systemd's way to write one of them.
GIVEN_BACK = (
    '+-/bin/sh -c \'test "$$(stat -Lc %%G {0})" = dialout || '
    "udevadm trigger --settle --action=add --name-match={0}'"
)


def test_an_instance_differs_from_the_service_only_in_its_device_and_its_folders() -> None:
    instance = INSTANCE.read_text().replace(
        " --config /etc/esp-at-gateway/%i.toml --uart /dev/%I \\\n"
        "    --state-dir %S/esp-at-gateway-%i",
        "",
    )
    instance = instance.replace(
        " --config /etc/esp-at-gateway/%i.toml \\\n    --state-dir %S/esp-at-gateway-%i", ""
    )
    instance = instance.replace("esp-at-gateway-%i\n", "esp-at-gateway\n")
    service, instance_lines = SERVICE.read_text().splitlines(), instance.splitlines()
    assert [line for line in service if line not in instance_lines] == [
        "Description=AT command gateway: an ESP-01 on the serial line",
        "# The getty of the line that is configured stays away by a drop-in which",
        "# esp-at-gateway-generator writes at boot and at `systemctl daemon-reload`.",
        "WantedBy=multi-user.target",
    ]
    assert [line for line in instance_lines if line not in service] == [
        "Description=AT command gateway: an ESP-01 on %I",
        "# The line comes and goes with its device, and no login prompt reads on it meanwhile.",
        "BindsTo=dev-%i.device",
        "After=dev-%i.device",
        "Conflicts=serial-getty@%i.service",
        "After=serial-getty@%i.service",
        "# A login prompt takes the line from group dialout, and does not give it back. Where none",
        "# did, udev is not asked: at boot it is busy for seconds.",
        f"ExecStartPre={GIVEN_BACK.format('/dev/%I')}",
        "WantedBy=dev-%i.device",
    ]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", [SERVICE, INSTANCE], ids=lambda unit: unit.stem)
def test_the_exposure_stays_low(unit: Path, tmp_path: Path) -> None:
    # As a file of its own: systemd-analyze looks at the machine's unit of that name otherwise.
    file = tmp_path / unit.name.replace("@", "@x")
    shutil.copy(unit, file)
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(file)],
        capture_output=True,
        text=True,
        check=True,
    )
    exposure = float(judged.stdout.rpartition("service: ")[2].split()[0])
    assert exposure <= 1.7, judged.stdout


class Machine:
    """A file system in which the generator is let loose."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def configure(self, text: str) -> None:
        self.write("/etc/esp-at-gateway/gateway.toml", text)

    def generate(self) -> str | None:
        """What it says of conflicts; None where it makes no file."""
        folder = self.root / "normal"
        folder.mkdir(exist_ok=True)
        environment = {**os.environ, "ESP_AT_GATEWAY_ROOT": str(self.root)}
        subprocess.run([GENERATOR, folder, folder, folder], env=environment, check=True)
        file = folder / "esp-at-gateway.service.d/50-getty.conf"
        if not file.exists():
            return None
        rows = dict(line.split("=", 1) for line in file.read_text().splitlines()[1:] if "=" in line)
        assert rows["Conflicts"] == rows["After"]
        assert "%" not in rows["ExecStartPre"].replace("%%", "")
        device = rows["ExecStartPre"].rstrip("'").rpartition("=")[2]
        assert rows["ExecStartPre"] == GIVEN_BACK.format(device)
        return rows["Conflicts"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_getty_of_the_configured_line_stays_away(machine: Machine) -> None:
    machine.configure('[uart]\nbaud = 9600\n  device = "/dev/ttyUSB0"  # an adapter\n')
    assert machine.generate() == "serial-getty@ttyUSB0.service"


def test_another_table_may_have_a_device_too(machine: Machine) -> None:
    machine.configure("[other]\ndevice = \"/dev/ttyS9\"\n\n[uart]\ndevice = '/dev/ttyS3'\n")
    assert machine.generate() == "serial-getty@ttyS3.service"


UNREAD = [
    'uart = { device = "/dev/ttyUSB0" }',
    'uart.device = "/dev/ttyUSB0"',
    '  uart . device = "/dev/ttyUSB0"',
    '"uart".device = "/dev/ttyUSB0"',
    '["uart"]\ndevice = "/dev/ttyUSB0"',
    "[ 'uart' ] # a table\ndevice = \"/dev/ttyUSB0\"",
    '[uart]\n"device" = "/dev/ttyUSB0"',
    "[uart]\n'device' = \"/dev/ttyUSB0\"",
    '[uart]\n"\\u0064evice" = "/dev/ttyUSB0"',
    '[uart]\ndevice = "\\u002fdev/ttyUSB0"',
    '[uart]\ndevice = """/dev/ttyUSB0"""',
    '[uart]\ndevice = """\n/dev/ttyUSB0"""',
    "[uart]\ndevice = '''/dev/ttyUSB0'''",
]


@pytest.mark.parametrize("text", UNREAD)
def test_a_form_that_is_not_read_makes_nothing_rather_than_the_wrong_thing(
    machine: Machine, text: str
) -> None:
    machine.configure(f'{text}\n[log]\nlevel = "info"\n')
    assert load(machine.root / "etc/esp-at-gateway/gateway.toml").uart.device == "/dev/ttyUSB0"
    machine.write("/proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0")
    assert machine.generate() is None


@pytest.mark.parametrize(
    "text",
    [
        '[uart]\r\ndevice = "/dev/ttyUSB0"\r\n',
        "[uart] # it's the adapter\n\tdevice='/dev/ttyUSB0'#\"that\"\n",
        '[[simulated.access_points]]\nssid = "uart = 1"\n[ uart ]\ndevice = "/dev/ttyUSB0"',
        '# uart = {}\n#[uart]\n[uart]\n#device = "/dev/ttyS3"\ndevice = "/dev/ttyUSB0"\n',
    ],
)
def test_forms_that_are_read(machine: Machine, text: str) -> None:
    machine.configure(text)
    assert load(machine.root / "etc/esp-at-gateway/gateway.toml").uart.device == "/dev/ttyUSB0"
    assert machine.generate() == "serial-getty@ttyUSB0.service"


def test_the_shipped_configuration_is_read(machine: Machine) -> None:
    machine.configure((UNITS.parent / "packaging/gateway.toml").read_text())
    machine.write("/dev/ttyAMA0", "")
    (machine.root / "dev/serial0").symlink_to("ttyAMA0")
    assert machine.generate() == "serial-getty@ttyAMA0.service"


def test_a_link_is_followed(machine: Machine) -> None:
    machine.configure("")
    machine.write("/dev/ttyAMA0", "")
    (machine.root / "dev/serial0").symlink_to("ttyAMA0")
    assert machine.generate() == "serial-getty@ttyAMA0.service"


def test_a_pi_whose_link_is_not_there_yet(machine: Machine) -> None:
    machine.write("/proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0")
    assert machine.generate() == (
        "serial-getty@ttyAMA0.service serial-getty@ttyS0.service serial-getty@ttyAMA10.service"
    )


def test_another_machine_without_the_link_keeps_its_logins(machine: Machine) -> None:
    assert machine.generate() is None


def test_the_kernels_console_keeps_its_login(machine: Machine) -> None:
    machine.configure('[uart]\ndevice = "/dev/ttyAMA0"\n')
    machine.write("/sys/class/tty/console/active", "tty0 ttyAMA0\n")
    assert machine.generate() is None


@pytest.mark.parametrize("device", ["pty:/tmp/esp", "/dev/tty$(reboot)", "/dev/a b"])
def test_what_is_no_line_makes_nothing(machine: Machine, device: str) -> None:
    machine.configure(f'[uart]\ndevice = "{device}"\n')
    assert machine.generate() is None
