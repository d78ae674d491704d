"""Inputs to begin with: what is well formed, so that the fuzzer need not find that out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from gateway.at.params import Choice, Integer, Link, Parameter, Switch
from gateway.commands import all_commands
from gateway.services.settings import FILE_NAME
from tests.at.transcripts import JOIN, OPEN, TRANSCRIPTS, as_bytes
from tests.services.authority import self_signed
from tests.services.stored import FULL, store
from tests.setup_uart.boots import BOOTS, PACKAGING

JOINED = as_bytes(JOIN[0])
LINKED = JOINED + as_bytes(OPEN[0], 80)
CONVERSATIONS = (
    LINKED + b"AT+CIPSEND=5\r\n\xfedab\xfeccde\xfe1AT\r\n",
    LINKED + b"\xfesAT+CIPSEND=5\r\nabcdeAT\r\n?\r\n\xfe2AT\r\n",
    LINKED + b"AT+CIPMODE=1\r\nAT+CIPSEND\r\nhello\xfed\xfe1+++\xfe1AT\r\n",
    LINKED + b"AT+CIPMODE=1\r\nAT+CIPSEND\r\nhello\xfed\xfec\xfe1\xfe1+++\xfe1AT\r\n",
    LINKED + b"AT+CIPRECVMODE=1\r\n\xfeDAT+CIPRECVDATA=9\r\nAT+CIPRECVLEN?\r\n",
    LINKED + b"AT+CIPSEND=5\r\n\xfeoAT\r\n\xfel\xfer\xfeu\xfep",
    LINKED + b"AT+CIPSEND=5\r\n\xfeu\xfepabcde\xfe1AT+CIPSSLCERT\r\n\xfel\xfe3",
    b"AT+CIPMUX=1\r\nAT+CIPSERVER=1,80\r\n\xfen\xfen\xfed\xfeq\xfed\xfeQ\xfeC",
    b'AT+CIPDOMAIN="slow.name"\r\nAT\r\n\xfe3AT+CIPSSLCERT\r\n\0\xfe1AT\r\n',
    b"AT+CWMODE=3\r\nAT+RST\r\nAT+CWMODE?\r\nAT+RESTORE\r\n\xfe0AT+CWMODE?\r\n",
)
# Files that have once been more than this program was ready for.
HARD_CONFIGURATION = f"[uart]\nbaud = 0x{'f' * 3650}\n".encode()
HARD_CONSOLES = ((-9, "kgdboc=x "), (0, ""), (3, "a b"), (float("inf"), "x"))
HARD_CERTIFICATES = (
    (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x01"),
    (b"\x0c\x04Root", b"\x08\x04Root"),
)
HARD_RECORDS = (
    b'{"kind":"command","time":1,"te\n{"kind":"x","time":1e300}\n[]\n',
    b'{"kind":"x","time":"a"}\n{"kind":"x","bytes":["x"]}\n',
    b'{"kind":"x","time":1,"text":"\\u001b[2J","cause":"\\u009b"}\n',
)
RECORDS = (
    {"kind": "hello", "time": 1.0, "version": "1", "uart": "/dev/serial0", "wall": 1.7e9},
    {"kind": "command", "time": 1.5, "way": "in", "text": "AT", "bytes": ["4154", 40]},
    {"kind": "reply", "time": 2, "way": "out", "text": "OK", "result": "OK", "seconds": 0.1},
    {"kind": "dropped", "time": 2, "count": 3},
    {"kind": "link", "time": 2, "level": "info", "text": "x\x1b", "AT_SENT": 1, "cause": "y"},
)


def seeds(name: str, folder: Path) -> list[bytes]:
    """Inputs for the target of this name; `folder` is for files that are made on the way."""
    makers: dict[str, Callable[[], Iterator[bytes]]] = {
        "stream": _stream,
        "syntax": _messages,
        "session": _session,
        "configuration": _configurations,
        "monitor": _records,
        "boot_files": _boots,
        "certificate": _certificates,
        "settings": lambda: _settings(folder),
    }
    return list(makers[name]())


def words() -> list[bytes]:
    """What the fuzzer should know of the language."""
    spellings = [command.spelling.encode() for command in all_commands()]
    return [*spellings, b"\r\n", b'","', b"+++", b"-----END CERTIFICATE-----", b"\\,", b"127.0.0.1"]


def _messages() -> Iterator[bytes]:
    """Lines, and what is written: both are shown by the monitor."""
    yield from _lines()
    yield b"\r\n+IPD,3:abc\r\n+IPD,1,2,10.0.0.1,80:de\r\n+IPD,9:short"
    yield b'+CWSAP_CUR:"a","password",5,3,4,0\r\n\r\nOK\r\n'


def _lines() -> Iterator[bytes]:
    """Each command once, with arguments that fit more or less."""
    for command in all_commands():
        arguments = ",".join(_argument(each) for each in command.parameters)
        yield f"{command.spelling}{arguments}\r".encode()


def _argument(parameter: Parameter) -> str:
    if isinstance(parameter, Integer):
        return str(parameter.low)
    if isinstance(parameter, Choice):
        return str(parameter.values[0])
    if isinstance(parameter, Switch | Link):
        return "1"
    return '"10.0.0.1"'


def _transcripts() -> Iterator[bytes]:
    for rows in TRANSCRIPTS.values():
        yield b"".join(as_bytes(typed, 80) for typed, _ in rows)


def _stream() -> Iterator[bytes]:
    yield from _transcripts()
    for mode in (b"payload 5", b"payload 2048", b"pem", b"packets", b"mute"):
        yield mode + b"\r\nabc\xfe\x05+++\xfe\x07-----END CERTIFICATE-----\r\n\xfe\x09AT\r\n"


def _session() -> Iterator[bytes]:
    yield from CONVERSATIONS
    yield from _transcripts()
    for line in _lines():
        yield LINKED + line + b"\n"
        yield b"AT+CWMODE=3\r\n" + JOINED + b"AT+CIPMUX=1\r\n" + line + b"\n"


def _settings(folder: Path) -> Iterator[bytes]:
    store(folder, FULL)
    yield (folder / FILE_NAME).read_bytes()


def _configurations() -> Iterator[bytes]:
    yield (PACKAGING / "gateway.toml").read_bytes()
    yield HARD_CONFIGURATION


def _records() -> Iterator[bytes]:
    yield from (json.dumps(each).encode() + b"\n" for each in RECORDS)
    yield from HARD_RECORDS


def _certificates() -> Iterator[bytes]:
    made = self_signed("Root")
    yield made.pem
    yield made.der
    for usual, hard in HARD_CERTIFICATES:
        yield made.der.replace(usual, hard)


def _boots() -> Iterator[bytes]:
    gateway = (PACKAGING / "gateway.toml").read_bytes()
    record = {
        "version": 1,
        "consoles": [{"index": 0, "text": "console=serial0,115200 "}],
        "device_before": "/dev/serial0",
        "device_after": "/dev/ttyAMA0",
        "disabled_units": ["hciuart.service"],
    }
    yield b"4 Model B\xfe[all]\ndtparam=audio=on\r\xfeconsole=serial0\r"
    for index, text in HARD_CONSOLES:
        hard = {**record, "consoles": [{"index": index, "text": text}]}
        yield b"\xfe".join([b"4 Model B", b"", b"rw quiet", gateway, json.dumps(hard).encode()])
    for folder in sorted(BOOTS.glob("pi*_*")):
        config = next(folder.rglob("config.txt"), None)
        if config is None:
            continue
        line = config.with_name("cmdline.txt")
        command_line = line.read_bytes() if line.exists() else b""
        parts = [b"5 Model B", config.read_bytes(), command_line, gateway]
        yield b"\xfe".join([*parts, json.dumps(record).encode()])
        yield b"\xfe".join([b"4 Model B", *parts[1:3], b'[uart]\ndevice = "x"\n'])
