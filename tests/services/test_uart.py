"""Serial devices: pseudo-terminal slaves by path, and the real way of configuring on one.

A pseudo-terminal takes speeds and stop bits and silently keeps 8 data bits without parity:
just what a driver does that cannot do what it is asked for.
"""

from __future__ import annotations

import asyncio
import grp
import logging
import os
import re
import shutil
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.services import device_advice, termios2, uart
from gateway.services.api_line import LineRefused, UartSettings
from gateway.services.descriptor_line import LineOfKernel, LineUnavailable
from gateway.services.device_advice import refuse_console, unavailable
from gateway.services.uart import PseudoTerminal, SerialLine, open_line
from tests.services.lines import Recorder, readable, run

STANDARD = UartSettings()
SEVEN_BITS = replace(STANDARD, data_bits=7)


class Peer:
    """A pseudo-terminal: the test holds the master, and the slave goes by its path."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        self.path = os.ttyname(self.slave)
        os.set_blocking(self.master, False)

    async def read_exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            await readable(self.master)
            data += os.read(self.master, 4096)
        return data

    def hang_up(self) -> None:
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def close(self) -> None:
        self.hang_up()
        os.close(self.slave)


@pytest.fixture
def peer() -> Iterator[Peer]:
    terminal = Peer()
    yield terminal
    terminal.close()


@contextmanager
def holding(peer: Peer, command: list[str]) -> Iterator[int]:
    """Run `command` with the slave as its input until the end; begins once it says `up`."""
    process = subprocess.Popen(command, stdin=peer.slave, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process, process.stdout:
        try:
            assert process.stdout.readline() == "up\n"
            yield process.pid
        finally:
            process.kill()


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pseudo-terminals are configured as real devices are."""
    monkeypatch.setattr(uart, "is_pseudo_terminal", lambda device: False)


def test_a_slave_by_its_path_carries_every_byte(peer: Peer) -> None:
    every_byte = bytes(range(256))

    async def test() -> None:
        line, receiver = SerialLine(peer.path, STANDARD), Recorder()
        line.start(receiver)
        os.write(peer.master, every_byte)
        await receiver.has(256)
        line.write(every_byte)
        assert await peer.read_exactly(256) == every_byte
        assert bytes(receiver.received) == every_byte
        await line.close()

    run(test())


def test_a_slave_by_its_path_takes_any_settings(peer: Peer) -> None:
    async def test() -> None:
        line = SerialLine(peer.path, SEVEN_BITS)
        wanted = UartSettings(4_000_000, 5, 2, 1, 2)
        await line.probe(wanted)
        assert line.settings == SEVEN_BITS
        await line.change(wanted)
        assert line.settings == wanted
        assert line.seconds(1000) == 0
        await line.close()

    run(test())


@pytest.mark.usefixtures("real")
def test_the_real_way_carries_every_byte(peer: Peer) -> None:
    every_byte = bytes(range(256))

    async def test() -> None:
        line, receiver = SerialLine(peer.path, STANDARD), Recorder()
        line.start(receiver)
        os.write(peer.master, every_byte)
        await receiver.has(256)
        line.write(every_byte)
        assert await peer.read_exactly(256) == every_byte
        assert bytes(receiver.received) == every_byte
        await line.close()

    run(test())


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize("baud", [110, 9600, 31_250, 74_880, 921_600, 3_686_400, 4_000_000])
def test_a_change_reaches_the_driver(peer: Peer, baud: int) -> None:
    async def test() -> None:
        line = SerialLine(peer.path, STANDARD)
        await line.change(UartSettings(baud, 8, 3, 0, 3))
        taken = termios2.read(peer.slave)
        assert (taken.input_speed, taken.output_speed) == (baud, baud)
        assert taken.control_flags & termios.CSTOPB
        assert taken.control_flags & termios.CRTSCTS
        assert line.settings == UartSettings(baud, 8, 3, 0, 3)
        await line.close()

    run(test())


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (replace(STANDARD, baud=57_600, data_bits=7), "7 data bits|Invalid argument"),
        (replace(STANDARD, baud=31_250, data_bits=5, stop_bits=3), "5 data bits|Invalid argument"),
        (replace(STANDARD, baud=57_600, parity=1, flow=2), "parity 1"),
        (replace(STANDARD, parity=2), "parity 2|Invalid argument"),
    ],
)
def test_what_the_device_refuses_changes_nothing(
    peer: Peer, wanted: UartSettings, words: str
) -> None:
    async def test() -> None:
        line = SerialLine(peer.path, replace(STANDARD, baud=250_000))
        before = termios2.read(peer.slave)
        for attempt in (line.probe, line.change):
            with pytest.raises(LineRefused, match=words) as refusal:
                await attempt(wanted)
            assert peer.path in str(refusal.value)
            assert termios2.read(peer.slave) == before
            assert line.settings == replace(STANDARD, baud=250_000)
        await line.change(replace(STANDARD, baud=19_200))
        assert termios2.read(peer.slave).output_speed == 19_200
        await line.close()

    run(test())


