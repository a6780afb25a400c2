# SPDX-License-Identifier: MIT
"""Whatever ends and comes back: the node recovers by itself, and the time it takes is printed."""

import json

import pytest

from lab import Lab
from microlinkd import Microlinkd
from nodes import MakeMicrolinkd, Online, StartTailscaled
from peers import Derper, Tailscaled
from planes import Plane, TestControl
from waiting import Stopwatch, stays, wait_for


@pytest.mark.timeout(120)
def test_control_that_comes_back(plane: Plane, tailscaled: StartTailscaled, online: Online) -> None:
    node, official = online("a"), tailscaled("b", "official")
    official.sees("microlink")
    before = node.status()
    plane.cut()
    wait_for("the loss is noticed", lambda: node.status()["control"] != "streaming", 10)
    plane.restore()
    watch = Stopwatch()
    node.wait_state("online", 60)
    watch.lap(f"{plane.name}: control back to online")
    assert node.status()["node_key"] == before["node_key"]
    assert official.pinged(before["ipv4"], "TSMP", 40)
    assert len(plane.nodes()) == 2


def test_data_flows_while_control_is_gone(
    testcontrol: TestControl, tailscaled: StartTailscaled, online: Online
) -> None:
    node, official = online("a"), tailscaled("b", "official")
    official.sees("microlink")
    address = str(node.status()["ipv4"])
    official.pinged(address)
    testcontrol.cut()
    wait_for("the loss is noticed", lambda: node.status()["control"] != "streaming", 10)
    assert node.status()["state"] == "connecting"
    assert official.pinged(address, "TSMP")
    assert node.ping("official")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
def test_control_that_has_lost_its_memory(testcontrol: TestControl, online: Online, *, restarted: bool) -> None:
    node = online("a")
    before = testcontrol.control_key()
    if restarted:
        assert node.stop() == 0
    testcontrol.lose_memory()
    assert testcontrol.control_key() != before
    testcontrol.forget_auth_key()
    assert testcontrol.find("microlink") is None
    watch = Stopwatch()
    if restarted:
        node.start(auth_key=False)
    known = wait_for("control knows the node again", lambda: testcontrol.find("microlink"), 60)
    node.wait_state("online", 60)
    watch.lap("another control key and no memory: to online")
    assert known.node_key == node.status()["node_key"]


@pytest.mark.timeout(120)
def test_relay_that_comes_back(testcontrol: TestControl, tailscaled: StartTailscaled, online: Online) -> None:
    node, official = online("a"), tailscaled("b", "official")
    official.sees("microlink")
    testcontrol.relay("down")
    wait_for("the loss is noticed", lambda: not node.status()["relay"]["connected"], 10)
    testcontrol.relay("up")
    watch = Stopwatch()
    node.wait_state("online", 60)
    watch.lap("relay back to online")
    assert official.pinged(node.status()["ipv4"], "TSMP", 40)


@pytest.mark.timeout(120)
def test_official_relay_that_is_killed(lab: Lab) -> None:
    relay = Derper(lab)
    relay.start()
    map_file = lab.directory / "derp-map.json"
    map_file.write_text(json.dumps(relay.derp_map()))
    control = TestControl(lab, ["-derp-map", str(map_file)])
    node = Microlinkd(lab, "a", "microlink", control)
    node.start()
    status = node.wait_state("online")
    assert (status["relay"]["region"], status["relay"]["code"]) == (900, "pinned")
    relay.kill()
    wait_for("the loss is noticed", lambda: not node.status()["relay"]["connected"], 10)
    relay.start()
    watch = Stopwatch()
    node.wait_state("online", 60)
    watch.lap("derper back to online")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("end", ["kill", "stop"])
