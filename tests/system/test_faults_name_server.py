"""A name server that does not answer: what is under way is none of the other links' business."""

from __future__ import annotations

import time
from pathlib import Path

from tests.system.faulty_host import gateway_with_name_server, silent_name_server
from tests.system.line_client import OK
from tests.system.web_servers import accept, listening, port_of


def test_other_links_flow_and_a_reset_is_obeyed_while_a_name_is_looked_up(tmp_path: Path) -> None:
    with (
        silent_name_server() as server,
        gateway_with_name_server(tmp_path, server) as gateway,
        gateway.connect() as client,
        listening() as other,
    ):
        client.greet()
        client.ask("AT+CIPMUX=1")
        client.ask(f'AT+CIPSTART=0,"TCP","127.0.0.1",{port_of(other)}', b"0,CONNECT\r\n" + OK)
        with accept(other) as peer:
            client.send(b'AT+CIPDOMAIN="slow.example"\r\nAT\r\n')
            client.expect(b"\r\nbusy p...\r\n")
            peer.sendall(b"meanwhile")
            client.expect(b"\r\n+IPD,0,9:meanwhile")
            begun = time.monotonic()
            client.send(b"AT+RST\r\n")
            client.expect(OK + b"\r\nready\r\n")
            assert time.monotonic() - begun < 0.8
            assert peer.recv(1) == b""
        client.until(b"+ETH_GOT_IP:192.168.101.20\r\n")
        client.send(b"ATE0\r\n")
        client.expect(b"ATE0\r\n" + OK)
        client.ask("AT")
        assert gateway.ends() == 0
