# SPDX-License-Identifier: MIT
"""A network without any IPv4: control, relays, STUN and the way to a peer are reached over IPv6."""

import json

import pytest

from lab import INTERNET_IPV6, SECOND_INTERNET_IP, Lab
from microlinkd import Microlinkd
from nodes import Meet
from peers import Tailscaled
from planes import TestControl
from waiting import wait_for

pytestmark = [pytest.mark.nat("lan6", "lan6"), pytest.mark.control("-ip", INTERNET_IPV6)]


def has_a_direct_path(node: Microlinkd, official: Tailscaled, lab: Lab) -> bool:
    """Whether both nodes use the public IPv6 address of the other one."""
    wait_for("our direct path", lambda: str(node.ping("official").get("endpoint")).startswith(f"[{lab.address('b')}]:"))
    return official.pinged_directly(node.status()["ipv4"]).startswith(f"[{lab.address('a')}]:")


def test_nodes_meet_directly_over_ipv6(lab: Lab, testcontrol: TestControl, meet: Meet) -> None:
    node, official = meet()
    assert has_a_direct_path(node, official, lab)
    assert official.pinged(node.status()["ipv4"], "ICMP")
    assert node.status()["relay"]["connected"]
    endpoints = node.status()["endpoints"]
    assert endpoints
    assert all(endpoint.startswith(f"[{lab.address('a')}]:") for endpoint in endpoints)
    wait_for("the server knows the home", lambda: testcontrol.record("microlink").get("HomeDERP") == 1)
    latencies = wait_for("STUN over IPv6", lambda: node.ask("netcheck")["relays"])
    assert [relay["region"] for relay in latencies] == [1]
    assert latencies[0]["latency_ms"] > 0


def test_nodes_meet_through_a_relay_over_ipv6(testcontrol: TestControl, meet: Meet) -> None:
    node, official = meet(relayed=True)
    wait_for("the server knows the home", lambda: testcontrol.record("microlink").get("HomeDERP") == 1)
    assert node.ping("official")["via"] == "derp"
    assert official.pinged(node.status()["ipv4"], "TSMP")


@pytest.mark.parametrize("ipv4", [SECOND_INTERNET_IP, "none", ""], ids=["unreachable", "none", "not-named"])
def test_relay_with_addresses_of_both_families_is_reached_over_the_one_that_is_there(lab: Lab, ipv4: str) -> None:
    relays = TestControl(lab, ["-ip", INTERNET_IPV6], name="relays")
    derp_map = json.loads(json.dumps(relays.ready["derp_map"]))
    derp_map["Regions"]["1"]["Nodes"][0].update(IPv4=ipv4, InsecureForTests=True)
    file = lab.directory / "derp-map.json"
    file.write_text(json.dumps(derp_map))
    control = TestControl(lab, ["-ip", INTERNET_IPV6, "-derp-map", str(file)])
    node = Microlinkd(lab, "a", "microlink", control)
    node.start()
    assert node.wait_state("online")["relay"]["connected"]
