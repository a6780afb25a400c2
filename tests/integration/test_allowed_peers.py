# SPDX-License-Identifier: MIT
"""Who may talk with a compiled ESPHome node, as Home Assistant sets it."""

import pytest

from device import Device
from peers import Tailscaled
from planes import Plane


@pytest.mark.timeout(120, func_only=True)
async def test_list_is_set_through_the_api_and_survives_a_restart(
    plane: Plane, online: Device, official: Tailscaled
) -> None:
    official.sees(online.name)
    address = str(await online.wait("ipv4", bool))
    assert official.pinged(address, "TSMP")
    assert await online.wait("allowed_peers", bool) == "*"
    await online.set_allowed_peers("somebody-else, tag:server")
    await online.wait("allowed_peers", "somebody-else, tag:server")
    assert official.ping(address, "TSMP") is None
    assert official.ping(address) is None
    plane.forget_auth_key()
    await online.restart()
    await online.wait_online()
    await online.wait("allowed_peers", "somebody-else, tag:server")
    official.sees(online.name)
    assert official.ping(address) is None
    await online.set_allowed_peers("official")
    await online.wait("allowed_peers", "official")
    assert official.pinged(address, "TSMP")


@pytest.mark.usefixtures("plane")
async def test_list_that_makes_no_sense_is_refused_and_the_text_stays(online: Device) -> None:
    await online.set_text("allowed_peers", "phone")
    await online.wait("allowed_peers", "phone")
    seen = len(online.history)
    await online.set_text("allowed_peers", "100.64.0.300")
    await online.wait("allowed_peers", lambda _: ("allowed_peers", "phone") in online.history[seen:])
    assert '"100.64.0.300" is no peer' in online.output()