@pytest.mark.usefixtures("real")
def test_a_probe_changes_nothing(peer: Peer) -> None:
    async def test() -> None:
        line = SerialLine(peer.path, STANDARD)
        before = termios2.read(peer.slave)
        await line.probe(UartSettings(31_250, 8, 3, 0, 3))
        assert termios2.read(peer.slave) == before
        assert line.settings == STANDARD
        await line.close()

    run(test())


@pytest.mark.usefixtures("real")
def test_a_device_that_refuses_at_opening_is_closed_again(peer: Peer) -> None:
    with pytest.raises(LineRefused, match="refuses 115200 7N1: "):
        SerialLine(peer.path, SEVEN_BITS)
    # Nor is it still locked.
    run(SerialLine(peer.path, STANDARD).close())


@pytest.mark.usefixtures("real")
def test_a_break_is_nothing_and_an_empty_read_a_hang_up(peer: Peer) -> None:
    line = SerialLine(peer.path, UartSettings(31_250))
    taken = termios2.read(peer.slave)
    run(line.close())
    assert taken.input_flags & (termios.IGNBRK | termios.BRKINT) == termios.IGNBRK
    assert taken.control_characters[termios.VMIN] == 1
    assert taken.control_characters[termios.VTIME] == 0


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize(
    ("settings", "bits"),
    [
        (STANDARD, 10),
        (replace(STANDARD, stop_bits=3), 11),
        (replace(STANDARD, stop_bits=2, baud=300), 10.5),
    ],
)
def test_seconds_on_the_wire(peer: Peer, settings: UartSettings, bits: float) -> None:
    line = SerialLine(peer.path, settings)
    assert line.seconds(settings.baud) == pytest.approx(bits)
    run(line.close())


@pytest.mark.parametrize("real_way", [False, True])
def test_the_device_that_goes_away_is_told_once(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, real_way: bool
) -> None:
    if real_way:
        monkeypatch.setattr(uart, "is_pseudo_terminal", lambda device: False)

    async def test() -> None:
        line, receiver = SerialLine(peer.path, STANDARD), Recorder()
        line.start(receiver)
        peer.hang_up()
        await receiver.heard("lost")
        line.write(b"too late")
        for _ in range(5):
            await asyncio.sleep(0)
        assert receiver.events == ["lost"]
        assert isinstance(receiver.causes[0], OSError | EOFError)
        assert not asyncio.get_running_loop().remove_reader(line._descriptor)
        assert line.buffered == 0
        with pytest.raises(LineRefused, match="is gone"):
            await line.change(STANDARD)
        await line.close()

    run(test())


def test_the_receiver_that_comes_after_the_loss_is_told_too(peer: Peer) -> None:
    async def test() -> None:
        line, before, after = SerialLine(peer.path, STANDARD), Recorder(), Recorder()
        line.start(before)
        peer.hang_up()
        await before.heard("lost")
        line.start(after)
        assert after.events == []
        await after.heard("lost")
        assert after.causes == before.causes
        await line.close()

    run(test())


def test_a_write_that_fails_is_told_later_not_raised(peer: Peer) -> None:
    async def test() -> None:
        line, receiver = SerialLine(peer.path, STANDARD), Recorder()
        line.start(receiver)
        line.pause_reading()
        peer.hang_up()
        line.write(b"into the void")
        assert receiver.events == []
        await receiver.heard("lost")
        assert receiver.events == ["lost"]
        await line.close()

    run(test())


