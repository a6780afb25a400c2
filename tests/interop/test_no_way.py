# SPDX-License-Identifier: MIT
"""Ways that lead nowhere: the system refuses one in the middle of a conversation, control names one into the tunnel."""

import re
import subprocess
import time

import pytest

from lab import INTERNET_IP, Lab
from listener import Listener, say
from microlinkd import Microlinkd
from nodes import Online
from planes import TestControl
from process import Process
from waiting import stays, wait_for

INTERFACE = "ml0"
TO_RELAY_SECONDS = 0.5
PING_INTERVAL = 0.05

type Pair = tuple[Microlinkd, Microlinkd]


@pytest.fixture
def pair(testcontrol: TestControl, online: Online) -> Pair:
    """Two nodes of ours with interfaces, which know each other's relay."""
    assert testcontrol.url
    first, second = online("a", "first", "--tun", INTERFACE), online("b", "second", "--tun", INTERFACE)
    first.wait_peer("second", lambda peer: peer["home_derp"])
    second.wait_peer("first", lambda peer: peer["home_derp"])
    return first, second


class Pings(Process):
    """Pings from a to an address for as long as it lives, with the time of each pong."""

    def __init__(self, lab: Lab, address: str) -> None:
        """Begin, and wait for the first pong."""
        super().__init__(lab.enter("a"), "pings", lab.directory / "pings")
        lab.adopt(self).spawn(["ping", "-D", "-O", "-i", str(PING_INTERVAL), address])
        self.pong_after(0)

    def pong_after(self, moment: float) -> float:
        """Wait for a pong that came after a time; when it did."""

        def probe() -> float | None:
            times = (float(at) for at in re.findall(r"^\[([\d.]+)\] \d+ bytes from", self.output(), re.MULTILINE))
            return next((at for at in times if at > moment), None)

        return wait_for("a pong", probe, 20)


@pytest.mark.parametrize("kind", ["unreachable", "prohibit"])
def test_a_way_that_the_system_refuses_is_left_for_the_relay_at_once(lab: Lab, pair: Pair, kind: str) -> None:
    first, second = pair
    first.ping_directly("second")
    pings = Pings(lab, str(second.status()["ipv4"]))
    first.wait_peer("second", lambda peer: peer["direct"])
    lab.run("a", "ip", "route", "add", kind, lab.address("b"))
    refused = time.time()
    # Pongs that were under way come within a few milliseconds.
    seconds = pings.pong_after(refused + PING_INTERVAL) - refused
    print(f"{kind}: first relayed pong after {seconds:.2f} s")
    assert seconds < TO_RELAY_SECONDS
    first.wait_peer("second", lambda peer: peer["direct"] is None)
    lab.run("a", "ip", "route", "delete", kind, lab.address("b"))
    first.wait_peer("second", lambda peer: peer["direct"], 20)


def test_an_address_outside_that_looks_like_one_inside_needs_a_route_of_its_own(
    lab: Lab, testcontrol: TestControl, online: Online
) -> None:
    node = online("a", "microlink", "--tun", INTERFACE)
    assert testcontrol.node("microlink").online
    outside = "100.80.0.1"
    lab.run("inet", "ip", "address", "add", f"{outside}/32", "dev", "lo")
    argv = ["ping", "-c", "3", "-i", "0.1", "-w", "5", outside]
    assert "0 received" in subprocess.run([*lab.enter("a"), *argv], check=False, capture_output=True, text=True).stdout
    assert node.status()["statistics"]["refused"]["outbound unknown peer"] >= 3
    lab.run("a", "ip", "route", "add", outside, "via", INTERNET_IP)
    lab.run("a", *argv)
    assert node.status()["state"] == "online"


@pytest.mark.nat("blocked", "lan")
def test_an_address_inside_the_tailnet_is_no_way_to_a_peer(lab: Lab, testcontrol: TestControl, pair: Pair) -> None:
    first, second = pair
    listener = Listener(lab, "b")
    say(lab, "a", str(second.status()["ipv4"]), 10)
    wait_for("packets through the relay", lambda: len(listener.numbers()) == 10)
    # UDP is blocked, but the tunnel leads there: pings to these would be answered.
    status = second.status()
    port = str(status["endpoints"][0]).rsplit(":", 1)[1]
    endpoints = [f"{status['ipv4']}:{port}", f"[{status['ipv6']}]:{port}"]
    patch = {"NodeID": testcontrol.node("second").id, "Endpoints": endpoints}
    testcontrol.send(testcontrol.node("first"), {"PeersChangedPatch": [patch]})
    before = int(first.status()["statistics"]["tx_packets"])
    say(lab, "a", str(second.status()["ipv4"]), 10)
    stays("relayed", lambda: first.wait_peer("second")["direct"] is None, 4)
    assert len(listener.numbers()) == 20
    assert int(first.status()["statistics"]["tx_packets"]) <= before + 20
