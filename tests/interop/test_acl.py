# SPDX-License-Identifier: MIT
"""Who may come in: the access rules of the control plane, enforced by our node for its stack."""

import contextlib
import subprocess
from collections.abc import Callable
from functools import partial
from typing import Literal

import pytest

from inner import TCP, ip, numbered, put, syn
from lab import Lab
from listener import PORT, Listener
from microlinkd import Microlinkd
from nodes import Online, StartTailscaled
from peers import Tailscaled
from planes import Plane, TestControl
from rules import allow
from traffic import ECHO_PORT, WEB_PORT, bracketed, fetch, serve_files
from waiting import stays, wait_for

type Pair = tuple[Microlinkd, Tailscaled]
type Family = Literal["ipv4", "ipv6"]
OTHER_PORT = 8082
MAX_RULES = 24


BOTH = pytest.mark.parametrize("family", ["ipv4", "ipv6"])


def address_of(official: Tailscaled, family: Family) -> str:
    """Return the official node's address in the tailnet."""
    return str(official.status()["TailscaleIPs"][0 if family == "ipv4" else 1])


@pytest.fixture
def pair(lab: Lab, tailscaled: StartTailscaled, online: Online, plane: Plane) -> Pair:
    """Our node at a that serves two ports, an official one at b."""
    served = ",".join(map(str, (WEB_PORT, OTHER_PORT, ECHO_PORT, PORT)))
    node = online("a", "microlink", "--serve", served, "--socks5", "127.0.0.1:1080")
    official = tailscaled("b", "official", tun="tailscale0")
    assert plane.node("microlink").online
    official.sees("microlink")
    node.wait_peer("official", lambda peer: peer["home_derp"])
    serve_files(lab, "a", 1000)
    serve_files(lab, "b", 1000)
    return node, official


def reaches(lab: Lab, address: str, port: int) -> bool:
    """Whether the official node gets the file from a port of ours."""
    with contextlib.suppress(subprocess.CalledProcessError):
        return bool(fetch(lab, "b", f"http://{bracketed(address)}:{port}/file", seconds=2))
    return False


def refused(node: Microlinkd, reason: str) -> int:
    """How many packets inside the tunnel were refused for a reason."""
    return int(node.status()["statistics"]["refused"].get(reason, 0))


def becomes(what: str, probe: Callable[[], bool], *, expected: bool) -> None:
    """Wait until `probe` says what is expected, and see it stay so."""
    wait_for(what, lambda: probe() is expected)
    stays(what, lambda: probe() is expected, 1)


@pytest.mark.timeout(120)
@BOTH
def test_rules_open_one_port_for_one_peer_and_close_it_again(
    lab: Lab, plane: Plane, pair: Pair, family: Family
) -> None:
    node, _official = pair
    targets = [str(node.status()[family])]
    assert reaches(lab, targets[0], WEB_PORT)
    allow(plane, ("official", targets, OTHER_PORT))
    becomes("the port is closed", lambda: reaches(lab, targets[0], WEB_PORT), expected=False)
    allow(plane, ("official", targets, WEB_PORT))
    becomes("the port is open", lambda: reaches(lab, targets[0], WEB_PORT), expected=True)
    allow(plane, ("microlink", targets, WEB_PORT))
    becomes("the peer is cut off", lambda: reaches(lab, targets[0], WEB_PORT), expected=False)


@BOTH
def test_answers_pass_where_the_peer_may_not_begin(lab: Lab, plane: Plane, pair: Pair, family: Family) -> None:
    node, official = pair
    theirs = address_of(official, family)
    allow(plane, ("microlink", [theirs], WEB_PORT))
    becomes("the peer is cut off", lambda: reaches(lab, str(node.status()[family]), WEB_PORT), expected=False)
    wait_for("an answer", lambda: _answers(lab, theirs))


def _answers(lab: Lab, address: str) -> bool:
    url = f"http://{bracketed(address)}:{WEB_PORT}/file"
    with contextlib.suppress(subprocess.CalledProcessError):
        return bool(fetch(lab, "a", url, "--proxy", "socks5h://127.0.0.1:1080", seconds=5))
    return False


def test_a_peer_is_told_that_its_connection_is_not_wanted(lab: Lab, plane: Plane, pair: Pair) -> None:
    node, official = pair
    target = str(node.status()["ipv4"])
    allow(plane, ("official", [target], OTHER_PORT))
    becomes("the port is closed", lambda: reaches(lab, target, WEB_PORT), expected=False)
    wait_for("the official node says why", lambda: "rejected due to acl" in official.output())


@BOTH
def test_what_the_peer_sends_all_the_same_is_dropped_here(lab: Lab, plane: Plane, pair: Pair, family: Family) -> None:
    node, official = pair
    ours, theirs = str(node.status()[family]), address_of(official, family)
    listener = Listener(lab, "a")
    allow(plane, ("official", [ours], WEB_PORT))
    becomes("only one port is open", lambda: reaches(lab, ours, WEB_PORT), expected=True)
    becomes("the others are closed", lambda: reaches(lab, ours, OTHER_PORT), expected=False)
    # Its own client would have no part in this: the packets go straight into the tunnel.
    before = refused(node, "no rule")
    closed = [OTHER_PORT, ECHO_PORT, PORT]
    put(lab, "b", "tailscale0", *(ip(theirs, ours, TCP, syn(theirs, ours, port)) for port in closed))
    put(lab, "b", "tailscale0", *(numbered(theirs, ours, port, 1) for port in closed))
    total = before + 2 * len(closed)
    wait_for("all are counted", lambda: refused(node, "no rule") >= total)
    assert not listener.numbers()
    assert reaches(lab, ours, WEB_PORT)


