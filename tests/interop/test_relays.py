# SPDX-License-Identifier: MIT
"""Relays: whom the node trusts, and how it reaches a peer that lives at another one."""

import json

import pytest

from lab import INTERNET_IP, SECOND_INTERNET_IP, Lab
from microlinkd import Microlinkd
from nodes import MakeMicrolinkd, Online
from peers import Tailscaled
from planes import Json, TestControl
from waiting import stays, wait_for


@pytest.mark.parametrize(
    "trust",
    [pytest.param(trust, marks=pytest.mark.control("-derp-trust", trust)) for trust in ("ca", "pin", "insecure")],
)
def test_relay_is_trusted_as_the_derp_map_says(testcontrol: TestControl, online: Online, trust: str) -> None:
    node = online("a")
    assert trust
    wait_for("the server knows the home", lambda: testcontrol.record("microlink").get("HomeDERP") == 1)
    assert node.status()["relay"]["connected"]


def served(lab: Lab, change: Json) -> TestControl:
    """Return a control server whose DERP map was changed in the field of one relay, and which itself is trusted."""
    relays = TestControl(lab, name="relays")
    derp_map = json.loads(json.dumps(relays.ready["derp_map"]))
    derp_map["Regions"]["1"]["Nodes"][0].update(change)
    file = lab.directory / "derp-map.json"
    file.write_text(json.dumps(derp_map))
    return TestControl(lab, ["-derp-map", str(file)])


@pytest.mark.parametrize(
    "change",
    [{}, {"CertName": "sha256-raw:" + "42" * 32}, {"CertName": "other.example"}],
    ids=["unknown-ca", "other-pin", "other-name"],
)
def test_relay_without_trust_is_not_used(lab: Lab, change: Json) -> None:
    control = served(lab, change)
    node = Microlinkd(lab, "a", "microlink", control)
    node.start()
    status = node.wait_state("connecting")
    stays("not connected to the relay", lambda: not node.status()["relay"]["connected"], 3)
    wait_for("the status says why", lambda: "certificate" in (node.status()["message"] or "").lower())
    assert status["control"]


@pytest.mark.control("-regions", "2")
def test_peer_at_another_relay_is_reached_there(testcontrol: TestControl, lab: Lab, microlinkd: MakeMicrolinkd) -> None:
    node = microlinkd("a")
    with lab.blocked("a", SECOND_INTERNET_IP, *testcontrol.relay_ports(2)):
        node.start("--relay-only")
        assert node.wait_state("online")["relay"]["region"] == 1
    official = Tailscaled(lab, "b", "official")
    with lab.blocked("b", INTERNET_IP, *testcontrol.relay_ports(1)):
        official.start(testcontrol.ca)
        official.join(testcontrol)
        wait_for("the peer's home", lambda: testcontrol.record("official").get("HomeDERP") == 2)
    node.wait_peer("official", lambda peer: peer["home_derp"] == 2)
    pong = node.ping("official")
    assert pong["via"] == "derp"
    assert official.pinged(node.status()["ipv4"], "TSMP")
    assert node.status()["relay"]["region"] == 1


@pytest.mark.timeout(120)
@pytest.mark.control("-regions", "2")
def test_home_moves_when_its_relay_is_gone(testcontrol: TestControl, online: Online) -> None:
    node = online("a")
    home = int(node.status()["relay"]["region"])
    testcontrol.relay("down", home)
    wait_for("the loss is noticed", lambda: node.status()["state"] != "online", 10)
    wait_for(
        "home at the other relay",
        lambda: (status := node.status())["relay"]["connected"] and status["relay"]["region"] == 3 - home,
        60,
    )
    wait_for("control knows", lambda: testcontrol.record("microlink").get("HomeDERP") == 3 - home)


@pytest.mark.timeout(120)
def test_home_is_the_only_relay_that_works_though_all_stun_servers_answer(lab: Lab) -> None:
    relays = TestControl(lab, name="relays")
    derp_map = json.loads(json.dumps(relays.ready["derp_map"]))
    real = derp_map["Regions"]["1"]
    for number, port in ((1, 9), (2, 9), (3, real["Nodes"][0]["DERPPort"])):  # nobody listens on port 9
        name = f"{number}a"
        relay = {**real["Nodes"][0], "Name": name, "RegionID": number, "DERPPort": port, "InsecureForTests": True}
        derp_map["Regions"][str(number)] = {**real, "RegionID": number, "RegionCode": name, "Nodes": [relay]}
    file = lab.directory / "derp-map.json"
    file.write_text(json.dumps(derp_map))
    control = TestControl(lab, ["-derp-map", str(file)])
    node = Microlinkd(lab, "a", "microlink", control)
    node.start()
    assert node.wait_state("online", 60)["relay"]["region"] == 3
    wait_for("control knows", lambda: control.record("microlink").get("HomeDERP") == 3)
    assert node.ask("netcheck")["relays"]
    stays("at home there", lambda: node.status()["relay"] == {"connected": True, "region": 3, "code": "3a"}, 3)
