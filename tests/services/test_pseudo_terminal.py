"""The pseudo-terminal as a line: real ones, and clients that come and go."""

from __future__ import annotations

import asyncio
import os
import select
import stat
import termios
import threading
from pathlib import Path

import pytest

from gateway.services import inotify, pseudo_terminal
from gateway.services.api_line import UartSettings
from gateway.services.descriptor_line import LineUnavailable
from gateway.services.pseudo_terminal import PseudoTerminal
from tests.services.lines import Recorder, readable, run


def open_client(link: Path | str) -> int:
    return os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)


async def read_exactly(client: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        await readable(client)
        data += os.read(client, 4096)
    return data


def waiting(client: int) -> bytes:
    """What waits for the client at this moment."""
    try:
        return os.read(client, 65536)
    except BlockingIOError:
        return b""


def fill(client: int, data: bytes) -> int:
    """Write of `data` what the terminal takes; how much that was."""
    taken = 0
    try:
        while taken < len(data):
            taken += os.write(client, data[taken:])
    except BlockingIOError:
        assert 0 < taken < len(data)
    return taken


async def departed(line: PseudoTerminal) -> None:
    """Return once the line has seen that nobody has it open."""
    while line.listening:  # noqa: ASYNC110 (there is no event: nobody is told)
        await asyncio.sleep(0)


@pytest.fixture
def link(tmp_path: Path) -> Path:
    return tmp_path / "line"


def test_bytes_pass_unchanged_both_ways(link: Path) -> None:
    every_byte = bytes(range(256))

    async def test() -> None:
        line, receiver = PseudoTerminal(str(link)), Recorder()
        line.start(receiver)
        client = open_client(link)
        await receiver.heard("opened")
        os.write(client, every_byte)
        await receiver.has(256)
        line.write(every_byte)
        assert await read_exactly(client, 256) == every_byte
        assert bytes(receiver.received) == every_byte
        os.close(client)
        await line.close()

    run(test())


def test_is_raw_before_its_name_appears(link: Path) -> None:
    line = PseudoTerminal(str(link))
    client = open_client(link)
    input_flags, _, control_flags, local_flags, *_ = termios.tcgetattr(client)
    os.close(client)
    run(line.close())
    assert local_flags & (termios.ECHO | termios.ICANON | termios.ISIG) == 0
    assert input_flags & (termios.ICRNL | termios.IXON) == 0
    assert control_flags & termios.CSIZE == termios.CS8


def test_group_tty_cannot_write_to_it(link: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it could where /dev/pts is mounted as on every Debian."""
    made = os.openpty()
    os.fchmod(made[1], 0o620)
    monkeypatch.setattr(os, "openpty", lambda: made)
    line = PseudoTerminal(str(link))
    assert stat.S_IMODE(link.stat().st_mode) == 0o600
    run(line.close())


def test_survives_a_hundred_clients_byte_for_byte(link: Path) -> None:
    async def test() -> None:
        line, receiver = PseudoTerminal(str(link)), Recorder()
        receiver.on_data = line.write
        receiver.on_opened = lambda: line.write(b"ready\r\n")
        line.start(receiver)
        for number in range(100):
            client = open_client(link)
            message = b"%03d\r\n" % number
            os.write(client, message)
            assert await read_exactly(client, 12) == b"ready\r\n" + message
            # Left unread on purpose: the next client must not see it.
            line.write(b"nobody reads this")
            os.close(client)
        await line.close()
        assert receiver.events.count("opened") == 100
        assert bytes(receiver.received) == b"".join(b"%03d\r\n" % n for n in range(100))

    run(test())


def test_output_is_dropped_while_nobody_listens(link: Path) -> None:
    async def test() -> None:
        line, receiver = PseudoTerminal(str(link)), Recorder()
        line.start(receiver)
        line.write(b"before anybody came")
        client = open_client(link)
        await receiver.heard("opened")
        assert waiting(client) == b""
        os.close(client)
        await departed(line)
        line.write(b"x" * 100_000)
        assert line.buffered == 0
        client = open_client(link)
        await receiver.heard("opened", 2)
        assert waiting(client) == b""
        line.write(b"now")
        assert await read_exactly(client, 3) == b"now"
        os.close(client)
        await line.close()

    run(test())


def test_nothing_is_watched_while_nobody_listens(link: Path) -> None:
    async def test() -> None:
        line, receiver = PseudoTerminal(str(link)), Recorder()
        line.start(receiver)
        client = open_client(link)
        await receiver.heard("opened")
        os.close(client)
        await departed(line)
        for _ in range(20):
            await asyncio.sleep(0)
        # A hung-up descriptor that is watched would wake the loop for ever.
        assert not asyncio.get_running_loop().remove_reader(line._descriptor)
        await line.close()

    run(test())


def test_the_client_may_flush_before_it_is_spoken_to(link: Path) -> None:
    async def test() -> None:
        line, receiver = PseudoTerminal(str(link)), Recorder()
        receiver.on_opened = lambda: line.write(b"ready")
        line.start(receiver)
        loop = asyncio.get_running_loop()
        began = loop.time()
        client = open_client(link)
        await receiver.heard("opened")
        assert loop.time() - began >= pseudo_terminal.SETTLING_SECONDS * 0.9
        assert await read_exactly(client, 5) == b"ready"
        os.close(client)
        await line.close()

    run(test())


def test_opened_comes_before_the_first_byte(link: Path) -> None:
    async def test() -> None:
        line, receiver = PseudoTerminal(str(link)), Recorder()
        line.start(receiver)
        loop = asyncio.get_running_loop()
        began = loop.time()
        client = open_client(link)
        os.write(client, b"AT\r\n")
        await receiver.has(4)
        assert receiver.events == ["opened", b"AT\r\n"]
        assert loop.time() - began < pseudo_terminal.SETTLING_SECONDS
        os.close(client)
        await departed(line)
        assert receiver.events == ["opened", b"AT\r\n"]
        await line.close()

    run(test())


def test_the_command_of_a_client_that_left_at_once_is_heard(link: Path) -> None:
    async def test() -> None:
        line, receiver = PseudoTerminal(str(link)), Recorder()
        receiver.on_data = line.write
        line.start(receiver)
        for number in range(1, 4):
            client = open_client(link)
            os.write(client, b"AT\r\n")
            os.close(client)
            await receiver.has(4 * number)
            await departed(line)
        assert receiver.events == ["opened", b"AT\r\n"] * 3
        client = open_client(link)
        await receiver.heard("opened", 4)
        assert waiting(client) == b""
        os.close(client)
        await line.close()

    run(test())


def test_a_client_that_was_there_before_the_start_is_announced(link: Path) -> None:
    async def test() -> None:
        line, receiver = PseudoTerminal(str(link)), Recorder()
        client = open_client(link)
        line.start(receiver)
        await receiver.heard("opened")
        line.write(b"ready")
        assert await read_exactly(client, 5) == b"ready"
        os.close(client)
        await line.close()

    run(test())


def test_a_second_client_beside_the_first_is_nothing_new(link: Path) -> None:
    async def test() -> None:
        line, receiver = PseudoTerminal(str(link)), Recorder()
        line.start(receiver)
        first = open_client(link)
        await receiver.heard("opened")
        line.write(b"unread")
        second = open_client(link)
        os.write(second, b"2")
        await receiver.has(1)
        os.close(second)
        os.write(first, b"1")
        await receiver.has(2)
        assert receiver.events == ["opened", b"2", b"1"]
        assert waiting(first) == b"unread"
        os.close(first)
        await line.close()

    run(test())


def test_a_reopening_that_is_seen_too_late_counts_as_one(link: Path) -> None:
    async def test() -> None:
        line, receiver = PseudoTerminal(str(link)), Recorder()
        line.start(receiver)
        client = open_client(link)
        await receiver.heard("opened")
        line.write(b"meant for the first")
        os.close(client)
        client = open_client(link)
        await receiver.heard("opened", 2)
        assert waiting(client) == b""
        os.close(client)
        await line.close()

    run(test())


def test_the_mode_that_a_client_left_is_forgotten(link: Path) -> None:
    async def test() -> None:
        line, receiver = PseudoTerminal(str(link)), Recorder()
        line.start(receiver)
        client = open_client(link)
        attributes = termios.tcgetattr(client)
        attributes[3] |= termios.ECHO | termios.ICANON
        termios.tcsetattr(client, termios.TCSANOW, attributes)
        await receiver.heard("opened")
        os.close(client)
        await departed(line)
        client = open_client(link)
        assert termios.tcgetattr(client)[3] & (termios.ECHO | termios.ICANON) == 0
        os.close(client)
        await line.close()

    run(test())


def test_a_slow_reader_gets_all_in_order(link: Path) -> None:
    sent = b"".join(b"%07d\n" % number for number in range(40_000))

    async def test() -> None:
        line, receiver = PseudoTerminal(str(link)), Recorder()
        line.start(receiver)
        client = open_client(link)
        await receiver.heard("opened")
        for start in range(0, len(sent), 10_000):
            line.write(sent[start : start + 10_000])
        assert line.buffered > len(sent) // 2
        assert "drained" not in receiver.events
        assert await read_exactly(client, len(sent)) == sent
        await receiver.heard("drained")
        assert line.buffered == 0
        line.write(b"small")
        assert await read_exactly(client, 5) == b"small"
        assert receiver.events == ["opened", "drained"]
        os.close(client)
        await line.close()

    run(test())


@pytest.mark.parametrize("paused", [False, True])
def test_a_client_that_leaves_amid_output_frees_the_buffer(link: Path, paused: bool) -> None:
    async def test() -> None:
        line, receiver = PseudoTerminal(str(link)), Recorder()
        line.start(receiver)
        client = open_client(link)
        await receiver.heard("opened")
        if paused:
            line.pause_reading()
        line.write(bytes(100_000))
        assert line.buffered > 0
        os.close(client)
        await receiver.heard("drained")
        assert line.buffered == 0
        assert not line.listening
        await line.close()

    run(test())


def test_pausing_holds_the_client_back_and_loses_nothing(link: Path) -> None:
    sent = bytes(range(256)) * 400

    async def test() -> None:
        line, receiver = PseudoTerminal(str(link)), Recorder()
        line.start(receiver)
        client = open_client(link)
        await receiver.heard("opened")
        line.pause_reading()
        taken = fill(client, sent)
        assert receiver.received == b""
        os.close(client)
        line.resume_reading()
        await receiver.has(taken)
        assert bytes(receiver.received) == sent[:taken]
        await line.close()

    run(test())


def test_a_new_receiver_gets_what_comes_from_then_on(link: Path) -> None:
    async def test() -> None:
        line, first, second = PseudoTerminal(str(link)), Recorder(), Recorder()
        line.start(first)
        client = open_client(link)
        os.write(client, b"1")
        await first.has(1)
        line.pause_reading()
        line.start(second)
        os.write(client, b"2")
        await second.has(1)
        assert (first.events, second.events) == (["opened", b"1"], [b"2"])
        os.close(client)
        await line.close()

    run(test())


def test_without_inotify_somebody_is_always_there(
    link: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: str) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(pseudo_terminal, "OpenWatch", refuse)

    async def test() -> None:
        line, receiver = PseudoTerminal(str(link)), Recorder()
        line.start(receiver)
        await receiver.heard("opened")
        line.write(b"kept")
        client = open_client(link)
        assert await read_exactly(client, 4) == b"kept"
        os.close(client)
        client = open_client(link)
        os.write(client, b"x")
        await receiver.has(1)
        assert receiver.events == ["opened", b"x"]
        os.close(client)
        await line.close()

    run(test())
    assert "Too many open files" in caplog.text


def test_takes_any_settings_and_remembers_them(link: Path) -> None:
    wanted = UartSettings(4_000_000, 5, 3, 2, 3)

    async def test() -> None:
        line = PseudoTerminal(str(link), UartSettings(9600))
        await line.probe(wanted)
        assert line.settings == UartSettings(9600)
        await line.change(wanted)
        assert line.settings == wanted
        assert line.seconds(1000) == 0
        await line.close()

    run(test())


def test_a_stale_symlink_is_replaced_and_ours_removed(link: Path) -> None:
    link.symlink_to("/dev/pts/99999")
    line = PseudoTerminal(str(link))
    assert os.readlink(link) == line.path
    run(line.close())
    assert list(link.parent.iterdir()) == []


def test_a_symlink_that_leads_elsewhere_by_now_stays(link: Path) -> None:
    first = PseudoTerminal(str(link))
    second = PseudoTerminal(str(link))
    run(first.close())
    assert os.readlink(link) == second.path
    run(second.close())


def test_a_file_of_that_name_is_left_alone(link: Path) -> None:
    link.write_text("precious")
    with pytest.raises(LineUnavailable, match="is no symlink"):
        PseudoTerminal(str(link))
    assert link.read_text() == "precious"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(LineUnavailable, match="nowhere/line: No such file or directory"):
        PseudoTerminal(str(tmp_path / "nowhere" / "line"))


def test_closing_twice_and_writing_afterwards_is_harmless(link: Path) -> None:
    async def test() -> None:
        line, receiver = PseudoTerminal(str(link)), Recorder()
        line.start(receiver)
        client = open_client(link)
        await receiver.heard("opened")
        await line.close()
        await line.close()
        line.write(b"into the void")
        assert line.buffered == 0
        os.close(client)

    run(test())


def test_the_watch_tells_openings_and_closings_in_order(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    watch = inotify.OpenWatch(str(path))
    assert list(watch.events()) == []
    os.close(os.open(path, os.O_RDONLY))
    opened, closed = watch.events()
    assert opened & inotify.OPENED
    assert closed & inotify.CLOSED
    watch.close()


def test_the_watch_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        inotify.OpenWatch(str(tmp_path / "nothing"))


def test_a_client_that_comes_in_a_busy_turn_of_the_loop_gets_its_reply(link: Path) -> None:
    """One writes and closes, another opens and writes, all between the wait and the read."""
    reading, writing = os.pipe()

    async def work() -> None:
        loop = asyncio.get_running_loop()
        line = PseudoTerminal(str(link))
        clients: list[int] = []

        def busy() -> None:
            loop.remove_reader(reading)
            os.close(clients.pop())
            clients.append(open_client(link))
            os.write(clients[0], b"second")

        # ready in the same wait as the line, and before it
        loop.add_reader(reading, busy)
        receiver = Recorder()

        def answer(data: bytes) -> None:
            # The kernel may hand over both writes at once, or one after the other.
            if data.endswith(b"second"):
                line.write(b"reply")

        receiver.on_data = answer
        line.start(receiver)
        clients.append(open_client(link))
        await receiver.until(lambda: receiver.events == ["opened"])
        os.write(writing, b"x")
        os.write(clients[0], b"first")
        select.select([line._descriptor], [], [], 10)
        await receiver.until(lambda: receiver.received.endswith(b"second"))
        assert await read_exactly(clients[0], 5) == b"reply"
        assert receiver.events.count("opened") == 2
        os.close(clients.pop())
        await line.close()

    run(work())
    os.close(reading)
    os.close(writing)


def test_a_watch_has_news_at_once_and_no_others(link: Path) -> None:
    """In the main thread, where signals are attended to; elsewhere it always may have some."""
    link.touch()
    watches = [inotify.OpenWatch(str(link))]
    thread = threading.Thread(target=lambda: watches.append(inotify.OpenWatch(str(link))))
    thread.start()
    thread.join()
    try:
        assert [list(watch.events()) for watch in watches] == [[], []]
        assert [watch.has_news for watch in watches] == [False, True]
        os.close(os.open(link, os.O_RDONLY))
        assert [watch.has_news for watch in watches] == [True, True]
        assert [len(watch.events()) for watch in watches] == [2, 2]
        assert [watch.has_news for watch in watches] == [False, True]
    finally:
        for watch in watches:
            watch.close()
