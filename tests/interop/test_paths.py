# SPDX-License-Identifier: MIT
"""How packets find their way: relayed at first, direct where the NATs allow it."""

import pytest

from lab import Lab
from microlinkd import Microlinkd
from nodes import Online, StartTailscaled
from peers import Tailscaled
from planes import Plane
from waiting import Stopwatch, stays, wait_for

EXIT_UNKNOWN_PEER = 7
# A pair of nodes where both sides can be reached must be direct within this time after the first ping.
DIRECT_SECONDS = 1.0


@pytest.fixture
def pair(plane: Plane, tailscaled: StartTailscaled, online: Online) -> tuple[Microlinkd, Tailscaled]:
    """Start our node at a and an official one at b, which know each other."""
    node, official = online("a"), tailscaled("b", "official", tun="tailscale0")
    official.sees("microlink")
    node.wait_peer("official", lambda peer: peer["home_derp"])
    assert len(plane.nodes()) == 2
    return node, official


type Pair = tuple[Microlinkd, Tailscaled]


@pytest.mark.nat("blocked", "lan")
def test_official_ping_is_answered_through_the_relay(pair: Pair) -> None:
    node, official = pair
    pong = official.pinged(node.status()["ipv4"])
    assert not pong.get("Endpoint")
    assert pong["DERPRegionID"] == node.status()["relay"]["region"]


def test_official_ping_is_answered_directly(lab: Lab, pair: Pair) -> None:
    node, official = pair
    endpoint = official.pinged_directly(node.status()["ipv4"])
    assert endpoint.startswith(f"{lab.address('a')}:")
    said = official.command("ping", "--c=5", "--until-direct", "microlink")
    assert f"via {lab.address('a')}:" in said


@pytest.mark.nat("blocked", "lan")
def test_tunnel_carries_packets_through_the_relay(pair: Pair) -> None:
    node, official = pair
    for family in ("ipv4", "ipv6"):
        assert official.pinged(node.status()[family], "TSMP")


def test_tunnel_carries_packets_directly(lab: Lab, pair: Pair) -> None:
    node, official = pair
    address = str(node.status()["ipv4"])
    official.pinged_directly(address)
    for family in ("ipv4", "ipv6"):
        assert official.pinged(node.status()[family], "TSMP")
    assert str((official.peer("microlink") or {})["CurAddr"]).startswith(f"{lab.address('a')}:")
    peer = node.wait_peer("official", lambda peer: peer["direct"])
    assert str(peer["direct"]).startswith(f"{lab.address('b')}:")


@pytest.mark.parametrize(
    "kinds",
    [
        pytest.param(kinds, marks=pytest.mark.nat(*kinds), id="-".join(kinds))
        for kinds in (
            ("lan", "lan"),
            ("lan", "easy"),
            ("easy", "lan"),
            ("easy", "easy"),
            ("hard", "cone"),
            ("cone", "hard"),
        )
    ],
)
def test_nats_that_allow_it_are_crossed_within_a_second(
    lab: Lab, pair: Pair, kinds: tuple[str, str], request: pytest.FixtureRequest
) -> None:
    node, official = pair
    wait_for("endpoints of ours at the peer", lambda: official.netmap_peer("microlink")["Endpoints"])
    watch = Stopwatch()
    pong = node.ping_directly("official")
    seconds = watch.lap(f"{request.node.name}: first ping to direct path")
    if "hard" not in kinds:
        assert str(pong["endpoint"]).startswith(f"{lab.address('b')}:")
    assert seconds < DIRECT_SECONDS
    wait_for("the peer uses a direct path too", lambda: official.ping(node.status()["ipv4"]), 5)


@pytest.mark.parametrize(
    "kinds",
    [
        pytest.param(kinds, marks=pytest.mark.nat(*kinds), id="-".join(kinds))
        for kinds in (("hard", "hard"), ("hard", "easy"), ("blocked", "easy"), ("easy", "blocked"))
    ],
)
def test_nats_that_do_not_allow_it_stay_relayed(pair: Pair, kinds: tuple[str, str]) -> None:
    node, official = pair
    assert kinds
    assert node.ping("official")["via"] == "derp"
    address = str(node.status()["ipv4"])
    assert official.pinged(address)
    stays("relayed", lambda: node.ping("official")["via"] == "derp", 3)
    peer = node.peer("official")
    assert peer is not None
    assert peer["direct"] is None
    assert not (official.peer("microlink") or {}).get("CurAddr")
    assert official.pinged(address, "TSMP")


