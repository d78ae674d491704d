"""A device that goes and comes back: when it is looked for, what is told, what is given up.

Time is the test's own; folders, inotify and pseudo-terminals are real.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.services import replugged_line
from gateway.services.api_line import Line, LineRefused, UartSettings
from gateway.services.descriptor_line import (
    LineForbidden,
    LineMissing,
    LineOfKernel,
    LineUnavailable,
)
from gateway.services.replugged_line import PATIENCE_SECONDS, STEADY_SECONDS, Plug
from tests.fake_time import run
from tests.harness import FakeLine

STORED = UartSettings(baud=9600)
HOUR = 3600.0


class Device:
    """What opening meets: `obstacle` gives the error of this moment, None for none."""

    def __init__(self) -> None:
        self.obstacle: Callable[[float], Exception | None] = lambda now: None
        self.tries: list[float] = []

    def open(self, device: str, settings: UartSettings) -> Line:
        now = asyncio.get_running_loop().time()
        self.tries.append(now)
        if (error := self.obstacle(now)) is not None:
            raise error
        return FakeLine()


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    made = Device()
    monkeypatch.setattr(replugged_line, "open_line", made.open)
    return made


def lasting(error: Exception, seconds: float) -> Callable[[float], Exception | None]:
    """An obstacle that is away after so long."""
    return lambda now: error if now < seconds else None


def existing(path: Path) -> Callable[[float], Exception | None]:
    """No obstacle but that `path` is not there yet."""
    return lambda now: None if path.exists() else LineMissing(str(path))


async def opened_at(plug: Plug) -> float:
    """When the line is open."""
    await plug.reopened(STORED)
    return asyncio.get_running_loop().time()


def test_what_comes_into_a_folder_that_comes_later_is_seen_at_once(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replugged_line, "_FIRST_PAUSE", HOUR)
    monkeypatch.setattr(replugged_line, "_LAST_PAUSE", HOUR)
    path = tmp_path / "serial" / "by-id" / "adapter"
    device.obstacle = existing(path)

    async def life() -> None:
        opening = asyncio.ensure_future(opened_at(Plug(str(path))))
        for made in (path.parent.parent.mkdir, path.parent.mkdir, path.touch):
            await asyncio.sleep(1)
            made()
        assert await opening == pytest.approx(3.1)

    run(life())


def test_new_rights_are_seen_at_once(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replugged_line, "_FIRST_PAUSE", HOUR)
    path = tmp_path / "adapter"
    path.touch(0o600)
    forbidden = LineForbidden("permission denied")
    device.obstacle = lambda now: None if path.stat().st_mode & 0o020 else forbidden

    async def life() -> None:
        opening = asyncio.ensure_future(opened_at(Plug(str(path))))
        await asyncio.sleep(1)
        path.chmod(0o660)
        assert await opening == pytest.approx(1.1)

    run(life())


def test_a_symlink_is_followed_to_the_folder_where_its_target_comes(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replugged_line, "_FIRST_PAUSE", HOUR)
    path, target = tmp_path / "modem", tmp_path / "far" / "ttyUSB0"
    target.parent.mkdir()
    path.symlink_to(target)
    device.obstacle = existing(path)

    async def life() -> None:
        opening = asyncio.ensure_future(opened_at(Plug(str(path))))
        await asyncio.sleep(1)
        target.touch()
        assert await opening == pytest.approx(1.1)

    run(life())


def test_without_inotify_it_is_looked_for_now_and_then(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError("no more instances")

    monkeypatch.setattr(replugged_line, "ArrivalWatch", refuse)
    device.obstacle = lasting(LineMissing("missing"), HOUR)
    assert HOUR <= run(opened_at(Plug(str(tmp_path / "x")))) <= HOUR + 5
    assert len(device.tries) < HOUR / 5 + 10


def test_a_folder_in_which_much_happens_does_not_keep_it_busy(
    device: Device, tmp_path: Path
) -> None:
    device.obstacle = lasting(LineMissing("missing"), 2)

    async def life() -> None:
        opening = asyncio.ensure_future(opened_at(Plug(str(tmp_path / "x"))))
        while not opening.done():
            (tmp_path / "other").touch()
            (tmp_path / "other").unlink()
            await asyncio.sleep(0.01)
        assert await opening == pytest.approx(2, abs=0.2)

    run(life())
    assert 10 < len(device.tries) <= 21


def test_rights_that_udev_gives_a_moment_later_are_waited_for(
    device: Device, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    device.obstacle = lasting(LineForbidden("permission denied"), 0.1)
    with caplog.at_level(logging.INFO):
        assert run(opened_at(Plug(str(tmp_path / "x")))) < 0.5
    assert caplog.messages == [f"{tmp_path}/x is there"]


def test_rights_that_do_not_come_end_the_waiting(device: Device, tmp_path: Path) -> None:
    refusal = LineForbidden("permission denied")
    device.obstacle = lambda now: LineMissing("missing") if now < 100 else refusal

    async def life() -> None:
        with pytest.raises(LineForbidden) as raised:
            await opened_at(Plug(str(tmp_path / "x")))
        assert raised.value is refusal
        now = asyncio.get_running_loop().time()
        assert 100 + PATIENCE_SECONDS <= now <= 100 + 3 * PATIENCE_SECONDS

    run(life())


def test_the_kernels_console_is_not_waited_for(device: Device, tmp_path: Path) -> None:
    device.obstacle = lasting(LineOfKernel("the kernel's"), HOUR)
    with pytest.raises(LineOfKernel):
        run(opened_at(Plug(str(tmp_path / "x"))))
    assert device.tries == [0]


@pytest.mark.parametrize("error", [LineUnavailable("it is held"), LineRefused("it is held")])
def test_what_lasts_is_told_once_and_shown(
    device: Device, tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    device.obstacle = lasting(error, HOUR)
    plug = Plug("/dev/x")

    async def life() -> None:
        opening = asyncio.ensure_future(opened_at(plug))
        await asyncio.sleep(0.5)
        assert caplog.messages == []
        await asyncio.sleep(PATIENCE_SECONDS * 2)
        assert caplog.messages == ["it is held; waiting until it can be opened"]
        assert plug.status == "waiting for /dev/x: it is held"
        await opening

    run(life())
    assert len(caplog.messages) == 1


def test_a_loss_is_told_once_and_what_is_missing_not_again(
    device: Device, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = str(tmp_path / "ttyUSB0")

    async def life() -> None:
        plug = Plug(path)
        plug.open(STORED)
        await asyncio.sleep(HOUR)
        device.obstacle = lasting(LineMissing("missing"), 2 * HOUR)
        plug.lost()
        await opened_at(plug)

    with caplog.at_level(logging.INFO):
        run(life())
    assert caplog.messages == [
        f"{path} is gone (unplugged?): links and servers are closed; waiting until it is back",
        f"{path} is there",
    ]


def test_a_device_that_comes_and_goes_is_waited_for_longer_and_longer(
    device: Device, tmp_path: Path
) -> None:
    async def life() -> list[float]:
        loop = asyncio.get_running_loop()
        plug = Plug(str(tmp_path / "x"))
        plug.open(STORED)
        rests = []
        for steady in (False,) * 6 + (True, False):
            await asyncio.sleep(STEADY_SECONDS if steady else 0.01)
            plug.lost()
            begun = loop.time()
            rests.append(await opened_at(plug) - begun)
        return rests

    assert run(life()) == pytest.approx([0.5, 1, 2, 4, 5, 5, 0, 0.5])


def test_settings_that_it_refuses_are_left_for_the_usual_ones(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried = []

    def open_line(device: str, settings: UartSettings) -> Line:
        tried.append(settings)
        if settings == STORED:
            raise LineRefused("9600 baud")
        return FakeLine()

    async def life() -> None:
        Plug("/dev/x").open(STORED)

    monkeypatch.setattr(replugged_line, "open_line", open_line)
    run(life())
    assert tried == [STORED, UartSettings()]
    assert caplog.messages == ["the stored UART settings are refused (9600 baud); using 115200 8N1"]


@pytest.mark.parametrize(
    ("device_name", "may_return"),
    [
        ("/dev/ttyUSB0", True),
        ("/dev/serial/by-id/usb-FTDI", True),
        ("/tmp/modem", True),
        ("pty:/tmp/esp", False),
        ("/dev/pts/7", False),
    ],
)
def test_who_may_return(device_name: str, may_return: bool) -> None:
    assert Plug(device_name).may_return is may_return


@pytest.fixture
def terminals() -> Iterator[Callable[[], str]]:
    """Names of new pseudo-terminals, which stay open until the end."""
    descriptors: list[int] = []

    def make() -> str:
        descriptors.extend(os.openpty())
        return os.ttyname(descriptors[-1])

    yield make
    for descriptor in descriptors:
        os.close(descriptor)


def test_a_symlink_that_was_left_behind_is_not_followed_to_anybodys_terminal(
    tmp_path: Path, terminals: Callable[[], str]
) -> None:
    path = tmp_path / "modem"
    path.symlink_to(terminals())

    async def life() -> None:
        plug = Plug(str(path))
        await plug.open(STORED).close()
        plug.lost()
        opening = asyncio.ensure_future(plug.reopened(STORED))
        await asyncio.sleep(60)
        assert not opening.done()
        (tmp_path / "new").symlink_to(terminals())
        (tmp_path / "new").replace(path)
        await (await opening).close()

    run(life())
