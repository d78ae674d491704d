"""The process has no descriptor left: every command has its word, and all recovers."""

from __future__ import annotations

from pathlib import Path

from tests.peers import free_port
from tests.services.authority import self_signed
from tests.system.faulty_host import FewDescriptors
from tests.system.gateway_process import GatewayProcess
from tests.system.line_client import OK, Client
from tests.system.web_servers import accept, listening, port_of

ERROR = b"\r\nERROR\r\n"
NO_CONNECTION = b"connect fail\r\n" + ERROR
PEM = self_signed().pem


def load_certificate(client: Client, result: bytes) -> None:
    """Send PEM, which must have this result."""
    client.ask("AT+CIPSSLCERT", OK + b">")
    client.send(PEM)
    client.expect(b"\r\nRead %d bytes\r\n" % (len(PEM) - 1) + result)


def test_every_command_that_needs_a_descriptor_has_its_word(tmp_path: Path) -> None:
    with (
        GatewayProcess(tmp_path) as gateway,
        gateway.connect() as client,
        listening() as server,
    ):
        client.greet()
        client.ask("AT+CIPMUX=1")
        start = f'AT+CIPSTART=1,"TCP","127.0.0.1",{port_of(server)}'
        client.ask(start.replace("=1", "=0"), b"0,CONNECT\r\n" + OK)
        with accept(server) as peer:
            few = FewDescriptors(gateway.process.pid)
            few.leave(0)
            client.ask(start, NO_CONNECTION)
            client.ask(start.replace("TCP", "SSL"), NO_CONNECTION)
            probe = f'AT+CIPSSLMFLN="127.0.0.1",{port_of(server)},512'
            client.ask(probe, b"+CIPSSLMFLN:FALSE\r\n" + OK)
            client.ask('AT+CIPDOMAIN="some.example"', b"DNS Fail\r\n" + ERROR)
            port = free_port()
            client.ask(f"AT+CIPSERVER=1,{port}", ERROR)
            for setting in ("AT+CWMODE=3", "AT+CWMODE_DEF=3", "AT+UART_DEF=9600,8,1,0,0"):
                client.ask(setting, ERROR)
            client.ask("AT+CWMODE?", b"+CWMODE:1\r\n" + OK)
            client.ask("AT+SYSRAM?", ERROR)
            load_certificate(client, b"Loading certificate failed\r\n" + ERROR)
            # what is open is not touched
            client.send_payload(b"still here", 0)
            assert peer.recv(100) == b"still here"
            few.give_back()
            client.ask(start, b"1,CONNECT\r\n" + OK)
            client.ask(f"AT+CIPSERVER=1,{port}")
            client.ask("AT+CWMODE_DEF=3")
            load_certificate(client, OK)
        assert gateway.ends() == 0
    assert "connect fail ERROR (127.0.0.1 port" in gateway.log
    assert "could not be stored" in gateway.log
    assert "Traceback" not in gateway.log
    assert "by a bug" not in gateway.log
