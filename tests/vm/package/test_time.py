"""The time of day, from a server that the microcontroller names; certificates need it."""

from __future__ import annotations

import re
import time

from tests.vm.inside.page_server import PAGE
from tests.vm.joining import join
from tests.vm.linking import page
from tests.vm.package.far_end import AUTHORITY, TIME, serve_page, serve_time
from tests.vm.package.service import CERTIFICATES, InstalledService
from tests.vm.report import Report
from tests.vm.standard_air import WPA2
from tests.vm.test_time import until_told

SYNCHRONISED = "/run/systemd/timesync/synchronized"


def test_a_chain_is_trusted_once_the_time_is_known(
    service: InstalledService, report: Report
) -> None:
    machine, client = service.machine, service.client
    serve_page(machine)
    machine.run(f"install -m 644 {AUTHORITY} {CERTIFICATES}/air.pem")
    client.send(b"AT+RST\r\n")
    client.until(b"\r\nOK\r\n")
    service.listening()
    join(service, WPA2)
    assert client.ask("AT+CIPSSLAUTH=2").ok
    assert machine.run(f"test -e {SYNCHRONISED}", check=False).status == 1
    refused = client.ask('AT+CIPSTART="SSL","air.test",443', 20)
    assert refused.final == b"ERROR"
    assert client.line() == b"CLOSED"
    # On a slow processor timedated may not have told yet.
    assert re.search("TLS refused: (the time is not|whether the time is) known", service.log())

    serve_time(machine)
    # The package has brought timesyncd here, which starts before the bus has read that it may
    # have its name, and does not ask again.
    machine.run("systemctl restart systemd-timesyncd")
    begun = time.monotonic()
    assert client.ask(f'AT+CIPSNTPCFG=1,0,"{TIME}"').ok
    until_told(client)
    report.note(f"the time is known {time.monotonic() - begun:.1f} s after AT+CIPSNTPCFG")

    assert page(client, "SSL", "air.test", 443).endswith(b"\r\n\r\n" + PAGE)
    assert service.refusals() == ""
