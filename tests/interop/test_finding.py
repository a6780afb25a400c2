# SPDX-License-Identifier: MIT
"""Peers that are not in the table: found by name, by every way in, when somebody wants them."""

import subprocess

import pytest

from lab import Lab
from microlinkd import Microlinkd
from nodes import Online, StartTailscaled
from peers import Tailscaled
from planes import TestControl
from traffic import WEB_PORT, bracketed, fetch, serve_files
from waiting import Stopwatch, wait_for

UNKNOWN_PEER = 7
PROXY = ("--proxy", "socks5h://127.0.0.1:1080")
CURL_PROXY_REFUSED = 97

pytestmark = pytest.mark.control("-fake", "200")


@pytest.fixture
def stranger(testcontrol: TestControl, tailscaled: StartTailscaled, online: Online) -> tuple[Microlinkd, Tailscaled]:
    """Our node with a full table, and an official one that came too late for a place in it."""
    forward = ("--forward", f"8081:official:{WEB_PORT}")
    node = online("a", "microlink", "--socks5", "127.0.0.1:1080", *forward)
    wait_for("the table is full", lambda: node.status()["peers"]["in_table"] == len(node.peers()) == 16)
    official = tailscaled("b", "official", tun="tailscale0")
    assert testcontrol.node("official").online
    official.sees("microlink")
    wait_for("control knows its home", lambda: testcontrol.record("official")["HomeDERP"])
    assert node.peer("official") is None
    return node, official


def test_priority_peer_has_a_place_before_it_is_needed(stranger: tuple[Microlinkd, Tailscaled], online: Online) -> None:
    # It came too late for the other node's table, and nobody wants to talk with it.
    _node, official = stranger
    node = online("a", "careful", "--priority-peer", "nobody", "--priority-peer", "official")
    wait_for("the table is full", lambda: node.status()["peers"]["in_table"] == len(node.peers()) == 16)
    assert node.peer("official")
    assert node.ping(official.names()["short"])
    assert node.status()["statistics"]["map_polls"] == 1


@pytest.mark.parametrize("form", ["short", "fqdn", "ipv4", "ipv6", "key"])
def test_ping_finds_a_peer_outside_the_table(stranger: tuple[Microlinkd, Tailscaled], form: str) -> None:
    node, official = stranger
    names = official.names()
    polls = node.status()["statistics"]["map_polls"]
    watch = Stopwatch()
    assert node.ping(names[form])["node_key"] == names["key"]
    watch.lap(f"ping of a stranger by {form}")
    assert node.peer("official")
    wait_for("one poll", lambda: node.status()["statistics"]["map_polls"] == polls + 1)


def test_who_is_not_in_the_tailnet_is_said_soon_and_asked_for_once(stranger: tuple[Microlinkd, Tailscaled]) -> None:
    node, _official = stranger
    watch = Stopwatch()
    for _ in range(3):
        done = node.command("ping", "nobody")
        assert done.returncode == UNKNOWN_PEER, done.stderr
        assert "nobody" in done.stderr
    assert watch.lap("three pings of nobody") < 10
    assert node.status()["statistics"]["map_polls"] == 2


@pytest.mark.parametrize("way", ["name", "ipv4", "ipv6", "forward"])
def test_proxy_and_forwards_lead_to_a_peer_outside_the_table(
    lab: Lab, stranger: tuple[Microlinkd, Tailscaled], way: str
) -> None:
    node, official = stranger
    file = serve_files(lab, "b", 200_000)
    addresses = official.status()["TailscaleIPs"]
    host = {"name": "official", "ipv4": addresses[0], "ipv6": addresses[1], "forward": "127.0.0.1"}[way]
    port, options = (8081, ()) if way == "forward" else (WEB_PORT, PROXY)
    assert fetch(lab, "a", f"http://{bracketed(host)}:{port}/file", *options) == file.read_bytes()
    assert node.peer("official")


def test_proxy_says_soon_that_nobody_has_that_name(lab: Lab, stranger: tuple[Microlinkd, Tailscaled]) -> None:
    assert stranger
    watch = Stopwatch()
    with pytest.raises(subprocess.CalledProcessError) as caught:
        fetch(lab, "a", f"http://nobody:{WEB_PORT}/", *PROXY)
    assert caught.value.returncode == CURL_PROXY_REFUSED
    assert watch.lap("nobody, through the proxy") < 10


@pytest.mark.timeout(240)
def test_twenty_strangers_contacted_at_once_all_answer(testcontrol: TestControl, lab: Lab, online: Online) -> None:
    node = online("a", "microlink", "--tun", "ml0")
    wait_for("the table is full", lambda: len(node.peers()) == 16)
    strangers = [online("b", f"stranger-{number}") for number in range(20)]
    addresses = [str(stranger.status()["ipv4"]) for stranger in strangers]
    assert testcontrol.node("microlink").online
    assert not any(node.peer(stranger.name) for stranger in strangers)
    watch = Stopwatch()
    programs = [
        subprocess.Popen([*lab.enter("a"), "ping", "-c", "1", "-i", "0.5", "-w", "60", address], stdout=subprocess.PIPE)
        for address in addresses
    ]
    answered = [program.communicate(timeout=70)[0] for program in programs]
    seconds = watch.lap("twenty strangers, contacted at once")
    assert [program.returncode for program in programs] == [0] * 20, answered
    statistics = node.status()["statistics"]
    print(f"{statistics['map_polls']} maps, {statistics['map_bytes']} bytes")
    assert seconds < 40
    assert statistics["map_polls"] <= 5