def test_a_change_waits_for_what_was_written(peer: Peer) -> None:
    sent = bytes(range(256)) * 200

    async def test() -> None:
        line, receiver = SerialLine(peer.path, STANDARD), Recorder()
        line.start(receiver)
        line.write(sent)
        assert line.buffered > 0
        change = asyncio.create_task(line.change(UartSettings(9600)))
        await asyncio.sleep(0)
        assert line.settings == STANDARD
        assert await peer.read_exactly(len(sent)) == sent
        await change
        assert line.settings == UartSettings(9600)
        assert line.buffered == 0
        await line.close()

    run(test())


def test_an_end_that_takes_nothing_does_not_hold_the_change_back_for_ever(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(uart, "_DRAIN_GRACE_SECONDS", 0.01)

    async def test() -> None:
        line = SerialLine(peer.path, STANDARD)
        line.start(Recorder())
        line.write(bytes(100_000))
        await line.change(UartSettings(9600))
        assert line.settings == UartSettings(9600)
        assert line.buffered > 0
        await line.close()

    run(test())
    assert "holds" in caplog.text


def test_open_line_tells_devices_from_pseudo_terminals(peer: Peer, tmp_path: Path) -> None:
    device = open_line(peer.path, STANDARD)
    assert isinstance(device, SerialLine)
    run(device.close())
    made = open_line(f"pty:{tmp_path / 'line'}", UartSettings(9600))
    assert isinstance(made, PseudoTerminal)
    assert made.settings == UartSettings(9600)
    assert (tmp_path / "line").is_symlink()
    run(made.close())


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("/dev/no-such-uart", "does not exist: plug the adapter in, or name another device"),
        ("/dev/null", "is no working serial line"),
        (__file__, "is no working serial line: not a device"),
    ],
)
def test_what_is_no_serial_line_is_named(device: str, words: str) -> None:
    with pytest.raises(LineUnavailable, match=words) as refusal:
        SerialLine(device, STANDARD)
    assert device in str(refusal.value)


@pytest.mark.parametrize("real_way", [False, True])
def test_a_busy_device_names_who_holds_it(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, real_way: bool
) -> None:
    if real_way:
        monkeypatch.setattr(uart, "is_pseudo_terminal", lambda device: False)
    command = ["sh", "-c", "flock --exclusive 0; echo up; read answer"]
    with holding(peer, command), pytest.raises(LineUnavailable) as refusal:
        SerialLine(peer.path, STANDARD)
    assert re.fullmatch(
        rf"{peer.path} is held by sh \(pid \d+\): end that, or name another device",
        str(refusal.value),
    )


def test_a_login_console_is_named_with_the_way_to_end_it(peer: Peer, tmp_path: Path) -> None:
    getty = tmp_path / "agetty"
    getty.symlink_to("/bin/sh")
    refuse_console(peer.path)
    command = ["setsid", "--ctty", str(getty), "-c", "echo up; read answer"]
    with holding(peer, command) as pid, pytest.raises(LineUnavailable) as refusal:
        refuse_console(peer.path)
    name = os.path.basename(peer.path)
    assert str(refusal.value) == (
        f"{peer.path} is held by agetty (pid {pid}): "
        f"run: sudo systemctl disable --now serial-getty@{name}"
    )


def test_a_login_prompt_is_named_where_no_processes_are_shown(
    peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_advice, "_LOGIN_PROMPTS", tmp_path)
    name = os.path.basename(peer.path)
    link = tmp_path / "serial0"
    link.symlink_to(peer.path)
    (tmp_path / f"serial-getty@{name}1.service").mkdir()
    refuse_console(str(link))
    (tmp_path / f"serial-getty@{name}.service").mkdir()
    with pytest.raises(LineUnavailable) as refusal:
        refuse_console(str(link))
    assert str(refusal.value) == (
        f"{link} is held by a login prompt (serial-getty@{name}.service): "
        f"run: sudo systemctl disable --now serial-getty@{name}"
    )


