# SPDX-License-Identifier: MIT
"""Two official nodes: what the harness shows of them is what our own node is measured by."""

import pytest

from lab import Lab
from nodes import StartTailscaled
from planes import Plane
from waiting import wait_for


def test_official_nodes_join_and_ping_directly(plane: Plane, tailscaled: StartTailscaled) -> None:
    a, b = tailscaled("a", "one"), tailscaled("b", "two")
    a.sees("two")
    b.sees("one")
    assert {node.name for node in plane.nodes()} == {"one", "two"}
    assert plane.node("one").node_key == a.node_key()
    assert a.pinged_directly(b.ip()).startswith("198.51.100.21:")
    assert a.pinged(b.ip(), "TSMP")
    assert b.netmap_peer("one")["Endpoints"]


@pytest.mark.nat("blocked", "lan")
def test_official_nodes_ping_through_the_relay(plane: Plane, tailscaled: StartTailscaled) -> None:
    a, b = tailscaled("a", "one"), tailscaled("b", "two")
    a.sees("two")
    b.sees("one")
    pong = a.pinged(b.ip())
    assert not pong.get("Endpoint")
    assert pong["DERPRegionID"] == (999 if plane.name == "headscale" else 1)


@pytest.mark.nat("easy", "easy")
def test_official_nodes_find_the_path_between_easy_nats(lab: Lab, plane: Plane, tailscaled: StartTailscaled) -> None:
    a, b = tailscaled("a", "one", tun="tailscale0"), tailscaled("b", "two", tun="tailscale0")
    a.sees("two")
    b.sees("one")
    assert plane.node("two").addresses[0] == b.ip()
    lab.run("a", "ping", "-c", "1", "-W", "5", b.ip())  # a packet, unlike a DISCO ping, makes the peer try as well
    path = wait_for("direct path", lambda: (a.peer("two") or {}).get("CurAddr"), 20)
    assert str(path).startswith(f"{lab.address('b')}:")


def test_a_plane_that_was_cut_comes_back_with_its_memory(plane: Plane, tailscaled: StartTailscaled) -> None:
    a = tailscaled("a", "one")
    before = plane.node("one")
    plane.cut()
    plane.restore()
    wait_for("one is online again", lambda: plane.node("one").online, 30)
    assert plane.node("one").node_key == before.node_key == a.node_key()