def test_a_revoked_peer_is_cut_off_within_one_update(lab: Lab, plane: Plane, pair: Pair) -> None:
    node, official = pair
    targets = [str(node.status()[family]) for family in ("ipv4", "ipv6")]
    assert all(reaches(lab, target, WEB_PORT) for target in targets)
    polls = int(node.status()["statistics"]["map_polls"])
    plane.remove(plane.node("official"))
    node.wait_no_peer("official")
    # It was told, and did not ask. Later it may ask once: somebody whom it does not know goes on calling.
    assert int(node.status()["statistics"]["map_polls"]) == polls
    for target in targets:
        assert not reaches(lab, target, WEB_PORT)
        assert not official.ping(target, "ICMP")


def test_a_rule_for_one_family_says_nothing_of_the_other(lab: Lab, testcontrol: TestControl, online: Online) -> None:
    node, other = online("a", "microlink", "--serve", str(WEB_PORT)), online("b", "other", "--tun", "ml0")
    for each, name in ((node, "other"), (other, "microlink")):
        each.wait_peer(name, lambda peer: peer["home_derp"])
    serve_files(lab, "a", 1000)
    ours = {family: str(node.status()[family]) for family in ("ipv4", "ipv6")}
    theirs = {family: str(other.status()[family]) for family in ("ipv4", "ipv6")}
    assert all(reaches(lab, address, WEB_PORT) for address in ours.values())
    for family, closed in (("ipv6", "ipv4"), ("ipv4", "ipv6")):
        ports = [{"IP": ours[family], "Ports": {"First": WEB_PORT, "Last": WEB_PORT}}]
        testcontrol.admin("PUT", "/filter", [{"SrcIPs": [theirs[family]], "DstPorts": ports}])
        becomes(f"{closed} is closed", partial(reaches, lab, ours[closed], WEB_PORT), expected=False)
        becomes(f"{family} is open", partial(reaches, lab, ours[family], WEB_PORT), expected=True)


@pytest.mark.timeout(120)
def test_a_newcomer_whom_a_long_rule_names_is_let_in(lab: Lab, testcontrol: TestControl, online: Online) -> None:
    node, other = online("a", "microlink", "--serve", str(WEB_PORT)), online("b", "other", "--tun", "ml0")
    for each, name in ((node, "other"), (other, "microlink")):
        each.wait_peer(name, lambda peer: peer["home_derp"])
    serve_files(lab, "a", 1000)
    ours, theirs = str(node.status()["ipv4"]), str(other.status()["ipv4"])
    # No two addresses make a range, so the node keeps of them which of its peers are meant, and no more.
    listed = [f"100.{90 + number // 32768}.{number // 128 % 256}.{number % 128 * 2}" for number in range(300)]
    rule = {"SrcIPs": [*listed, theirs], "DstPorts": [{"IP": ours, "Ports": {"First": WEB_PORT, "Last": WEB_PORT}}]}
    testcontrol.admin("PUT", "/filter", [rule])
    registered, newcomer = testcontrol.node("microlink"), testcontrol.node("other")
    record = {key: value for key, value in testcontrol.record("other").items() if key != "Streaming"}
    testcontrol.send(registered, {"PeersRemoved": [newcomer.id]})
    node.wait_no_peer("other")
    testcontrol.send(registered, {"PacketFilters": {"*": None, "base": [rule]}})  # without the peer
    polls = int(node.status()["statistics"]["map_polls"])
    testcontrol.send(registered, {"PeersChanged": [record]})
    node.wait_peer("other")
    wait_for("the file", lambda: reaches(lab, ours, WEB_PORT), 20)
    assert int(node.status()["statistics"]["map_polls"]) == polls + 1


def test_more_rules_than_fit_are_told_of(testcontrol: TestControl, online: Online) -> None:
    node = online("a", "microlink")
    ours = str(node.status()["ipv4"])
    assert node.status()["filter_complete"] is True

    def rules(count: int) -> list[dict[str, object]]:
        return [
            {"SrcIPs": [f"100.90.0.{n}"], "DstPorts": [{"IP": ours, "Ports": {"First": n, "Last": n}}]}
            for n in range(1, count + 1)
        ]

    testcontrol.admin("PUT", "/filter", rules(MAX_RULES))
    stays("all fit", lambda: node.status()["filter_complete"], 1)
    testcontrol.admin("PUT", "/filter", rules(MAX_RULES + 1))
    wait_for("the status says so", lambda: node.status()["filter_complete"] is False)
    assert "more access rules" in node.output()
    testcontrol.admin("PUT", "/filter", rules(MAX_RULES))
    wait_for("all fit again", lambda: node.status()["filter_complete"])
