"""A stored file with anything anywhere in it: what is loaded can be used, all else is set aside."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.at.errors import ATError
from gateway.at.params import IPv4, MacAddress, Netmask
from gateway.at.table import Command
from gateway.commands import all_commands
from gateway.commands.call import address_from
from gateway.services.api import Address, Credentials, Interface, Wanted
from gateway.services.api_line import UartSettings
from gateway.services.api_ranges import is_password
from gateway.services.api_settings import Settings, SettingsError
from gateway.services.network.ip_settings import Ipv4, ipv4_setting
from gateway.services.settings import StoredSettings, _encode, parse
from gateway.services.settings_checks import check
from gateway.services.uart import SerialLine
from tests.services.stored import FULL, file_of

STORED = json.dumps({"version": 1, "settings": _encode(FULL)})

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 300)
    | st.integers()
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(["255.255.255.0", "0.0.0.0", "02:00:00:00:00:01", "secret-pass", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Every list and object in it, with each of its keys."""
    keys = list(content) if isinstance(content, dict) else list(range(len(content)))
    for key in keys:
        yield content, key
        if isinstance(content[key], dict | list):
            yield from places(content[key])


@st.composite
def mutated_files(draw: st.DrawFn) -> str:
    """The text of a file with a few values changed, removed or added."""
    content: Any = json.loads(STORED)
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(content))
        if not found:
            break
        where, key = draw(st.sampled_from(found))
        kind = draw(st.sampled_from(["change", "change", "change", "remove", "add"]))
        if kind == "remove":
            del where[key]
        elif kind == "add" and isinstance(where, dict):
            where[draw(st.sampled_from(["_whole", "baud"]) | st.text(max_size=8))] = draw(ANYTHING)
        else:
            where[key] = draw(ANYTHING)
    return json.dumps(content)


def use(settings: Settings) -> None:
    """What a start does with them."""
    assert "secret" not in str(settings)
    for uart in filter(None, [settings.uart]):
        assert str(uart)
        assert SerialLine.seconds(_port_at(uart), 1) > 0
    wanted = Wanted(
        station_dhcp=settings.station_dhcp,
        station_address=settings.station_address,
        ethernet_dhcp=settings.ethernet_dhcp,
        ethernet_address=settings.ethernet_address,
        dns=settings.dns,
    )
    for which in (Interface.STATION, Interface.ETHERNET):
        assert ipv4_setting(Ipv4.of(wanted, which), None)
    assert len(bytes.fromhex((settings.station_mac or ":".join(["00"] * 6)).replace(":", ""))) == 6


def _port_at(uart: UartSettings) -> Any:
    class Port:
        _port, _settings = object(), uart

    return Port()


@given(mutated_files())
def test_whatever_a_file_holds_is_used_or_set_aside(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        file_of(directory).write_text(text)
        loaded = StoredSettings(directory).stored
        (left,) = directory.iterdir()
        if left.name == "settings.json":
            use(loaded)
            assert parse(json.dumps({"version": 1, "settings": _encode(loaded)})) == loaded
        else:
            assert left.name == "settings.json.bad"
            assert loaded == Settings()
        assert left.read_text() == text


def converted(kind: Any, text: str) -> Any:
    """What a command is given for a quoted text, None for a refusal."""
    try:
        return kind.convert(f'"{text}"'.encode("latin-1"))
    except ATError:
        return None


OCTETS = st.sampled_from([0, 1, 128, 192, 224, 254, 255])
DOTTED = st.tuples(OCTETS, OCTETS, OCTETS, OCTETS).map(lambda four: ".".join(map(str, four)))


@given(DOTTED, DOTTED, DOTTED)
def test_every_address_that_a_command_takes_can_be_stored(
    ip: str, gateway: str, netmask: str
) -> None:
    taken = (
        converted(IPv4("ip"), ip),
        converted(IPv4("gateway", unspecified=True), gateway),
        converted(Netmask(), netmask),
    )
    if None not in taken:
        check(Settings(station_address=address_from(*taken), dns=(taken[0], taken[0])))
    else:
        with pytest.raises(ValueError, match="allowed is"):
            check(Settings(softap_address=Address(ip, gateway, netmask)))


@given(st.binary(min_size=6, max_size=6))
def test_every_mac_that_a_command_takes_can_be_stored(mac: bytes) -> None:
    text = mac.hex(":")
    taken = converted(MacAddress("mac"), text.upper())
    if taken is not None:
        check(Settings(station_mac=taken, softap_mac=taken, ethernet_mac=taken))
    else:
        with pytest.raises(ValueError, match="one station"):
            check(Settings(ethernet_mac=text))
    check(Settings(access_point=Credentials(b"a", bssid=text)))


@pytest.mark.parametrize(
    ("password", "is_one"),
    [
        (b"", True),
        (b"1234567", False),
        (b"12345678", True),
        (b"\xff" * 63, True),
        (b"aF" * 32, True),
        (b"aF" * 31 + b"ag", False),
        (b"a" * 65, False),
    ],
)
def test_what_a_password_can_be(password: bytes, is_one: bool) -> None:
    assert is_password(password) is is_one


@pytest.mark.parametrize("spelling", ["AT+UART=", "AT+UART_CUR=", "AT+UART_DEF="])
def test_a_line_takes_all_that_its_command_takes(spelling: str) -> None:
    (command,) = (one for one in all_commands() if one.spelling == spelling)
    for place, name in enumerate(("baud", "data_bits", "stop_bits", "parity", "flow")):
        for number in (*range(-1, 12), 109, 110, 4_000_000, 4_000_001):
            made = taken(command, place, number)
            if made is None:
                with pytest.raises(ValueError, match=f"{name} is"):
                    UartSettings(**{name: number})
            else:
                assert str(UartSettings(**{name: made}))


def taken(command: Command, place: int, number: int) -> int | None:
    """What the command makes of one of its arguments, None for a refusal."""
    try:
        return int(command.parameters[place].convert(str(number).encode()))
    except ATError:
        return None


def test_what_could_not_be_loaded_again_is_not_stored(tmp_path: Path) -> None:
    """As an address that a host has leased with a mask of no bits."""

    async def main() -> None:
        book = StoredSettings(tmp_path)
        await book.default.change(mode=3)
        leased = Address("10.0.0.2", "0.0.0.0", "0.0.0.0")
        with pytest.raises(SettingsError, match=r"station_address\.netmask"):
            await book.default.change(station_address=leased)
        assert book.in_force == book.stored == StoredSettings(tmp_path).stored == Settings(mode=3)
        await book.current.change(station_address=leased)

    asyncio.run(main())
