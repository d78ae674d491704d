"""The program `esp-at-gateway monitor`: whom it finds, what it says where it cannot."""

from __future__ import annotations

import grp
import io
import json
import os
import pwd
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway import cli
from gateway.config import ConfigError
from gateway.monitor import connection
from gateway.monitor.connection import Service, Unreachable, connect, find
from gateway.monitor.program import follow, wants_colour

HELLO = b'{"kind":"hello","time":1.0,"version":"1.2","uart":"/dev/serial0","wall":1700000000.0}\n'
COMMAND = b'{"kind":"command","time":1.5,"way":"in","text":"AT","bytes":["4154"]}\n'


class Server:
    """A service's socket, each of whose connections is told the next of `stories`."""

    def __init__(self, path: Path, *stories: bytes) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._thread = threading.Thread(target=self._tell, args=(stories,))
        self._thread.start()

    def _tell(self, stories: tuple[bytes, ...]) -> None:
        for story in stories:
            made, _ = self._listener.accept()
            with made:
                made.sendall(story)

    def close(self) -> None:
        self._thread.join()
        self._listener.close()


def end_of_test() -> None:
    raise KeyboardInterrupt


def test_sockets_by_configuration_instance_and_path(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text('[storage]\nruntime_dir = "/run/here"\n')
    assert find(file, None, None) == Service(Path("/run/here/monitor.sock"), "esp-at-gateway")
    assert find(None, "ttyUSB0", None) == Service(
        Path("/run/esp-at-gateway-ttyUSB0/monitor.sock"), "esp-at-gateway@ttyUSB0"
    )
    assert find(None, None, Path("/tmp/x")).path == Path("/tmp/x")
    with pytest.raises(ConfigError, match="no such file"):
        find(tmp_path / "missing.toml", None, None)


def test_the_default_stands_where_the_configuration_is_not_for_everybody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(path: Path | None) -> None:
        raise ConfigError("cannot be read: Permission denied")

    monkeypatch.setattr(connection, "load", refuse)
    assert find(None, None, None).path == Path("/run/esp-at-gateway/monitor.sock")


@pytest.mark.parametrize("left", [False, True])
def test_not_running_names_the_command_that_starts_it(
    tmp_path: Path, left: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "monitor.sock"
    if left:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as killed:
            killed.bind(str(path))
    assert cli.main(["monitor", "--socket", str(path)]) == 1
    assert "sudo systemctl start esp-at-gateway (" in capsys.readouterr().err
    assert cli.main(["monitor", "--socket", str(path), "--instance", "ttyUSB0"]) == 1
    assert "sudo systemctl start esp-at-gateway@ttyUSB0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("group", "members", "advice"),
    [
        ("esp-at-gateway", [], "sudo usermod -aG esp-at-gateway USER, then log in anew"),
        ("esp-at-gateway", ["USER"], "only since your login: log in anew"),
        ("root", [], "is not for USER: use sudo"),
    ],
)
def test_not_permitted_names_the_group(
    group: str, members: list[str], advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = pwd.getpwuid(os.geteuid()).pw_name
    entry = grp.struct_group((group, "x", 1, [name.replace("USER", user) for name in members]))
    monkeypatch.setattr(grp, "getgrgid", lambda number: entry)

    class Refusing(socket.socket):
        def connect(self, address: object) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "socket", Refusing)
    with pytest.raises(Unreachable) as raised:
        connect(Service(tmp_path / "monitor.sock"))
    assert advice.replace("USER", user) in str(raised.value)


def test_the_conversation_is_shown_until_ctrl_c(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(tmp_path / "monitor.sock", HELLO + COMMAND)
    monkeypatch.setattr(time, "sleep", lambda seconds: end_of_test())
    assert cli.main(["monitor", "--socket", str(tmp_path / "monitor.sock")]) == 0
    server.close()
    out, err = capsys.readouterr()
    assert "→ AT\n" in out
    assert "\033" not in out
    assert "the service has ended; waiting for it" in err


def test_json_passes_the_records_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(tmp_path / "monitor.sock", HELLO + COMMAND)
    monkeypatch.setattr(time, "sleep", lambda seconds: end_of_test())
    assert cli.main(["monitor", "--json", "--socket", str(tmp_path / "monitor.sock")]) == 0
    server.close()
    assert capsys.readouterr().out.encode() == HELLO + COMMAND


@pytest.mark.parametrize("options", [[], ["--raw"], ["--json"]])
def test_a_record_that_the_service_did_not_live_to_finish_is_left_out(
    options: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(tmp_path / "monitor.sock", HELLO + COMMAND + COMMAND[:30])
    monkeypatch.setattr(time, "sleep", lambda seconds: end_of_test())
    assert cli.main(["monitor", *options, "--socket", str(tmp_path / "monitor.sock")]) == 0
    server.close()
    out, err = capsys.readouterr()
    assert ("4154" if "--json" in options else "→ AT\n") in out
    assert "the service has ended; waiting for it" in err


@pytest.mark.parametrize(
    "story",
    [
        b"\xff\n",
        b"[]\n",
        b"[" * 100_000 + b"\n",
        b'{"kind":"refused"\n',
        b'{"kind":"x","time":"a"}\n',
        b'{"kind":"x","time":1e300}\n',
        b'{"kind":"x","bytes":5}\n',
        b'{"kind":"x","bytes":["x"]}\n',
    ],
)
def test_what_is_no_record_ends_it_in_a_sentence(
    story: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server(tmp_path / "monitor.sock", story)
    assert cli.main(["monitor", "--raw", "--socket", str(tmp_path / "monitor.sock")]) == 1
    server.close()
    assert "is no gateway, or one of another version" in capsys.readouterr().err


def test_it_connects_again_when_the_service_is_back(tmp_path: Path) -> None:
    path = tmp_path / "monitor.sock"
    shown: list[bytes] = []
    pauses: list[Callable[[], object]] = [
        lambda: None,  # not there yet
        lambda: servers.append(Server(path, COMMAND)),
        end_of_test,
    ]
    servers = [Server(path, HELLO)]

    def pause() -> None:
        path.unlink(missing_ok=True)
        pauses.pop(0)()

    with pytest.raises(KeyboardInterrupt):
        follow(Service(path), shown.append, pause)
    for server in servers:
        server.close()
    assert shown == [HELLO, COMMAND]


def test_no_room_is_said_and_ends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "monitor.sock"
    refusal = {"kind": "refused", "time": 1.0, "text": "4 monitors are connected already"}
    server = Server(path, json.dumps(refusal, separators=(",", ":")).encode() + b"\n")
    assert follow(Service(path), lambda line: None, end_of_test) == 1
    server.close()
    assert "4 monitors are connected already" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(tmp_path / "monitor.sock", HELLO + COMMAND)
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as screen, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", screen)
        assert cli.main(["monitor", "--socket", str(tmp_path / "monitor.sock")]) == 0
    server.close()


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert wants_colour(Terminal())
    assert not wants_colour(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_colour(Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(Terminal())
