"""A client that nobody here wrote: adafruit-circuitpython-esp-atcontrol over pyserial."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.system import adafruit_client
from tests.system.gateway_process import GatewayProcess
from tests.system.web_servers import accept, listening, port_of, receive


def test_adafruits_library_does_all_it_can(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, pace=0.1) as gateway, listening() as server:
        script = str(Path(adafruit_client.__file__))
        command = [sys.executable, script, str(gateway.line), "localhost", str(port_of(server))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
            try:
                with accept(server) as peer:
                    assert receive(peer, 8) == b"question"
                    assert client.stdout is not None
                    while client.stdout.readline() not in ("sent\n", ""):
                        pass
                    peer.sendall(b"answer")
                    printed, _ = client.communicate(timeout=15)
                    assert peer.recv(1) == b""
            finally:
                client.kill()
        assert client.returncode == 0
        seen = json.loads(printed.splitlines()[-1])
        assert gateway.ends() == 0
    assert re.fullmatch(r"\w{3} \w{3} [ 1-3]\d \d\d:\d\d:\d\d 20\d\d", seen.pop("time"))
    assert seen.pop("version").startswith("AT version:1.7.0.0")
    assert sorted(seen.pop("names")) == ["esp-at-open", "esp-at-sim", "esp-at-wpa3"]
    assert seen == {
        "reset": True,
        "connected": True,
        "address": "192.168.100.18",
        "resolved": "127.0.0.1",
        "opened": True,
        "sent": True,
        "received": "answer",
        "status of a closed link": 4,
        "status at the end": 5,
    }
    refused = re.findall(r"session: (.*): ERROR", gateway.log)
    assert refused == ["AT+CWSTATE"]  # it asks that to tell AT 2.x
