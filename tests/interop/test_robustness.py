# SPDX-License-Identifier: MIT
"""Bad networks and repeated packets: what was sent arrives, unaltered and never twice, and the session lives on."""

import contextlib
import itertools
import subprocess
import sys

import pytest

from flood import Flood
from lab import Lab, Place
from listener import PORT, Listener, say
from microlinkd import Microlinkd
from nodes import Online, StartTailscaled
from peers import Tailscaled
from planes import TestControl
from traffic import WEB_PORT, fetch, serve_files
from waiting import Stopwatch, stays, wait_for
from wire import Host, Wire

pytestmark = [pytest.mark.sanitized, pytest.mark.timeout(180)]

# Of every length, beginning like nothing, like WireGuard's messages, DISCO or STUN.
_GARBAGE = """
import random, socket, sys, time
randomness = random.Random(7)
heads = [b"", b"TS\\xf0\\x9f\\x92\\xac", bytes.fromhex("0101000c2112a442")]
heads += [bytes([kind, 0, 0, 0]) for kind in (1, 2, 3, 4)]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    for head in heads:
        for size in [*range(200), 1200, 1452, 1472, 1500, 2048, 4096, 9000, 65507]:
            body = head + randomness.randbytes(max(0, size - len(head)))
            s.sendto(body[:size], (sys.argv[1], int(sys.argv[2])))
            time.sleep(0.0005)
"""

type Pair = tuple[Microlinkd, Tailscaled]
INTERFACE = "ml0"
PACKETS = 1000
FLOOD_PER_SECOND = 2000
RELAYED_FLOOD_PER_SECOND = 60
RELAYED_CALL_SECONDS = 20


def dropped(node: Microlinkd, reason: str) -> int:
    """How many packets were dropped for a reason."""
    return int(node.status()["statistics"]["rx_dropped"].get(reason, 0))


def _meet(lab: Lab, node: Microlinkd, official: Tailscaled, *, caller: Host = "a") -> Pair:
    official.sees("microlink")
    node.wait_peer("official", lambda peer: peer["home_derp"])
    node.ping_directly("official")
    official.pinged_directly(str(node.status()["ipv4"]))
    _ping(lab, caller, official.ip() if caller == "a" else str(node.status()["ipv4"]))
    return node, official


def _ping(lab: Lab, host: Host, address: str) -> None:
    """Three pongs, whoever calls first."""
    lab.run(host, "ping", "-c", "3", "-i", "0.2", "-W", "5", address)


@pytest.fixture
def pair(lab: Lab, testcontrol: TestControl, tailscaled: StartTailscaled, online: Online) -> Pair:
    """Our node at a and an official one at b, both with an interface, on a direct path."""
    assert testcontrol.url
    return _meet(lab, online("a", "microlink", "--tun", INTERFACE), tailscaled("b", "official", tun="tailscale0"))


@pytest.mark.timeout(400)
def test_thirty_per_cent_loss_both_ways_slows_down_but_breaks_nothing(lab: Lab, pair: Pair) -> None:
    node, official = pair
    files = {"a": serve_files(lab, "a", 60_000), "b": serve_files(lab, "b", 60_000)}
    lab.lose("a", 30)
    watch = Stopwatch()
    pongs = lab.run("a", "sh", "-c", f"ping -c 60 -i 0.05 -W 2 {official.ip()} || true")
    got = int(pongs.split(" packets transmitted, ")[1].split(" ")[0])
    print(f"30 % loss each way: {got} of 60 pongs")
    assert got >= 10  # 29 are to be expected on the direct path alone
    assert _fetch_in_tries(lab, "a", f"http://{official.ip()}:{WEB_PORT}/file") == files["b"].read_bytes()
    watch.lap("30 % loss each way: 60 pings and 60 kB in")
    assert _fetch_in_tries(lab, "b", f"http://{node.status()['ipv4']}:{WEB_PORT}/file") == files["a"].read_bytes()
    watch.lap("30 % loss each way: and 60 kB out")
    lab.lose("a", 0)
    node.ping_directly("official", 40)