def test_the_folder_of_login_prompts_is_named_as_systemd_names_it() -> None:
    if shutil.which("systemd-escape") is None:
        pytest.skip("needs systemd-escape")
    prefix = subprocess.run(
        ["systemd-escape", "serial-getty"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert device_advice._LOGIN_PROMPTS.name == f"system-{prefix}.slice"


@pytest.fixture
def _all_are_of_group_tty(monkeypatch: pytest.MonkeyPatch) -> None:
    group = grp.struct_group(("tty", "x", 5, []))
    monkeypatch.setattr("gateway.services.device_advice.grp.getgrgid", lambda number: group)


@pytest.mark.usefixtures("_all_are_of_group_tty")
@pytest.mark.parametrize(("name", "word"), [("a", "{}/a"), ("a b", "'{}/a b'")])
def test_a_device_that_a_login_prompt_has_had_is_given_back(
    tmp_path: Path, name: str, word: str
) -> None:
    link, node = tmp_path / name, tmp_path / "ttyX"
    node.touch()
    link.symlink_to(node)
    assert str(unavailable(str(link), PermissionError(13, ""))) == (
        f"permission denied for {link}: a login prompt has had it; "
        f"run: sudo systemctl disable --now serial-getty@ttyX, then: "
        f"sudo udevadm trigger --action=add --name-match={word.format(tmp_path)}"
    )


@pytest.mark.usefixtures("_all_are_of_group_tty")
def test_a_pseudo_terminal_is_that_groups_without_any_login_prompt(peer: Peer) -> None:
    assert "to group dialout" in str(unavailable(peer.path, PermissionError(13, "")))


@pytest.fixture
def on_a_pi(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
    monkeypatch.setattr(device_advice, "_MODEL", model)


@pytest.mark.usefixtures("on_a_pi")
def test_on_a_pi_one_command_sets_the_uart_up(peer: Peer, tmp_path: Path) -> None:
    missing = unavailable("/dev/serial0", OSError(2, ""))
    assert "run: sudo esp-at-gateway setup-uart" in str(missing)
    getty = tmp_path / "agetty"
    getty.symlink_to("/bin/sh")
    command = ["setsid", "--ctty", str(getty), "-c", "echo up; read answer"]
    with holding(peer, command), pytest.raises(LineUnavailable, match="setup-uart"):
        refuse_console(peer.path)


@pytest.mark.parametrize(
    ("listed", "refused"), [("tty0 {}", True), ("tty0", False), ("{}1", False), ("", False)]
)
def test_the_kernels_console_is_refused(
    peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: str, refused: bool
) -> None:
    consoles, name = tmp_path / "active", os.path.basename(peer.path)
    consoles.write_text(listed.format(name) + "\n")
    monkeypatch.setattr(device_advice, "_CONSOLES", consoles)
    link = tmp_path / "serial0"
    link.symlink_to(peer.path)
    if refused:
        words = f"serial0 is the kernel's console: take console={name} off the kernel's command"
        with pytest.raises(LineOfKernel, match=words):
            refuse_console(str(link))
    else:
        refuse_console(str(link))


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (13, "permission denied for /dev/ttyX: add the user to group dialout"),
        (16, "/dev/ttyX is held by another program"),
        (6, "/dev/ttyX has no hardware behind it"),
        (24, "/dev/ttyX cannot be opened: Too many open files"),
    ],
)
def test_every_cause_says_what_to_do(number: int, words: str) -> None:
    assert str(unavailable("/dev/ttyX", OSError(number, ""))).startswith(words)


@pytest.mark.parametrize(
    ("speed", "taken"),
    [(74_880, True), (74_766, True), (115_200, False), (73_000, False), (0, False)],
)
def test_a_speed_within_two_percent_is_taken(peer: Peer, speed: int, taken: bool) -> None:
    now = replace(termios2.read(peer.slave), input_speed=speed, output_speed=speed)
    refusal = termios2.difference(now, UartSettings(74_880))
    assert refusal == (None if taken else f"it runs at {speed} instead of 74880 baud")


def test_stop_bits_and_flow_control_are_compared(peer: Peer) -> None:
    now = replace(termios2.read(peer.slave), input_speed=115_200, output_speed=115_200)
    assert termios2.difference(now, STANDARD) is None
    for wanted, words in (
        (replace(STANDARD, stop_bits=2), "it does not take stop bits 2"),
        (replace(STANDARD, flow=2), "it does not take flow control 2"),
    ):
        assert termios2.difference(now, wanted) == words


@pytest.mark.usefixtures("real")
def test_nothing_is_logged_where_all_goes_well(
    peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        line = SerialLine(peer.path, STANDARD)
        line.start(Recorder())
        line.write(b"OK")
        await line.change(UartSettings(9600))
        await line.close()

    with caplog.at_level(logging.INFO):
        run(test())
    assert [record for record in caplog.records if record.name.startswith("gateway")] == []
