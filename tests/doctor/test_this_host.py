"""The real machine, as far as every machine that tests run on is alike."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.doctor.host import Account, Node
from gateway.doctor.this_host import ThisHost

NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def host() -> ThisHost:
    return ThisHost()


def test_a_command_and_what_it_says(host: ThisHost) -> None:
    done = host.run("sh", "-c", "echo out; echo $LC_ALL; echo 'why\nmore' >&2; exit 3")
    assert (done.status, done.output, done.error) == (3, "out\nC.UTF-8\n", "why\nmore")
    assert (done.succeeded, done.missing, done.complaint) == (False, False, "why")


def test_a_command_that_is_not_there(host: ThisHost) -> None:
    done = host.run("no-such-program-here")
    assert (done.status, done.missing) == (None, True)
    assert done.complaint == "no-such-program-here is not installed"


def test_a_command_that_hangs_is_ended() -> None:
    # Its child holds the pipes open, and has to go as well.
    done = ThisHost(command_seconds=0.05).run("sh", "-c", "sleep 60; true")
    assert (done.status, done.missing) == (None, False)
    assert done.complaint == "sh did not answer within 0.05 s"


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is root's alone to be")
def test_a_command_as_another_user(host: ThisHost) -> None:
    account = host.account("nobody")
    assert account is not None
    done = host.run("sh", "-c", "id -u; id -g; id -G; id -un", account=account)
    assert done.output.split() == [
        str(NOBODY.pw_uid),
        str(NOBODY.pw_gid),
        str(NOBODY.pw_gid),
        "nobody",
    ]


def test_accounts(host: ThisHost) -> None:
    account = host.account("nobody")
    assert account == Account("nobody", NOBODY.pw_uid, (NOBODY.pw_gid,), ("nogroup",))
    assert host.account("no-such-user") is None
    assert host.me.user_id == os.geteuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="sudo's root is played by root")
def test_who_typed_the_command_behind_sudo(host: ThisHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "nobody")
    assert host.caller.name == "nobody"
    monkeypatch.delenv("SUDO_USER")
    assert host.caller == host.me


def test_files(host: ThisHost, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abc\xff")
    file.chmod(0o640)
    assert host.read(str(file)) == "abc\N{REPLACEMENT CHARACTER}"
    assert host.read_bytes(str(file), 2) == b"ab"
    assert host.names(str(tmp_path)) == ["file"]
    node = host.node(str(file))
    assert (node.mode, node.user_id, node.device, node.is_folder) == (
        *(0o640, os.geteuid(), None, False),
    )
    assert host.node("/dev/null").device == (1, 3)
    link = tmp_path / "link"
    link.symlink_to(file)
    assert host.resolved(str(link)) == str(file)
    free = host.free_bytes(str(tmp_path))
    assert free is None or free > 0
    with pytest.raises(OSError, match="No such file"):
        host.read(str(tmp_path / "none"))


def test_a_pipe_that_nobody_writes_to_does_not_hang_it(host: ThisHost, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.pem"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="it is not a file"):
        host.read_bytes(str(pipe), 10)


@pytest.mark.parametrize(
    ("account", "wanted", "granted"),
    [
        (Account("root", 0), 7, True),
        (Account("owner", 5), 6, True),
        (Account("owner", 5, (9,)), 1, False),
        (Account("member", 6, (1, 9)), 4, True),
        (Account("member", 6, (1, 9)), 2, False),
        (Account("other", 6, (1,)), 4, False),
    ],
)
def test_what_permission_bits_allow(account: Account, wanted: int, granted: bool) -> None:
    assert Node(5, 9, 0o640).allows(account, wanted) is granted


def test_who_holds_a_device_and_whose_terminal_it_is(host: ThisHost) -> None:
    master, slave = os.openpty()
    path = os.ttyname(slave)
    program = (
        "import os, sys, fcntl, termios\n"
        "os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "print('up', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program]
    child = subprocess.Popen(command, stdin=slave, stdout=subprocess.PIPE)
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        try:
            assert [holder.pid for holder in host.holders(path)] == [child.pid]
            assert [holder.pid for holder in host.console_users(path)] == [child.pid]
        finally:
            child.kill()
    os.close(master)
    os.close(slave)
    assert host.console_users("/dev/no-such-line") == []


def test_programs_modules_and_the_time(host: ThisHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert ThisHost().has_program("agetty") == Path("/usr/sbin/agetty").exists()
    assert not host.has_program("no-such-program-here")
    assert host.has_module("gateway.doctor")
    assert not host.has_module("no_such_module.at_all")
    assert abs(host.now() - time.time()) < 60