def _fetch_in_tries(lab: Lab, place: Place, url: str) -> bytes:
    """Fetch a file, with a new connection when one stands still.

    The pauses of TCP double with each loss: one connection in a few stops for a minute, whatever carries it.
    """

    def attempt() -> bytes | None:
        with contextlib.suppress(subprocess.CalledProcessError):
            return fetch(lab, place, url, seconds=15)
        return None

    return wait_for(f"{url} in one of many tries", attempt, 150)


@pytest.mark.parametrize("stack", ["interface", "own"])
def test_reordered_and_duplicated_packets_arrive_once(
    lab: Lab, testcontrol: TestControl, tailscaled: StartTailscaled, online: Online, stack: str
) -> None:
    assert testcontrol.url
    options = ["--tun", INTERFACE] if stack == "interface" else ["--serve", f"{PORT},{WEB_PORT}"]
    node, official = online("a", "microlink", *options), tailscaled("b", "official", tun="tailscale0")
    official.sees("microlink")
    node.wait_peer("official", lambda peer: peer["home_derp"])
    node.ping_directly("official")
    official.pinged_directly(str(node.status()["ipv4"]))
    wire = Wire(lab)
    wire.weather(jitter=0.03, duplicated=25)
    listeners = {"a": Listener(lab, "a"), "b": Listener(lab, "b")}
    say(lab, "b", str(node.status()["ipv4"]), PACKETS)
    if stack == "interface":
        say(lab, "a", official.ip(), PACKETS)
    for host in ("a", "b") if stack == "interface" else ("a",):
        _check_numbers(listeners[host])
    assert dropped(node, "replayed") > PACKETS // 10
    file = serve_files(lab, "a", 300_000)
    assert fetch(lab, "b", f"http://{node.status()['ipv4']}:{WEB_PORT}/file") == file.read_bytes()


def _check_numbers(listener: Listener) -> None:
    numbers = listener.numbers

    def enough() -> bool:
        return len(set(numbers())) >= PACKETS * 95 // 100

    wait_for(f"packets at {listener.name}", enough)
    stays("each came once", lambda: len(set(numbers())) == len(numbers()), 1)
    late = sum(one > other for one, other in itertools.pairwise(numbers()))
    print(f"{listener.name}: {len(numbers())} of {PACKETS}, {late} of them late")
    assert late > 0  # the wire did its work


@pytest.mark.parametrize("shuffled", [False, True], ids=["in-order", "shuffled"])
@pytest.mark.parametrize("caller", ["a", "b"])
def test_a_whole_session_played_again_changes_nothing(
    lab: Lab, testcontrol: TestControl, tailscaled: StartTailscaled, online: Online, caller: Host, *, shuffled: bool
) -> None:
    assert testcontrol.url
    wire = Wire(lab)  # before the nodes meet: it sees the first ping and the first handshake
    node, official = _meet(
        lab,
        online("a", "microlink", "--tun", INTERFACE),
        tailscaled("b", "official", tun="tailscale0"),
        caller=caller,
    )
    listener = Listener(lab, "a")
    say(lab, "b", str(node.status()["ipv4"]), 300)
    wait_for("the packets", lambda: len(listener.numbers()) >= 280)
    before, said = node.status()["statistics"], listener.numbers()
    direct = node.wait_peer("official", lambda peer: peer["direct"])["direct"]
    sent = wire.replay("a", shuffled=shuffled)
    print(f"played again: {sent}")
    assert sent["data"] >= 280
    assert sent.get("response" if caller == "a" else "initiation", 0) >= 1
    assert sent["disco"] >= 1
    wait_for("the counter", lambda: dropped(node, "replayed") >= before["rx_dropped"].get("replayed", 0) + 280)
    after = node.status()["statistics"]
    print(f"before {before['rx_dropped']}, after {after['rx_dropped']}")
    assert after["rx_packets"] - before["rx_packets"] <= 20  # what the peer says by itself in the meantime
    assert listener.numbers() == said
    # The session lives, on the same path, both ways.
    _ping(lab, "a", official.ip())
    _ping(lab, "b", str(node.status()["ipv4"]))
    assert node.wait_peer("official", lambda peer: peer["direct"])["direct"] == direct


