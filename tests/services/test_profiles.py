"""The profiles that NetworkManager is given, and what is changed on a live connection."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.services.api import (
    Address,
    Credentials,
    Encryption,
    Interface,
    JoinError,
    SoftApSettings,
    Wanted,
)
from gateway.services.network.manager import Profile
from gateway.services.network.profiles import (
    MARK,
    ORIGIN,
    Identity,
    KeyManagement,
    ethernet_profile,
    identity_of,
    is_marked,
    softap_profile,
    station_profile,
    with_ipv4,
)
from tests.services.fake_profiles import check

UUID = "6c0b8f3e-43d6-4a42-9c5e-3d2a0a0f5b11"
WHO = Identity(UUID, "ESP gateway: test")
HOME = Credentials(b"home", b"password")
FIXED = Address("192.168.7.5", "192.168.7.1", "255.255.240.0")
MAC = "b8:27:eb:12:34:56"
SOFTAP = SoftApSettings(b"pi", b"password", 6, Encryption.WPA2)


def values(profile: Profile, setting: str) -> dict[str, Any]:
    """The values of a setting, variants unwrapped, of what NetworkManager would not refuse."""
    check(profile)
    return {key: unwrapped(value) for key, (_signature, value) in profile[setting].items()}


def unwrapped(value: Any) -> Any:
    if isinstance(value, list):
        return [unwrapped(item) for item in value]
    if isinstance(value, dict):
        return {key: unwrapped(pair[1]) for key, pair in value.items()}
    return value


def station(
    credentials: Credentials = HOME,
    security: KeyManagement = KeyManagement.WPA_PSK,
    wanted: Wanted | None = None,
    **options: Any,
) -> Profile:
    chosen = {"hidden": False, "autoconnect": True, "mac": MAC, **options}
    return station_profile(WHO, "wlan0", credentials, security, wanted or Wanted(), **chosen)


class TestIdentity:
    @pytest.mark.parametrize(
        ("which", "ssid", "name"),
        [
            (Interface.STATION, "café, 2".encode(), "ESP gateway: café, 2"),
            (Interface.STATION, b"a\xff\n\x00", "ESP gateway: a\\xff\\n\\x00"),
            (Interface.SOFTAP, b"pi", "ESP gateway: access point pi"),
            (Interface.ETHERNET, b"", "ESP gateway: Ethernet"),
        ],
    )
    def test_an_owner_sees_in_nmcli_whose_it_is(
        self, which: Interface, ssid: bytes, name: str
    ) -> None:
        assert identity_of(UUID, which, ssid) == Identity(UUID, name)

    def test_the_connection_is_bound_and_gives_way(self) -> None:
        assert values(station(autoconnect=False), "connection") == {
            "id": WHO.name,
            "uuid": UUID,
            "type": "802-11-wireless",
            "interface-name": "wlan0",
            "autoconnect": False,
            "autoconnect-priority": -10,
        }

    @pytest.mark.parametrize(
        ("settings", "marked"),
        [
            ({"user": {"data": {MARK: "station"}}}, True),
            ({"user": {"data": {"some.other": "station"}}}, False),
            ({"user": {"data": [MARK]}}, False),
            ({"user": {}}, False),
            ({}, False),
        ],
    )
    def test_the_mark_is_seen(self, settings: Any, marked: bool) -> None:
        assert is_marked(settings) is marked

    def test_every_profile_bears_it(self) -> None:
        for profile, which in (
            (station(), "station"),
            (ethernet_profile(WHO, "eth0", Wanted()), "ethernet"),
            (softap_profile(WHO, "ap0", SOFTAP, Wanted(), share_uplink=False), "softap"),
        ):
            assert profile["user"]["data"] == ("a{ss}", {MARK: which, ORIGIN: "esp-at-gateway"})


class TestStation:
    def test_an_access_point_is_joined_by_its_bytes(self) -> None:
        ssid = b',"\\\xff' + "ä".encode() + bytes(26)
        assert values(station(Credentials(ssid, b"password")), "802-11-wireless") == {
            "ssid": ssid,
            "mode": "infrastructure",
            "hidden": False,
        }

    def test_a_bssid_is_pinned_and_a_mac_assigned(self) -> None:
        credentials = Credentials(b"home", b"password", "06:00:ab:cd:ef:01")
        made = station(credentials, wanted=Wanted(station_mac=MAC), hidden=True)
        assert made["802-11-wireless"]["bssid"] == ("ay", b"\x06\x00\xab\xcd\xef\x01")
        assert made["802-11-wireless"]["assigned-mac-address"] == ("s", MAC)
        assert made["802-11-wireless"]["hidden"] == ("b", True)

    @pytest.mark.parametrize("security", [KeyManagement.WPA_PSK, KeyManagement.SAE])
    @pytest.mark.parametrize("password", [b'pass,"\\word', b"0" * 64, "pässwort".encode()])
    def test_a_password_is_handed_over_whole(
        self, security: KeyManagement, password: bytes
    ) -> None:
        made = station(Credentials(b"home", password), security)
        assert values(made, "802-11-wireless-security") == {
            "key-mgmt": security.value,
            "psk": password.decode(),
            "psk-flags": 0,
        }

    def test_without_a_password_there_is_none(self) -> None:
        assert "802-11-wireless-security" not in station(security=KeyManagement.NONE)
        enhanced = station(security=KeyManagement.ENHANCED_OPEN)
        assert values(enhanced, "802-11-wireless-security") == {"key-mgmt": "owe"}

    def test_a_password_that_is_no_text_is_refused(self) -> None:
        with pytest.raises(JoinError, match="UTF-8"):
            station(Credentials(b"home", b"passw\xf6rd"))


class TestAddresses:
    def test_dhcp_tells_the_name_of_an_esp(self) -> None:
        assert values(station(), "ipv4") == {
            "method": "auto",
            "may-fail": False,
            "dhcp-hostname": "ESP-123456",
            "dhcp-send-hostname": True,
        }
        assert values(station(), "ipv6") == {"method": "auto", "may-fail": True}

    def test_the_name_follows_the_mac_that_is_asked(self) -> None:
        other = station(wanted=Wanted(station_mac="02:00:00:ab:cd:ef"))
        assert values(other, "ipv4")["dhcp-hostname"] == "ESP-ABCDEF"

    def test_a_name_that_is_asked(self) -> None:
        wanted = Wanted(station_host_name="garden", ethernet_host_name="cellar")
        assert values(station(wanted=wanted), "ipv4")["dhcp-hostname"] == "garden"
        ethernet = ethernet_profile(WHO, "eth0", wanted, mac=MAC)
        assert values(ethernet, "ipv4")["dhcp-hostname"] == "cellar"

    def test_a_fixed_address(self) -> None:
        wanted = Wanted(station_dhcp=False, station_address=FIXED)
        made = values(station(wanted=wanted, mac=None), "ipv4")
        assert made == {
            "method": "manual",
            "may-fail": False,
            "address-data": [{"address": "192.168.7.5", "prefix": 20}],
            "gateway": "192.168.7.1",
        }

    def test_without_a_gateway_there_is_none(self) -> None:
        lonely = Address("10.0.0.5", "0.0.0.0", "255.0.0.0")
        made = station(wanted=Wanted(station_dhcp=False, station_address=lonely))
        assert "gateway" not in made["ipv4"]

    @pytest.mark.parametrize(
        "wanted", [Wanted(station_dhcp=False), Wanted(station_dhcp=True, station_address=FIXED)]
    )
    def test_an_address_that_is_not_in_force_is_leased(self, wanted: Wanted) -> None:
        assert values(station(wanted=wanted), "ipv4")["method"] == "auto"

    def test_name_servers_are_asked_alone(self) -> None:
        made = station(wanted=Wanted(dns=("9.9.9.9", "1.1.1.1")))
        assert values(made, "ipv4")["dns-data"] == ["9.9.9.9", "1.1.1.1"]
        assert made["ipv4"]["ignore-auto-dns"] == ("b", True)
        assert made["ipv6"]["ignore-auto-dns"] == ("b", True)

    def test_ethernet_has_its_own(self) -> None:
        wanted = Wanted(
            ethernet_dhcp=False, ethernet_address=FIXED, ethernet_mac=MAC, station_mac="x"
        )
        made = ethernet_profile(WHO, "eth0", wanted, autoconnect=False)
        assert values(made, "connection")["type"] == "802-3-ethernet"
        assert values(made, "connection")["autoconnect"] is False
        assert values(made, "802-3-ethernet") == {"assigned-mac-address": MAC}
        assert values(made, "ipv4")["method"] == "manual"
        assert values(made, "ipv4")["dhcp-hostname"] == "ESP-123456"


class TestSoftAp:
    def test_wpa2_alone(self) -> None:
        made = softap_profile(WHO, "ap0", SOFTAP, Wanted(), share_uplink=True)
        assert values(made, "connection")["autoconnect"] is False
        assert values(made, "802-11-wireless") == {
            "ssid": b"pi",
            "mode": "ap",
            "band": "bg",
            "channel": 6,
            "hidden": False,
        }
        assert values(made, "802-11-wireless-security") == {
            "key-mgmt": "wpa-psk",
            "psk": "password",
            "psk-flags": 0,
            "proto": ["rsn"],
            "pairwise": ["ccmp"],
            "group": ["ccmp"],
            "pmf": 1,
        }
        assert values(made, "ipv6") == {"method": "disabled"}

    @pytest.mark.parametrize("encryption", [Encryption.WPA, Encryption.WPA_WPA2])
    def test_wpa_as_well_where_it_was_asked(self, encryption: Encryption) -> None:
        softap = SoftApSettings(b"pi", b"password", 6, encryption)
        made = softap_profile(WHO, "ap0", softap, Wanted(), share_uplink=True)
        security = values(made, "802-11-wireless-security")
        assert security["proto"] == ["wpa", "rsn"]
        assert security["pairwise"] == ["tkip", "ccmp"]

    @pytest.mark.parametrize("encryption", [Encryption.OPEN, Encryption.WPA2])
    def test_open_without_a_password(self, encryption: Encryption) -> None:
        softap = SoftApSettings(b"pi", b"", 6, encryption, hidden=True)
        made = softap_profile(WHO, "ap0", softap, Wanted(softap_mac=MAC), share_uplink=True)
        assert "802-11-wireless-security" not in made
        assert made["802-11-wireless"]["hidden"] == ("b", True)
        assert made["802-11-wireless"]["assigned-mac-address"] == ("s", MAC)

    @pytest.mark.parametrize(("dhcp", "method"), [(True, "shared"), (False, "manual")])
    def test_its_clients_get_addresses_unless_dhcp_is_off(self, dhcp: bool, method: str) -> None:
        wanted = Wanted(softap_dhcp=dhcp)
        made = softap_profile(WHO, "ap0", SOFTAP, wanted, share_uplink=True)
        assert values(made, "ipv4") == {
            "method": method,
            "address-data": [{"address": "192.168.4.1", "prefix": 24}],
            "never-default": True,
        }

    def test_its_address_can_be_another(self) -> None:
        wanted = Wanted(softap_address=Address("10.9.0.1", "10.9.0.1", "255.255.0.0"))
        made = softap_profile(WHO, "ap0", SOFTAP, wanted, share_uplink=True)
        assert values(made, "ipv4")["address-data"] == [{"address": "10.9.0.1", "prefix": 16}]

    def test_its_clients_reach_nothing_behind_it(self) -> None:
        made = softap_profile(WHO, "ap0", SOFTAP, Wanted(), share_uplink=False)
        assert values(made, "ipv4")["routing-rules"] == [
            {"family": 2, "priority": 10, "iifname": "ap0", "action": 8}
        ]


# What GetAppliedConnection gave of a profile that nmcli had made, 1.42.
OWNERS: Profile = {
    "connection": {"id": ("s", "home"), "uuid": ("s", UUID), "type": ("s", "802-3-ethernet")},
    "802-3-ethernet": {"mac-address-blacklist": ("as", [])},
    "ipv4": {
        "address-data": ("aa{sv}", []),
        "addresses": ("aau", []),
        "dns": ("au", [67373064]),
        "dns-data": ("as", ["8.8.4.4"]),
        "dns-search": ("as", ["lan"]),
        "dhcp-fqdn": ("s", "pi.lan"),
        "method": ("s", "auto"),
        "route-metric": ("x", 50),
    },
    "ipv6": {"method": ("s", "auto"), "dns": ("aay", [])},
    "proxy": {},
}


class TestLiveConnections:
    def test_what_was_not_asked_of_the_owners_stays(self) -> None:
        assert with_ipv4(OWNERS, Wanted(), Interface.ETHERNET, owners=True) == OWNERS
        # nor does the default name of an ESP come into it
        given = with_ipv4(OWNERS, Wanted(), Interface.ETHERNET, owners=True, mac=MAC)
        assert given == OWNERS

    def test_a_fixed_address_takes_the_place_of_the_owners(self) -> None:
        wanted = Wanted(ethernet_dhcp=False, ethernet_address=FIXED)
        made = with_ipv4(OWNERS, wanted, Interface.ETHERNET, owners=True)
        ipv4 = values(made, "ipv4")
        assert (ipv4["method"], ipv4["gateway"]) == ("manual", "192.168.7.1")
        assert ipv4["address-data"] == [{"address": "192.168.7.5", "prefix": 20}]
        assert "addresses" not in ipv4
        assert (ipv4["dns-data"], ipv4["route-metric"]) == (["8.8.4.4"], 50)
        assert {**made, "ipv4": {}} == {**OWNERS, "ipv4": {}}

    def test_another_interfaces_address_is_none_of_its_business(self) -> None:
        wanted = Wanted(station_dhcp=False, station_address=FIXED)
        assert with_ipv4(OWNERS, wanted, Interface.ETHERNET, owners=True) == OWNERS
        assert with_ipv4(OWNERS, wanted, Interface.STATION, owners=True) != OWNERS

    def test_name_servers_take_the_place_of_the_owners(self) -> None:
        made = with_ipv4(OWNERS, Wanted(dns=("9.9.9.9",)), Interface.STATION, owners=True)
        ipv4 = values(made, "ipv4")
        assert (ipv4["dns-data"], ipv4["ignore-auto-dns"]) == (["9.9.9.9"], True)
        assert "dns" not in ipv4
        assert ipv4["dns-search"] == ["lan"]
        assert made["ipv6"]["ignore-auto-dns"] == ("b", True)

    def test_a_host_name_takes_the_place_of_the_owners(self) -> None:
        wanted = Wanted(station_host_name="garden")
        ipv4 = values(with_ipv4(OWNERS, wanted, Interface.STATION, owners=True), "ipv4")
        assert (ipv4["dhcp-hostname"], ipv4["dhcp-send-hostname"]) == ("garden", True)
        assert "dhcp-fqdn" not in ipv4  # NetworkManager takes one of the two

    @pytest.mark.parametrize("method", ["disabled", "link-local", "shared"])
    def test_no_name_servers_where_networkmanager_takes_none(self, method: str) -> None:
        owners = {**OWNERS, "ipv4": {"method": ("s", method)}, "ipv6": {"method": ("s", "ignore")}}
        given = with_ipv4(owners, Wanted(dns=("9.9.9.9",)), Interface.STATION, owners=True)
        assert given == owners

    def test_ours_becomes_as_wanted_whole(self) -> None:
        fixed = Wanted(station_dhcp=False, station_address=FIXED, dns=("9.9.9.9",))
        live = with_ipv4(station(), fixed, Interface.STATION, owners=False, mac=MAC)
        assert live["ipv4"] == station(wanted=fixed)["ipv4"]
        assert live["802-11-wireless-security"] == station()["802-11-wireless-security"]
        back = with_ipv4(live, Wanted(), Interface.STATION, owners=False, mac=MAC)
        assert back == station()