def test_node_that_comes_back(plane: Plane, tailscaled: StartTailscaled, online: Online, end: str) -> None:
    node, official = online("a"), tailscaled("b", "official")
    official.sees("microlink")
    address = str(node.status()["ipv4"])
    official.pinged_directly(address)
    assert official.pinged(address, "TSMP")
    plane.forget_auth_key()
    if end == "kill":
        node.kill()
    else:
        assert node.stop() == 0
    node.start(auth_key=False)
    watch = Stopwatch()
    node.wait_state("online")
    watch.lap(f"{plane.name}: start after {end} to online")
    assert official.pinged(address, "TSMP", 30)
    watch.lap(f"{plane.name}: start after {end} to the tunnel's first answer")
    assert node.status()["ipv4"] == address


@pytest.mark.timeout(120)
@pytest.mark.parametrize("end", ["kill", "stop"])
def test_node_that_comes_back_where_nobody_else_does(
    plane: Plane, tailscaled: StartTailscaled, online: Online, end: str
) -> None:
    node, official = online("a"), tailscaled("b", "official")
    official.sees("microlink")
    address = str(node.status()["ipv4"])
    official.pinged_directly(address)
    assert official.pinged(address, "TSMP")
    node.ping_directly("official")
    if end == "kill":
        caches = [node.state_dir / name for name in ("peer-cache-0", "paths")]
        wait_for("the peer is in the cache", lambda: b"official" in caches[0].read_bytes() and caches[1].exists())
    plane.cut()
    if isinstance(plane, TestControl):  # Headscale's relay is in the same process
        plane.relay("down")
    if end == "kill":
        node.kill()
    else:
        assert node.stop() == 0
    node.start(auth_key=False)
    watch = Stopwatch()
    assert node.ping("official")["via"] == "direct"
    watch.lap("start without control and relay to the first answer")
    # The peer goes on with a session that the node has lost.
    assert official.pinged(address, "TSMP", 10)
    watch.lap("start without control and relay to the tunnel's first answer")
    assert node.status()["control"] != "streaming"


@pytest.mark.timeout(120)
def test_restart_of_the_official_peer(plane: Plane, tailscaled: StartTailscaled, online: Online) -> None:
    node, official = online("a"), tailscaled("b", "official")
    official.sees("microlink")
    official.pinged(node.status()["ipv4"], "TSMP")
    plane.forget_auth_key()
    official.kill()
    official.start(plane.ca)
    watch = Stopwatch()
    wait_for("tunnel", lambda: official.ping(node.status()["ipv4"], "TSMP"), 40)
    watch.lap(f"{plane.name}: peer's start to the tunnel's first answer")


@pytest.mark.timeout(120)
@pytest.mark.nat("easy", "lan")
def test_network_that_goes_and_comes(lab: Lab, plane: Plane, tailscaled: StartTailscaled, online: Online) -> None:
    node, official = online("a"), tailscaled("b", "official")
    official.sees("microlink")
    with lab.unplugged("a"):
        wait_for("the loss is noticed", lambda: node.status()["state"] != "online", 30)
    watch = Stopwatch()
    node.wait_state("online", 60)
    watch.lap(f"{plane.name}: cable in to online")
    assert official.pinged(node.status()["ipv4"], "TSMP", 30)


@pytest.mark.timeout(120)
def test_node_that_starts_before_control(lab: Lab, plane: Plane, microlinkd: MakeMicrolinkd) -> None:
    assert lab.name
    node = microlinkd("a")
    key = plane.auth_key()
    plane.cut()
    node.start(auth_key=key)
    stays("starting", lambda: node.status()["state"] == "starting", 2)
    assert node.status()["message"]
    plane.restore()
    watch = Stopwatch()
    node.wait_state("online", 60)
    watch.lap(f"{plane.name}: control there at last to online")


def test_two_joins_at_once_with_an_official_one(plane: Plane, lab: Lab, microlinkd: MakeMicrolinkd) -> None:
    first, second = microlinkd("a", "first"), microlinkd("b", "second")
    first.start()
    second.start()
    official = Tailscaled(lab, "inet", "official")
    official.start(plane.ca)
    official.join(plane)
    for node in (first, second):
        node.wait_state("online")
    assert len({node.addresses[0] for node in plane.nodes()}) == 3
