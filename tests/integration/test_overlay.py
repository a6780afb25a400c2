# SPDX-License-Identifier: MIT
"""A compiled ESPHome node is reached at its tailnet address, from a host where an official node has an interface."""

import asyncio
import contextlib
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable

import pytest
from aioesphomeapi import APIClient, APIConnectionError

from device import Device, connected
from lab import Lab
from peers import Tailscaled
from planes import Plane
from program import API_PORT
from rules import allow
from traffic import ECHO_PORT, WEB_PORT, bracketed, fetch, serve_echo, serve_files, without_udp
from waiting import wait_for

UNSERVED_PORT = 8081
REFUSED = 7  # curl: failed to connect
SECONDS = 10
SESSION_SECONDS = 40

_UDP_CLIENT = """
import socket, sys
address, port = sys.argv[1], int(sys.argv[2])
with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.settimeout(10)
    s.sendto(b"hello", (address, port))
    assert s.recv(100) == b"hello"
"""


@pytest.fixture
def visitor(lab: Lab, plane: Plane) -> Tailscaled:
    """Start an official node at b that gives its host an interface."""
    node = Tailscaled(lab, "b", "visitor", tun="tailscale0")
    node.start(plane.ca)
    node.join(plane)
    return node


@pytest.fixture(params=["direct", "relayed"])
async def seen(request: pytest.FixtureRequest, lab: Lab, online: Device, visitor: Tailscaled) -> AsyncIterator[Device]:
    """Give the test a node that the official one sees, on a direct path or through the relay."""
    way = without_udp(lab, "a") if request.param == "relayed" else contextlib.nullcontext()
    visitor.sees(online.name)
    with way:
        address = str(await online.wait("ipv4", bool))
        if request.param == "direct":
            visitor.pinged_directly(address)
        else:
            assert not visitor.pinged(address).get("Endpoint")
        yield online


async def _addresses(device: Device) -> list[str]:
    return [str(await device.wait(family, bool)) for family in ("ipv4", "ipv6")]


async def _sees_itself(lab: Lab, address: str, device: Device) -> bool:
    """Whether the API at the address is that of the device, asked for its name and for its sensors' states."""
    try:
        async with connected(APIClient(address, API_PORT, None), f"{lab.name}-b", SECONDS) as client:
            about = await client.device_info()
            entities, _ = await client.list_entities_services()
            return about.name == device.name and len(entities) >= len(device.sensors())
    except APIConnectionError:
        return False


async def test_api_is_reached_at_both_addresses_and_nothing_is_held_up(lab: Lab, seen: Device) -> None:
    for address in await _addresses(seen):
        assert await _sees_itself(lab, address, seen)
    # ESPHome's own watch over its components.
    assert not re.findall(r"microlink took a long time.*", seen.output())


async def test_listed_ports_lead_to_the_services_of_the_machine(lab: Lab, seen: Device) -> None:
    file = serve_files(lab, "a")
    serve_echo(lab, "a")
    for address in await _addresses(seen):
        assert fetch(lab, "b", f"http://{bracketed(address)}:{WEB_PORT}/file") == file.read_bytes()
        lab.run("b", sys.executable, "-c", _UDP_CLIENT, address, str(ECHO_PORT))
        lab.run("b", "ping", "-c", "3", "-i", "0.05", "-W", "3", address)
    assert not re.findall(r"microlink took a long time.*", seen.output())


async def test_port_that_is_not_listed_refuses(lab: Lab, online: Device, visitor: Tailscaled) -> None:
    visitor.sees(online.name)
    serve_files(lab, "a", 10, UNSERVED_PORT)
    for address in await _addresses(online):
        assert visitor.pinged(address)
        with pytest.raises(subprocess.CalledProcessError) as refused:
            fetch(lab, "b", f"http://{bracketed(address)}:{UNSERVED_PORT}/file")
        assert refused.value.returncode == REFUSED


@pytest.mark.timeout(120, func_only=True)
async def test_rules_of_the_tailnet_close_the_api(lab: Lab, plane: Plane, online: Device, visitor: Tailscaled) -> None:
    visitor.sees(online.name)
    address = (await _addresses(online))[0]
    assert await _sees_itself(lab, address, online)
    allow(plane, (visitor.name, [address], WEB_PORT))
    file = serve_files(lab, "a", 1000)

    def reaches(port: int) -> Callable[[], bool]:
        argv = ["timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{address}/{port}"]
        return lambda: subprocess.run([*lab.enter("b"), *argv], check=False, capture_output=True).returncode == 0

    wait_for("the API is closed", lambda: not reaches(API_PORT)())
    assert not await _sees_itself(lab, address, online)
    assert fetch(lab, "b", f"http://{address}:{WEB_PORT}/file") == file.read_bytes()
    allow(plane, (visitor.name, [address], API_PORT))
    wait_for("the API is open", reaches(API_PORT))
    assert await _sees_itself(lab, address, online)


@pytest.mark.timeout(120, func_only=True)
async def test_api_is_reached_again_after_a_restart(
    lab: Lab, plane: Plane, online: Device, visitor: Tailscaled
) -> None:
    plane.forget_auth_key()
    visitor.sees(online.name)
    addresses = await _addresses(online)
    assert await _sees_itself(lab, addresses[0], online)
    await online.restart()
    await online.wait_online()
    assert await _addresses(online) == addresses
    # The official node sends into the old session until it is sure that nobody answers: 15 s, says WireGuard.
    async with asyncio.timeout(SESSION_SECONDS):
        while not await _sees_itself(lab, addresses[0], online):
            pass
    assert await _sees_itself(lab, addresses[1], online)
