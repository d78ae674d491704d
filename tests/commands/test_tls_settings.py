"""What AT+CIPSSL… commands take, say and refuse (contract, section 7)."""

from __future__ import annotations

import pytest

from gateway.at.messages import Style
from gateway.services.network.simulated import World
from tests.harness import Desk, at_desk
from tests.services.tls_servers import ROOT

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"
NO_IP = World(pace=0, ethernet=False)


def answers(
    *lines: tuple[str, bytes],
    style: Style = Style.README,
    world: World | None = None,
    joined: bool = True,
) -> None:
    """Each line gets its answer, byte for byte."""

    async def work(desk: Desk) -> None:
        await (desk.join() if joined else desk.quiet())
        for line, reply in lines:
            end = b"ERROR\r\n" if reply.endswith(ERROR) else b"OK\r\n"
            said = await desk.ask(line, end)
            assert (line, said + desk.unread()) == (line, reply)

    at_desk(work, style=style, world=world)


def test_record_size() -> None:
    lines = [("AT+CIPSSLSIZE?", b"+CIPSSLSIZE:16384\r\n" + OK)]
    for size in ("512", "1024", "2048", "4096", "16384"):
        lines.append((f"AT+CIPSSLSIZE={size}", OK))
        lines.append(("AT+CIPSSLSIZE?", b"+CIPSSLSIZE:%d\r\n" % int(size) + OK))
    for wrong in ("", "0", "511", "8192", "16385", "-512", "x", "512,1"):
        lines.append((f"AT+CIPSSLSIZE={wrong}", ERROR))
    answers(*lines, ("AT+CIPSSLSIZE?", b"+CIPSSLSIZE:16384\r\n" + OK))


PAIRS = "4F:D5:B1:C9:B2:8C:CF:D2:D5:9C:84:5D:76:F6:F7:A1:D0:A2:FA:3D"
LONG = PAIRS + ":00:01:02:03:04:05:06:07:08:09:0A:FF"


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("pairs", [PAIRS, LONG])
def test_fingerprints(style: Style, pairs: str) -> None:
    shown = pairs if style is Style.README else pairs.lower()
    reply = b'+CIPSSLFP:"' + shown.encode() + b'"\r\n' + OK
    lines = [("AT+CIPSSLFP?", b"not valid\r\n" + ERROR)]
    for good in (pairs, pairs.lower(), pairs.replace(":", ""), pairs.replace(":", "").lower()):
        lines += [(f'AT+CIPSSLFP="{good}"', OK), ("AT+CIPSSLFP?", reply)]
    short = pairs[:-3]
    for wrong in (short, pairs + ":00", pairs[:-1] + "G", pairs.replace(":", "-"), ":" + pairs, ""):
        lines.append((f'AT+CIPSSLFP="{wrong}"', ERROR))
    lines += [(f"AT+CIPSSLFP={pairs}", ERROR), ("AT+CIPSSLFP=", ERROR), ("AT+CIPSSLFP", ERROR)]
    answers(*lines, ("AT+CIPSSLFP?", reply), style=style)


@pytest.mark.parametrize("style", Style)
def test_authentication_modes_need_what_they_check(style: Style) -> None:
    sign = b"=" if style is Style.README else b":"

    def shown(mode: int) -> bytes:
        return b"+CIPSSLAUTH%s%d\r\n" % (sign, mode) + OK

    async def work(desk: Desk) -> None:
        await desk.quiet()
        assert await desk.ask("AT+CIPSSLAUTH?") == shown(0)
        assert await desk.refused("AT+CIPSSLAUTH=1") == b"fp not valid\r\n" + ERROR
        assert await desk.refused("AT+CIPSSLAUTH=2") == b"CA cert not loaded\r\n" + ERROR
        for wrong in ("", "3", "-1", "x", "1,1"):
            assert await desk.refused(f"AT+CIPSSLAUTH={wrong}") == ERROR
        assert await desk.ask("AT+CIPSSLAUTH?") == shown(0)
        await desk.ask(f'AT+CIPSSLFP="{PAIRS}"')
        assert await desk.ask("AT+CIPSSLAUTH=1") == OK
        assert await desk.ask("AT+CIPSSLAUTH?") == shown(1)
        await desk.certificates.add(ROOT.pem)
        assert await desk.ask("AT+CIPSSLAUTH=2") == OK
        assert await desk.ask("AT+CIPSSLAUTH?") == shown(2)
        assert await desk.ask("AT+CIPSSLAUTH=0") == OK

    at_desk(work, style=style)


def test_wrong_probes() -> None:
    host, size = b"HOSTNAME ERROR\r\n" + ERROR, b"SIZE ERROR\r\n" + ERROR
    answers(
        ("AT+CIPSSLMFLN=", host),
        ('AT+CIPSSLMFLN="",443,512', host),
        ("AT+CIPSSLMFLN=localhost,443,512", host),
        ('AT+CIPSSLMFLN="a b",443,512', host),
        ('AT+CIPSSLMFLN="localhost",0,512', ERROR),
        ('AT+CIPSSLMFLN="localhost",65536,512', ERROR),
        ('AT+CIPSSLMFLN="localhost"', ERROR),
        ('AT+CIPSSLMFLN="localhost",443', size),
        ('AT+CIPSSLMFLN="localhost",443,513', size),
        ('AT+CIPSSLMFLN="localhost",443,16384', size),
        ('AT+CIPSSLMFLN="localhost",443,x', size),
        ('AT+CIPSSLMFLN="localhost",443,512,1', ERROR),
        ("AT+CIPSSLMFLN?", ERROR),
        ('AT+CIPSSLMFLN="localhost",443,512', b"NO AP\r\n" + ERROR),
        world=NO_IP,
        joined=False,
    )