@pytest.mark.control("-regions", "2")
@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        pytest.param(kinds, expected, marks=pytest.mark.nat(*kinds), id=kinds[0])
        for kinds, expected in (
            (("lan", "lan"), "easy"),
            (("easy", "lan"), "easy"),
            (("hard", "lan"), "hard"),
            (("blocked", "lan"), "udp-blocked"),
        )
    ],
)
@pytest.mark.usefixtures("testcontrol")
def test_kind_of_nat_is_recognised(online: Online, kinds: tuple[str, str], expected: str) -> None:
    assert kinds
    node = online("a")
    wait_for(f"NAT is {expected}", lambda: node.status()["nat"] == expected)
    assert node.run("netcheck")["nat"] == expected


def test_two_nodes_of_ours_meet(plane: Plane, online: Online) -> None:
    first, second = online("a", "first"), online("b", "second")
    assert len(plane.nodes()) == 2
    first.wait_peer("second", lambda peer: peer["home_derp"])
    second.wait_peer("first", lambda peer: peer["home_derp"])
    assert first.ping_directly("second")["latency_ms"] < 1000
    assert second.ping_directly("first")


def test_ping_knows_a_peer_by_every_name(pair: Pair) -> None:
    node, official = pair
    peer = node.wait_peer("official")
    for name in ("official", str(peer["name"]), official.ip(), str(peer["ipv6"]), official.node_key()):
        assert node.ping(name)["via"] in {"derp", "direct"}
    assert node.command("ping", "nobody").returncode == EXIT_UNKNOWN_PEER


def test_command_line_pings_until_the_path_is_direct(lab: Lab, pair: Pair) -> None:
    node, _official = pair
    done = node.command("ping", "official", "--until-direct", "-c", "20")
    assert done.returncode == 0
    assert lab.address("b") in done.stdout


@pytest.mark.nat("easy", "easy")
@pytest.mark.timeout(90)
def test_lossy_link_still_gets_a_direct_path(lab: Lab, pair: Pair) -> None:
    node, _official = pair
    lab.lose("a", 30)
    watch = Stopwatch()
    node.ping_directly("official", 30)
    watch.lap("first ping to direct path with 30 % loss each way")


@pytest.mark.nat("easy", "lan")
@pytest.mark.timeout(90)
def test_path_survives_a_nat_that_forgets(lab: Lab, pair: Pair) -> None:
    node, official = pair
    node.ping_directly("official")
    lab.rebind("nat-a")
    # Nobody tells the node. If the NAT refuses a packet from the relay before the node has sent one there, the relay
    # believes that the node is gone. What the node sends next in any case is its question to STUN, every 20 to 26 s.
    assert official.pinged(node.status()["ipv4"], "TSMP", 45)
    node.ping_directly("official", 20)


@pytest.mark.timeout(90)
def test_peer_that_moves_is_followed(lab: Lab, pair: Pair) -> None:
    node, official = pair
    node.ping_directly("official")
    lab.move("b", "198.51.100.22")
    # It must speak first: Headscale tells nobody of a new STUN endpoint, and its connection to the relay, which has
    # lost its address, may take two minutes to die.
    official.pinged_directly(node.status()["ipv4"], 40)
    pong = node.ping_directly("official")
    assert str(pong["endpoint"]).startswith("198.51.100.22:")
    assert official.pinged(node.status()["ipv4"], "TSMP")


@pytest.mark.timeout(90)
def test_node_that_moves_stays_reachable(lab: Lab, pair: Pair) -> None:
    node, official = pair
    node.ping_directly("official")
    lab.move("a", "198.51.100.12")
    watch = Stopwatch()

    def moved() -> bool:
        return official.pinged_directly(node.status()["ipv4"], 30).startswith("198.51.100.12:")

    wait_for("direct path to our new address", moved, 40)
    watch.lap("new address to direct path")
    assert any(endpoint.startswith("198.51.100.12:") for endpoint in node.status()["endpoints"])
    wait_for(
        "the old address is no longer announced",
        lambda: not any(endpoint.startswith("198.51.100.11:") for endpoint in node.status()["endpoints"]),
        40,
    )


def test_relay_only_never_goes_direct(plane: Plane, tailscaled: StartTailscaled, online: Online) -> None:
    node, official = online("a", "microlink", "--relay-only"), tailscaled("b", "official")
    official.sees("microlink")
    node.wait_peer("official", lambda peer: peer["home_derp"])
    assert plane.node("microlink").online
    assert official.pinged(node.status()["ipv4"], "TSMP")
    stays("relayed", lambda: node.ping("official")["via"] == "derp", 2)
    assert not (official.peer("microlink") or {}).get("CurAddr")
