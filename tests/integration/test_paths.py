# SPDX-License-Identifier: MIT
"""An official node reaches a compiled ESPHome node."""

import pytest

from device import Device
from lab import Lab
from peers import Tailscaled
from planes import Plane
from waiting import stays


@pytest.mark.nat("blocked", "lan")
async def test_official_ping_is_answered_through_the_relay(online: Device, official: Tailscaled) -> None:
    official.sees(online.name)
    pong = official.pinged(str(await online.wait("ipv4", bool)))
    assert not pong.get("Endpoint")
    assert pong["DERPRegionID"]


async def test_official_ping_is_answered_directly(lab: Lab, online: Device, official: Tailscaled) -> None:
    official.sees(online.name)
    endpoint = official.pinged_directly(str(await online.wait("ipv4", bool)))
    assert endpoint.startswith(f"{lab.address('a')}:")
    said = official.command("ping", "--c=5", "--until-direct", online.name)
    assert f"via {lab.address('a')}:" in said


async def test_official_ping_goes_through_the_tunnel(online: Device, official: Tailscaled) -> None:
    official.sees(online.name)
    address = str(await online.wait("ipv4", bool))
    assert official.pinged(address, "TSMP")


@pytest.mark.nat("easy", "easy")
async def test_nats_that_allow_it_are_crossed(lab: Lab, online: Device, official: Tailscaled) -> None:
    official.sees(online.name)
    endpoint = official.pinged_directly(str(await online.wait("ipv4", bool)))
    assert endpoint.startswith(f"{lab.address('a')}:")


@pytest.mark.nat("hard", "hard")
async def test_nats_that_do_not_allow_it_stay_relayed(online: Device, official: Tailscaled) -> None:
    official.sees(online.name)
    address = str(await online.wait("ipv4", bool))
    official.pinged(address)
    stays("relayed", lambda: not official.pinged(address).get("Endpoint"), 3)
    assert official.pinged(address, "TSMP")


async def test_peer_that_joins_later_reaches_it_too(
    lab: Lab, plane: Plane, online: Device, official: Tailscaled
) -> None:
    address = str(await online.wait("ipv4", bool))
    later = Tailscaled(lab, "b", "later")
    later.start(plane.ca)
    later.join(plane)
    for peer in (official, later):
        peer.sees(online.name)
        assert peer.pinged(address, "TSMP")


async def test_relay_and_control_may_go_and_come_back(plane: Plane, online: Device, official: Tailscaled) -> None:
    official.sees(online.name)
    address = str(await online.wait("ipv4", bool))
    plane.cut()
    await online.wait("connected", wanted=False)
    plane.restore()
    await online.wait_online(40)
    assert official.pinged(address, "TSMP", 40)
