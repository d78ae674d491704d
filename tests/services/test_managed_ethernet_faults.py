"""Ethernet's calls that NetworkManager refuses or does not answer."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from gateway.services.api import Address, Wanted
from tests.services.managed_world import on, run, world

FIXED = Address("10.42.7.200", "10.42.7.1", "255.255.255.0")
STATIC = Wanted(ethernet_dhcp=False, ethernet_address=FIXED)
MAC = "02:12:34:56:78:9a"
HOW = ("refused", "not answered", "done, not answered")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    "name", ["activate", "add_profile", "delete_profile", "profile_settings", "update_profile"]
)
def test_a_mac_comes_and_goes_though_a_call_goes_wrong(
    name: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A line in the journal, and another attempt that succeeds."""

    async def work() -> None:
        async with on(world()) as scene:
            before = scene.network.ethernet
            break_next = {
                "refused": scene.manager.fail_next,
                "not answered": scene.manager.hang_next,
                "done, not answered": scene.manager.lose_next_answer,
            }[how]
            for wanted in (
                Wanted(ethernet_mac=MAC),
                replace(STATIC, ethernet_mac=MAC),
                Wanted(),
            ):
                break_next(name)
                scene.network.apply(wanted)
                await scene.settle()
                scene.manager.heal()
                ethernet = scene.network.ethernet
                assert ethernet is not None
                assert scene.daemon.devices["eth0"].mac.lower() == ethernet.mac
                assert len(scene.ours) == (wanted.ethernet_mac is not None)
            assert scene.network.ethernet == before
        assert scene.record.empty
        assert [one for one in caplog.records if one.exc_info] == []

    run(work())


@pytest.mark.parametrize("how", ["refused", "not answered"])
@pytest.mark.parametrize("name", ["applied", "reapply"])
def test_a_fixed_address_that_is_refused_is_said_once_and_not_shown(
    name: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """And asked for again it is tried again."""

    async def work() -> None:
        async with on(world()) as scene:
            before = scene.network.ethernet
            caplog.clear()
            (scene.manager.fail_next if how == "refused" else scene.manager.hang_next)(name)
            scene.network.apply(STATIC)
            await scene.settle()
            assert scene.network.ethernet == before
            errors = [one for one in caplog.records if one.levelno >= logging.WARNING]
            assert len(errors) == 1
            scene.network.apply(Wanted())
            await scene.settle()
            scene.network.apply(STATIC)
            await scene.settle()
            assert scene.network.ethernet is not None
            assert scene.network.ethernet.address == FIXED

    run(work())
