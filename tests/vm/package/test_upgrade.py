"""An upgrade keeps what was set, and a purge leaves nothing."""

from __future__ import annotations

from pathlib import Path

from tests.vm.joining import join, joined_bssid
from tests.vm.package import packages
from tests.vm.package.conftest import APT, DEBS, put
from tests.vm.package.packages import NAME
from tests.vm.package.service import CONFIGURATION, STATE, InstalledService
from tests.vm.report import Report
from tests.vm.standard_air import WPA2

VERSION = f"dpkg-query --show --showformat='${{Version}}' {NAME}"
EDITED = "# Mine: the kitchen's.\n"
# What is the package's by name or by owner; dpkg's and the journal's own memory is not.
LEFT = (
    f"find / -xdev \\( -name '*{NAME}*' -o -user {NAME} -o -group {NAME} \\) "
    f"-not -path '{DEBS}/*' -not -path '/proc/*' -not -path '/sys/*' "
    "-not -path '/var/lib/dpkg/*' -not -path '/var/cache/apt/*' -not -path '/opt/packages/*'"
)


def test_an_upgrade_keeps_the_settings(
    service: InstalledService, debs: list[Path], tmp_path: Path, report: Report
) -> None:
    machine, client = service.machine, service.client
    newer = next(deb for deb in debs if deb.name.startswith(f"{NAME}_"))
    machine.run(f"{APT} purge {NAME}", seconds=200)
    client.drop()
    machine.run(f"{APT} install {put(machine, packages.older(newer, tmp_path))}", seconds=200)
    service.listening()
    assert machine.run(VERSION).output == packages.OLDER
    join(service, WPA2, name="AT+CWJAP_DEF")
    assert client.ask("AT+UART_DEF=57600,8,1,0,0").ok
    machine.run(
        f"cat - {CONFIGURATION} > /root/new && cat /root/new > {CONFIGURATION}",
        data=EDITED.encode(),
    )
    edited = machine.run(f"sha256sum {CONFIGURATION}").output
    client.drop()

    took = machine.run(f"{APT} install {DEBS}/{newer.name}", seconds=200).seconds

    report.note(f"upgraded in {took:.0f} s")
    assert machine.run(VERSION).output == packages.version_of(newer)
    service.listening()
    assert joined_bssid(service) == WPA2.bssid
    assert client.ask("AT+UART_DEF?").line(b"+UART_DEF:").startswith(b"57600,8,1,0,")
    assert "57600 8N1" in service.shown("StatusText")
    assert machine.run(f"sha256sum {CONFIGURATION}").output == edited
    assert service.complaints() == ""


def test_removed_it_is_gone_and_purged_nothing_is_left(service: InstalledService) -> None:
    machine = service.machine
    join(service, WPA2, name="AT+CWJAP_DEF")
    machine.run(f"{APT} remove {NAME}", seconds=200)
    assert machine.run("pgrep -u esp-at-gateway", check=False).output == ""
    assert machine.run("systemctl is-active esp-at-gateway", check=False).output == "inactive\n"
    assert machine.run(f"test -s {CONFIGURATION} -a -d {STATE}").status == 0

    machine.run(f"{APT} purge {NAME} python3-sdbus-networkmanager", seconds=200)

    assert machine.run(LEFT).output == ""
    assert "ESP gateway" not in machine.run("nmcli -g name connection").output
    assert machine.run("ls /etc/NetworkManager/system-connections").output == ""
    assert machine.run("systemctl --failed --quiet --no-legend").output == ""
    # Its user is kept, as Debian's are: what it may own elsewhere is not to become another's.
    assert machine.run("passwd --status esp-at-gateway").output.split()[1] == "L"
