"""The soak finds what it is there to find: in a gateway that was broken on purpose."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.endurance.soak import links as links_module
from tests.endurance.soak import patience
from tests.endurance.soak.conversation import Reply
from tests.endurance.soak.dialogue import Data, Dialogue, Message, Prompt, Taken, Text, Waiting
from tests.endurance.soak.links import Links
from tests.endurance.soak.slots import Link
from tests.endurance.soak.streams import Arriving, Stream, Wrong
from tests.endurance.soak.talk import Plan, Talk
from tests.endurance.soak.trend import trend
from tests.system.gateway_process import ROOT

LOST = """
    data = take(self, limit)
    return data[:-1] if self.received > 20000 and len(data) > 1 else data
SocketLink.take = broken
"""
DOUBLED = """
    data = take(self, limit)
    return data + data[-100:] if self.received > 20000 else data
SocketLink.take = broken
"""
SWAPPED = """
    if len(limit) > 1 and self.sent > 4000:
        limit = limit[1::-1] + limit[2:]
    return send(self, limit)
SocketLink.send_at_once = broken
"""
LEFT_OPEN = """
    left.append(os.open("/dev/null", os.O_RDONLY))
    return release(self, abort=abort)
SocketLink.release = broken
"""
BREAK = """
import os
from gateway.services.link import SocketLink
take, send, release, left = SocketLink.take, SocketLink.send_at_once, SocketLink.release, []
def broken(self, limit=b"", abort=False):
"""


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (LOST, "1 bytes are missing"),
        (DOUBLED, "comes again"),
        (SWAPPED, "wrong from byte"),
        (LEFT_OPEN, "descriptors at rest"),
    ],
    ids=["lost", "doubled", "swapped", "left open"],
)
def test_a_broken_gateway_is_found_out(broken: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(BREAK + broken, encoding="utf-8")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.endurance.soak"),
            *("--minutes", "1", "--rig", "plain", "--seed", "1"),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    (wrong,) = [line for line in done.stdout.splitlines() if line.startswith("WRONG: ")][:1]
    assert said in wrong


def test_the_first_wrong_byte_is_named() -> None:
    data = Stream("s").part(0, 20000)
    for came, said in (
        (data[:7000] + data[7001:9000], "byte 7000 on; 1 bytes are missing"),
        (data[:7000] + data[6000:9000], "byte 7000 on; the byte 6000 comes again"),
        (data[:7000] + b"?" * 100, "byte 7000 on; and what came is none of the stream's"),
    ):
        arriving = Arriving("s")
        arriving.feed(came[:5000])
        with pytest.raises(Wrong, match=said):
            arriving.feed(came[5000:])
        assert arriving.count == 5000


def test_totals_are_judged_by_how_the_link_ended() -> None:
    talk = Talk(0, 1, Plan("echo"))
    talk.sent_up = talk.sent_down = 100
    talk.up.feed(talk.up_stream.part(0, 100))
    talk.receive(talk.down_stream.part(0, 99))
    assert talk.verdict() == "100 bytes were sent, and 99 received"
    talk.excuse()
    assert talk.verdict() is None
    talk.sent_down = 98
    assert talk.verdict() == "99 bytes were received of 98 sent"


def _links(monkeypatch: pytest.MonkeyPatch, *, disturbed: bool) -> Links:
    """Links that wait for nothing, of a microcontroller whose closing is answered by CLOSED."""
    monkeypatch.setattr(links_module, "FAR_END_WITHIN", 0)
    monkeypatch.setattr(patience, "PROGRESS_WITHIN", 0)
    links = Links(pytest.fail, lambda *_: disturbed, lost="", back="")

    async def ask_then(line: Callable[[], str | None]) -> Reply | None:
        assert line() == "AT+CIPCLOSE=0"
        links.link_closed(0)
        return None

    links.mcu = SimpleNamespace(ask_then=ask_then)  # type: ignore[assignment]
    return links


async def _far_end_that_listens(links: Links) -> Talk:
    """A link that is closed, and a far end that has not heard of it."""
    talk = Talk(0, 1, Plan("sink", up=100))
    talk.sent_up = 100
    talk.far_end = asyncio.ensure_future(asyncio.Event().wait())  # type: ignore[arg-type]
    try:
        await links.over(talk, "in order", 0.0)
    finally:
        talk.far_end.cancel()
        await asyncio.wait((talk.far_end,))
    return talk


def test_a_far_end_that_never_hears_of_the_closing_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(Wrong, match=r"link 1 \(sink, in order\) is closed, its far end is not"):
        asyncio.run(_far_end_that_listens(_links(monkeypatch, disturbed=False)))


def test_unless_the_network_has_lost_it(monkeypatch: pytest.MonkeyPatch) -> None:
    links = _links(monkeypatch, disturbed=True)
    talk = asyncio.run(_far_end_that_listens(links))
    assert talk.far_end is not None
    assert talk.far_end.cancelled()
    assert links.half_open == {"far end": 1}


async def _far_end_that_is_gone(links: Links, *, gone: bool) -> Link:
    """A link of which the gateway has nothing to tell, and its far end has ended, or not."""
    talk = Talk(0, 1, Plan("reset", down=100))
    talk.far_end = asyncio.ensure_future(asyncio.Event().wait())  # type: ignore[arg-type]
    if gone:
        talk.far_end.cancel()
        await asyncio.wait((talk.far_end,))
    link = Link(0, talk)
    link.opened = True
    links._slots[0] = link
    try:
        await links.closed(link, talk)
    finally:
        talk.far_end.cancel()
        await asyncio.wait((talk.far_end,))
    return link


@pytest.mark.parametrize(("disturbed", "gone"), [(False, True), (True, False)])
def test_a_link_of_which_nothing_is_heard_is_wrong(
    disturbed: bool, gone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Wrong, match=r"nothing happens to link 1 \(reset\)"):
        asyncio.run(_far_end_that_is_gone(_links(monkeypatch, disturbed=disturbed), gone=gone))


def test_unless_the_network_has_lost_the_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    links = _links(monkeypatch, disturbed=True)
    link = asyncio.run(_far_end_that_is_gone(links, gone=True))
    assert link.closed
    assert link.talk is not None
    assert link.talk.down_excused
    assert links.half_open == {"microcontroller": 1}


def test_messages_are_the_same_however_the_bytes_were_cut() -> None:
    said = (
        b'+CWLAP:(3,"a>b",-40)\r\n\r\nOK\r\n\r\n+IPD,3,5:\r\n> x0,CLOSED\r\n\r\n+IPD,1,17\r\n'
        b"\r\n+IPD,0,2,10.0.0.1,80:hi\r\n+CIPRECVDATA,3:abc\r\nOK\r\n\r\nOK\r\n> "
    )
    expected: list[Message] = [
        *(Text(b'+CWLAP:(3,"a>b",-40)'), Text(b"OK"), Data(3, b"\r\n> x"), Text(b"0,CLOSED")),
        *(Waiting(1, 17), Data(0, b"hi"), Taken(b"abc"), Text(b"OK"), Text(b"OK"), Prompt()),
    ]
    for size in (1, 2, 3, 7, len(said)):
        dialogue, heard = Dialogue(), []
        dialogue.prompt = b"> "
        for start in range(0, len(said), size):
            dialogue.feed(said[start : start + size])
            while (message := dialogue.next()) is not None:
                heard.append(message)
        assert heard == expected


def test_growth_is_told_from_noise() -> None:
    noise = [float(each) for each in (3, -2, 1, -3, 2, 0, -1, 3, -3, 1)]
    flat = trend([(60.0 * at, 1000 + each) for at, each in enumerate(noise)])
    growing = trend([(60.0 * at, 1000 + 10 * at + each) for at, each in enumerate(noise)])
    assert flat is not None
    assert growing is not None
    assert not flat.grows(0)
    assert growing.grows(80)
    assert not growing.grows(100)
    assert growing.slope == pytest.approx(600, abs=3 * growing.error)
    assert trend([(0.0, 1.0), (1.0, 2.0)]) is None
