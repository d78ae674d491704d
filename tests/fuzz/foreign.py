"""What is read from files, and from the monitor's socket: refused in a sentence, or taken."""

from __future__ import annotations

import contextlib
import io
import json
import ssl
import tempfile
from pathlib import Path
from typing import Any

from gateway.config import Config, ConfigError, load, state_dir_of
from gateway.monitor.program import NotARecord, shower
from gateway.services.certificates import CertificateStore, NotACertificate
from gateway.services.settings import _encode, parse
from gateway.setup_uart.boot_config import has_block, with_block, without_block
from gateway.setup_uart.boot_files import recorded
from gateway.setup_uart.command_line import put_back, without_consoles
from gateway.setup_uart.models import pi_model
from gateway.setup_uart.plan import Facts, Refusal, Undo, plan, undoing
from tests import fake_time

CONSOLES = ("serial0", "ttyAMA0", "ttyS0")
PART = b"\xfe"
"""Stands between the files of an input that has several."""


def settings(data: bytes) -> None:
    """Settings that are stored again as they were read, or a ValueError."""
    try:
        read = parse(data.decode())
    except ValueError:
        return
    text = json.dumps({"version": 1, "settings": _encode(read)})
    assert parse(text) == read


def configuration(data: bytes) -> None:
    """A configuration, or one sentence."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        path = Path(file.name)
        assert isinstance(state_dir_of(path), Path)
        with contextlib.suppress(ConfigError):
            assert isinstance(load(path), Config)


def certificate(data: bytes) -> None:
    """A certificate with a name that can be written, or a refusal; DER or PEM text."""
    text = data if data.startswith(b"---") else ssl.DER_cert_to_PEM_cert(data).encode()

    async def add() -> None:
        store = CertificateStore(None, 1)
        with contextlib.suppress(NotACertificate):
            await store.add(text)
        for name in store.names() + store.names(issuer=True):
            assert name.isprintable()
            name.encode()

    fake_time.run(add())


def monitor(data: bytes) -> None:
    """Whatever stands at the other end of the socket: shown without steering the terminal."""
    screen = io.StringIO()
    show = shower(screen, raw=True)
    for line in data.splitlines(keepends=True):
        with contextlib.suppress(NotARecord):
            show(line)
    shown = screen.getvalue().replace("\n", "")
    assert shown.isprintable()


def boot_files(data: bytes) -> None:
    """config.txt, cmdline.txt, gateway.toml, the record: changed and taken back, or refused."""
    texts = [part.decode("latin-1") for part in data.split(PART)]
    model_text, config, command_line, gateway, record = (*texts, "", "", "", "", "")[:5]
    model = pi_model(f"Raspberry Pi {model_text}") or pi_model("Raspberry Pi 4 Model B")
    assert model is not None
    without = without_block(config)
    assert not has_block(without)
    assert without_block(without) == without
    assert without_block(with_block(without, ["enable_uart=1"])) == without
    left, removed = without_consoles(command_line, CONSOLES)
    assert without_consoles(left, CONSOLES) == (left, ())
    assert sorted(put_back(left, removed).split()) == sorted(command_line.split())
    try:
        undo = recorded(record, Path("record")) if record else Undo()
    except Refusal:
        return
    facts: dict[str, Any] = {"config": config, "command_line": command_line, "gateway": gateway}
    with contextlib.suppress(Refusal):
        done = plan(Facts(model, undo=undo, **facts), None)
        undoing(Facts(model, done.config, done.command_line, done.gateway, done.undo))