def test_a_flood_of_handshakes_does_not_stop_a_session_or_a_new_peer(
    lab: Lab, testcontrol: TestControl, tailscaled: StartTailscaled, pair: Pair
) -> None:
    assert testcontrol.url
    node, official = pair
    address = str(node.status()["ipv4"])
    file = serve_files(lab, "a", 1_000_000)
    endpoint = next(each for each in node.status()["endpoints"] if each.startswith(lab.address("a")))
    before = node.usage().cpu_seconds
    watch = Stopwatch()
    flood = Flood(lab, "inet", endpoint, str(node.status()["node_key"]), FLOOD_PER_SECOND)
    assert fetch(lab, "b", f"http://{address}:{WEB_PORT}/file") == file.read_bytes()
    _ping(lab, "b", address)
    other = tailscaled("b", "other", tun="tailscale1")
    other.sees("microlink")
    assert other.pinged(address, "TSMP")
    stays("the session carries packets", lambda: official.pinged(address, "TSMP"), 3)
    seconds, cpu = watch.seconds(), node.usage().cpu_seconds - before
    report = flood.end()
    print(f"flood: {report} in {seconds:.1f} s, {cpu:.2f} CPU seconds of the node; drops {node.status()['statistics']}")
    assert report["cookies"] > report["sent"] // 10
    assert report["other"] == 0  # nobody gets a response without a key that control named
    assert dropped(node, "not ready") >= report["cookies"]
    _ping(lab, "b", address)


@pytest.mark.nat("lan", "blocked")
def test_a_flood_over_udp_does_not_keep_out_who_comes_by_a_relay(
    lab: Lab, testcontrol: TestControl, online: Online
) -> None:
    node, other = online("a", "microlink", "--tun", INTERFACE), online("b", "other", "--tun", INTERFACE)
    for each, name in ((node, "other"), (other, "microlink")):
        each.wait_peer(name, lambda peer: peer["home_derp"])
    assert testcontrol.url
    endpoint = next(each for each in node.status()["endpoints"] if each.startswith(lab.address("a")))
    flood = Flood(lab, "inet", endpoint, str(node.status()["node_key"]), RELAYED_FLOOD_PER_SECOND)
    wait_for("cookies are asked for", lambda: dropped(node, "not ready"))
    # One call is answered with a cookie, the next one, 5 s later, with a session.
    pongs = lab.run("b", "ping", "-c", "1", "-w", str(RELAYED_CALL_SECONDS), str(node.status()["ipv4"]))
    print(flood.end(), pongs.splitlines()[-1])
    assert node.wait_peer("other")["direct"] is None


def test_garbage_of_every_length_is_dropped_and_counted(lab: Lab, pair: Pair) -> None:
    node, _official = pair
    endpoint = next(each for each in node.status()["endpoints"] if each.startswith(lab.address("a")))
    before = _all_dropped(node)
    host, port = endpoint.rsplit(":", 1)
    lab.run("inet", sys.executable, "-c", _GARBAGE, host, port)
    wait_for(
        "most of them are counted", lambda: sum(node.status()["statistics"]["rx_dropped"].values()) > before + 1200
    )
    print(node.status()["statistics"])
    _ping(lab, "b", str(node.status()["ipv4"]))


def _all_dropped(node: Microlinkd) -> int:
    return sum(node.status()["statistics"]["rx_dropped"].values())
