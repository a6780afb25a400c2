# SPDX-License-Identifier: MIT
"""What goes through the tunnel: an interface of the system at our end."""

import pytest

from lab import Lab
from microlinkd import Microlinkd
from nodes import Online, StartTailscaled
from peers import Tailscaled
from planes import Plane
from traffic import WEB_PORT, Iperf, bracketed, fetch, megabits, serve_files

type Pair = tuple[Microlinkd, Tailscaled]
INTERFACE = "ml0"


@pytest.fixture(params=["direct", "relayed"])
def tun(plane: Plane, tailscaled: StartTailscaled, online: Online, request: pytest.FixtureRequest) -> Pair:
    """Our node at a with an interface, an official one at b with another, on a direct path or through the relay."""
    relayed = request.param == "relayed"
    options = ["--tun", INTERFACE, *(["--relay-only"] if relayed else [])]
    node, official = online("a", "microlink", *options), tailscaled("b", "official", tun="tailscale0")
    assert plane.node("microlink").online
    official.sees("microlink")
    node.wait_peer("official", lambda peer: peer["home_derp"])
    if not relayed:
        node.ping_directly("official")
    return node, official


@pytest.mark.timeout(120)
def test_interface_carries_pings_and_transfers_both_ways(lab: Lab, tun: Pair) -> None:
    node, official = tun
    ours = [str(node.status()[family]) for family in ("ipv4", "ipv6")]
    theirs = [str(address) for address in official.status()["TailscaleIPs"]]
    at_a, at_b = serve_files(lab, "a"), serve_files(lab, "b")
    for address in theirs:
        lab.run("a", "ping", "-c", "3", "-i", "0.1", "-W", "3", "-s", "1200", address)
        assert fetch(lab, "a", f"http://{bracketed(address)}:{WEB_PORT}/file") == at_b.read_bytes()
    for address in ours:
        lab.run("b", "ping", "-c", "3", "-i", "0.1", "-W", "3", "-s", "1200", address)
        assert fetch(lab, "b", f"http://{bracketed(address)}:{WEB_PORT}/file") == at_a.read_bytes()
    assert official.pinged(ours[0], "TSMP")
    assert official.pinged(ours[0], "ICMP")


@pytest.mark.timeout(120)
def test_interface_carries_iperf_both_ways(lab: Lab, tun: Pair, request: pytest.FixtureRequest) -> None:
    _node, official = tun
    server = Iperf(lab, "b")
    for address in map(str, official.status()["TailscaleIPs"]):
        for way, options in (("out", ()), ("in", ("-R",))):
            rate = megabits(server.measure("a", address, *options))
            print(f"{request.node.name}: {address} TCP {way}: {rate:.1f} Mbit/s")
            assert rate > 1
            end = server.measure("a", address, "-u", "-b", "2M", "-l", "1100", *options)
            print(f"{request.node.name}: {address} UDP {way}: {end['sum']['lost_percent']:.1f} % lost of 2 Mbit/s")
            assert end["sum"]["lost_percent"] < 20


def test_interface_has_the_addresses_and_routes_of_the_tailnet_only(lab: Lab, tun: Pair) -> None:
    node, _official = tun
    status = node.status()
    addresses = lab.run("a", "ip", "-o", "address", "show", "dev", INTERFACE)
    assert f"{status['ipv4']}/32" in addresses
    assert f"{status['ipv6']}/128" in addresses
    routes = lab.run("a", "ip", "route", "show", "dev", INTERFACE).split("\n")
    assert [line.split()[0] for line in routes if line] == ["100.64.0.0/10"]
    assert "mtu 1280" in lab.run("a", "ip", "link", "show", INTERFACE)
    assert not any(str(status["ipv4"]) in endpoint for endpoint in status["endpoints"])
