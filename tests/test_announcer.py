"""What is said unasked, and when: a session's news, derived from the state of its links."""

from __future__ import annotations

import pytest

from gateway.services.api import AccessPoint, Address, Encryption, Ethernet, Interface, Station
from tests.announcer_room import Room, in_room
from tests.session_parts import written


@pytest.mark.parametrize(
    ("multiplexing", "shown", "message"),
    [
        (False, False, "⏎+IPD,5:hello"),
        (True, False, "⏎+IPD,3,5:hello"),
        (False, True, "⏎+IPD,5,10.0.0.9,80:hello"),
        (True, True, "⏎+IPD,3,5,10.0.0.9,80:hello"),
    ],
)
def test_data_comes_with_its_header_in_one_write(
    multiplexing: bool, shown: bool, message: str
) -> None:
    def work(room: Room) -> None:
        room.gateway.volatile.multiplexing = multiplexing
        room.gateway.volatile.source_shown = shown
        room.announcer.link_changed(room.link(3, b"hello"))
        assert room.line.writes == [written(message)]

    in_room(work)


def test_segments_are_of_1460_bytes_and_links_take_turns() -> None:
    def work(room: Room) -> None:
        room.gateway.volatile.multiplexing = True
        room.outbox.hold()
        room.announcer.link_changed(room.link(0, b"a" * 2000))
        room.announcer.link_changed(room.link(2, b"b" * 1461))
        room.outbox.release()
        room.announcer.pump()
        assert room.said() == b"".join(
            [
                b"\r\n+IPD,0,1460:" + b"a" * 1460,
                b"\r\n+IPD,2,1460:" + b"b" * 1460,
                b"\r\n+IPD,0,540:" + b"a" * 540,
                b"\r\n+IPD,2,1:b",
            ]
        )

    in_room(work)


def test_a_line_that_takes_everything_at_once_gets_everything() -> None:
    def work(room: Room) -> None:
        room.gateway.volatile.multiplexing = True
        room.outbox.hold()
        links = [room.link(slot, bytes([97 + slot]) * 16384) for slot in range(5)]
        for link in links:
            room.announcer.link_changed(link)
        room.outbox.release()
        room.announcer.pump()
        assert [link.waiting for link in links] == [0] * 5
        assert [room.line.output.count(97 + slot) for slot in range(5)] == [16384] * 5

    in_room(work)


def test_closed_comes_once_and_behind_the_data_even_if_the_line_is_full() -> None:
    def work(room: Room) -> None:
        room.line.slow = True
        link = room.link(0, b"x" * 40000, ended=True)
        room.announcer.link_changed(link)
        assert link.waiting
        assert b"CLOSED" not in room.line.output
        while link.waiting:
            room.line._buffered = 0
            room.announcer.pump()
        assert room.line.output.endswith(b"xCLOSED\r\n")
        room.announcer.pump()
        room.announcer.link_changed(link)
        assert room.line.output.count(b"CLOSED") == 1
        assert room.links[0] is None

    in_room(work)


def test_an_accepted_link_is_said_before_its_data_and_its_end() -> None:
    def work(room: Room) -> None:
        room.gateway.volatile.multiplexing = True
        room.outbox.hold()
        link = room.link(1, b"early")
        room.announcer.link_accepted(link)
        link.ended = True
        room.announcer.link_changed(link)
        assert room.said() == b""
        room.outbox.release()
        room.announcer.pump()
        assert room.said() == written("1,CONNECT⏎⏎+IPD,1,5:early1,CLOSED⏎")

    in_room(work)


def test_passive_data_is_said_when_more_comes_and_not_otherwise() -> None:
    def work(room: Room) -> None:
        room.gateway.volatile.passive = True
        link = room.link(0, b"12345")
        room.announcer.link_changed(link)
        assert room.said() == written("⏎+IPD,5⏎")
        room.announcer.pump()
        assert room.said() == b""
        link.data += b"678"
        room.announcer.link_changed(link)
        assert room.said() == written("⏎+IPD,8⏎")
        link.ended = True
        room.announcer.link_changed(link)
        assert room.said() == b""
        link.take(8)
        room.announcer.pump()
        assert room.said() == written("CLOSED⏎")

    in_room(work)


def test_passive_data_that_comes_behind_a_prompt_is_said_once_with_its_total() -> None:
    def work(room: Room) -> None:
        room.gateway.volatile.passive = True
        room.outbox.hold()
        link = room.link(0)
        for _ in range(3):
            link.data += b"ab"
            room.announcer.link_changed(link)
        room.outbox.release()
        room.announcer.pump()
        assert room.said() == written("⏎+IPD,6⏎")

    in_room(work)


