# SPDX-License-Identifier: MIT
"""An official node reaches a compiled ESPHome node."""

import pytest

from device import Device
from lab import Lab
from peers import Tailscaled


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