def test_a_link_that_a_command_closes_is_not_said() -> None:
    def work(room: Room) -> None:
        room.gateway.volatile.multiplexing = True
        room.outbox.hold()
        link = room.link(0, b"data", ended=True)
        room.announcer.link_accepted(link)
        room.announcer.close(link)
        room.outbox.release()
        room.announcer.pump()
        assert room.said() == b""

    in_room(work)


def test_links_over_an_interface_are_closed_and_said_at_once() -> None:
    def work(room: Room) -> None:
        room.gateway.volatile.multiplexing = True
        room.link(0)
        room.link(1).interface = Interface.ETHERNET
        room.link(4, b"unread")
        room.announcer.close_over(Interface.STATION)
        assert room.said() == written("0,CLOSED⏎4,CLOSED⏎")
        assert list(room.links.slots) == [1]

    in_room(work)


def test_pass_through_writes_the_link_bare_and_nothing_else() -> None:
    ends: list[str] = []

    def work(room: Room) -> None:
        link = room.link(0, b"one")
        room.announcer.write_through(link, lambda: ends.append("end"))
        room.announcer.station_lost()
        room.announcer.ethernet_got_address("10.0.0.1")
        link.data += b"two"
        link.ended = True
        room.announcer.link_changed(link)
        assert room.said() == b"onetwo"
        assert ends == ["end"]
        room.announcer.write_framed()
        room.announcer.station_lost()
        assert room.said() == written("WIFI DISCONNECT⏎")

    in_room(work)


def test_behind_pass_through_data_is_framed_again() -> None:
    def work(room: Room) -> None:
        link = room.link(0)
        room.announcer.write_through(link, lambda: None)
        room.announcer.write_framed()
        link.data += b"three"
        room.announcer.link_changed(link)
        assert room.said() == written("⏎+IPD,5:three")

    in_room(work)


ADDRESS = Address("10.0.0.2", "10.0.0.1", "255.255.255.0")
POINT = AccessPoint(b"a", "02:a7:0d:5e:00:20", 1, -50, Encryption.OPEN)


@pytest.mark.parametrize(
    ("station", "ethernet", "said"),
    [
        (Station("m"), None, ""),
        (Station("m", POINT), None, "WIFI CONNECTED⏎"),
        (Station("m", POINT, ADDRESS), None, "WIFI CONNECTED⏎WIFI GOT IP⏎"),
        (Station("m"), Ethernet("e"), ""),
        (Station("m"), Ethernet("e", True), "+ETH_CONNECTED⏎"),
        (
            Station("m", POINT, ADDRESS),
            Ethernet("e", True, ADDRESS),
            "+ETH_CONNECTED⏎+ETH_GOT_IP:10.0.0.2⏎WIFI CONNECTED⏎WIFI GOT IP⏎",
        ),
    ],
)
def test_the_present_state_is_said_anew(
    station: Station, ethernet: Ethernet | None, said: str
) -> None:
    def work(room: Room) -> None:
        room.network.station = station
        room.network.ethernet = ethernet
        room.announcer.say_present_state()
        assert room.said() == written(said)

    in_room(work)


def test_news_of_the_network_in_their_words() -> None:
    def work(room: Room) -> None:
        announcer = room.announcer
        announcer.station_connected()
        announcer.station_got_address()
        announcer.station_lost()
        announcer.ethernet_connected()
        announcer.ethernet_got_address("10.0.0.2")
        announcer.ethernet_lost()
        assert room.line.writes == [
            written(f"{text}⏎")
            for text in (
                "WIFI CONNECTED",
                "WIFI GOT IP",
                "WIFI DISCONNECT",
                "+ETH_CONNECTED",
                "+ETH_GOT_IP:10.0.0.2",
                "+ETH_DISCONNECTED",
            )
        ]

    in_room(work)


def test_a_client_that_could_not_be_told_of_yet_is_not_told_of_as_closed_alone() -> None:
    def work(room: Room) -> None:
        room.gateway.volatile.multiplexing = True
        room.outbox.hold()
        room.announcer.link_accepted(room.link(2))
        room.announcer.close_over(Interface.STATION)
        room.outbox.release()
        assert room.said() == b"2,CONNECT\r\n2,CLOSED\r\n"

    in_room(work)
