# SPDX-License-Identifier: MIT
"""A tailnet of ten thousand peers and a table of sixteen: whoever is needed is found, in constant memory."""

import json
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab import Lab, Place
from microlinkd import Microlinkd
from nodes import MakeMicrolinkd
from peers import Tailscaled
from planes import TestControl
from traffic import ECHO_PORT, serve_echo
from waiting import wait_for

type Crowd = tuple[Microlinkd, list[str]]
INVENTED = 10_000
PEERS = 20
TABLE = 16
SOCKS_PORT = 1080
ANSWER_SECONDS = 5.0  # after the poll that found the peer
POLL_SECONDS = 30  # between polls, when three were made in a row
BURST = 3
MOST_GROWTH_KIB = 512
FRESH = 5

# Sends some bytes to each address through a SOCKS proxy until the same come back; one line of JSON for each that
# answered, with the time.
_CALL = """
import json, socket, sys, threading, time
whole_lines = threading.Lock()
proxy, port, deadline = int(sys.argv[1]), int(sys.argv[2]), time.time() + float(sys.argv[3])
def call(address):
    data = address.encode() * 50
    while time.time() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", proxy), 5) as s:
                s.settimeout(max(1, deadline - time.time()))
                s.sendall(b"\\5\\1\\0")
                s.recv(2)
                s.sendall(b"\\5\\1\\0\\1" + socket.inet_aton(address) + port.to_bytes(2, "big"))
                if s.recv(10)[1:2] != b"\\0":
                    time.sleep(0.2)
                    continue
                s.sendall(data)
                got = b""
                while len(got) < len(data):
                    got += s.recv(4096)
                assert got == data
                with whole_lines:
                    print(json.dumps([address, time.time()]), flush=True)
                return
        except OSError:
            time.sleep(0.2)
threads = [threading.Thread(target=call, args=(each,)) for each in sys.argv[4:]]
for each in threads: each.start()
for each in threads: each.join()
"""

pytestmark = [pytest.mark.timeout(300), pytest.mark.control("-fake", str(INVENTED), "-fake-for", "microlink")]


def call(lab: Lab, place: Place, addresses: Sequence[str], seconds: float, proxy: int = SOCKS_PORT) -> dict[str, float]:
    """Exchange bytes with the echo service of each address at once; when each answered, by Unix time."""
    argv = [sys.executable, "-c", _CALL, str(proxy), str(ECHO_PORT), str(seconds), *addresses]
    out = lab.run(place, *argv, seconds=seconds + 20)
    return dict(json.loads(line) for line in out.splitlines())


class Polls:
    """Watches when a node has read the whole netmap."""

    def __init__(self, node: Microlinkd) -> None:
        """Begin."""
        self._node = node
        self._ends: list[float] = []
        self._done = threading.Event()
        self._last = self._count()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _count(self) -> int:
        return int(self._node.status()["statistics"]["map_polls"])

    def _watch(self) -> None:
        while not self._done.is_set():
            count = self._count()
            if count != self._last:
                self._ends.append(time.time())
                self._last = count
            self._done.wait(0.05)

    def ends(self) -> list[float]:
        """End; when each poll ended, by Unix time."""
        self._done.set()
        self._thread.join()
        return self._ends


@pytest.fixture
def crowd(lab: Lab, testcontrol: TestControl, microlinkd: MakeMicrolinkd) -> Crowd:
    """Our node at a with a SOCKS proxy; the addresses of twenty official nodes at b that serve an echo.

    They have network stacks of their own, which lead connections to the local echo. The invented peers are shown to our
    node alone: a netmap of ten thousand costs an official node 110 MiB.
    """
    serve_echo(lab, "b")
    peers = [
        Tailscaled(lab, "b", f"peer-{number}", options=[f"--socks5-server=127.0.0.1:{11000 + number}"])
        for number in range(PEERS)
    ]
    for peer in peers:  # not in a thread: a child ends with the thread that has started it
        peer.start(testcontrol.ca)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda peer: peer.join(testcontrol), peers))
    addresses = [peer.ip() for peer in peers]
    node = microlinkd("a")
    node.start("--socks5", f"127.0.0.1:{SOCKS_PORT}", "--serve", str(ECHO_PORT), "--log-level", "info")
    node.wait_state("online", 60)
    return node, addresses


def in_table(node: Microlinkd) -> set[str]:
    """Addresses of the peers in a node's table."""
    return {str(peer["ipv4"]) for peer in node.peers()}


def test_twenty_of_ten_thousand_peers_are_reached_at_once_and_one_by_one(lab: Lab, crowd: Crowd) -> None:
    node, addresses = crowd
    wait_for("the whole netmap", lambda: node.status()["peers"]["in_tailnet"] == INVENTED + PEERS)
    resident = node.usage().resident_kib
    start = time.time()
    polls = Polls(node)
    answered = call(lab, "a", addresses, 100)
    ends = polls.ends()
    report = node.status()
    times = sorted(round(at - start, 1) for at in answered.values())
    print(f"{PEERS} of {INVENTED + PEERS} peers at once: answers after {times} s")
    print(f"polls ended after {[round(end - start, 1) for end in ends]} s")
    assert set(answered) == set(addresses)
    for address, at in answered.items():
        found = max((end for end in ends if end <= at), default=start)
        assert at - found <= ANSWER_SECONDS, address
    assert report["peers"]["in_table"] <= TABLE

    strangers = [address for address in addresses if address not in in_table(node)][:FRESH]
    assert strangers
    for number, address in enumerate(strangers):
        limit = ANSWER_SECONDS + (POLL_SECONDS + ANSWER_SECONDS if number or len(ends) >= BURST else 0)
        begun = time.time()
        assert call(lab, "a", [address], limit + POLL_SECONDS), address
        print(f"one more, {address}: {time.time() - begun:.1f} s")
        assert time.time() - begun <= limit + ANSWER_SECONDS, address
    statistics = node.status()["statistics"]
    grown = node.usage().resident_kib - resident
    print(f"{statistics['map_bytes'] / 1e6:.1f} MB in {statistics['map_polls']} polls; {resident} KiB + {grown} KiB")
    assert grown <= MOST_GROWTH_KIB


def test_a_policy_that_lists_ten_thousand_sources_lets_the_right_ones_in(
    lab: Lab, testcontrol: TestControl, crowd: Crowd
) -> None:
    node, addresses = crowd
    serve_echo(lab, "a")
    ours = str(node.status()["ipv4"])
    welcome = addresses[::2]
    # Every second address: no two of them make a range.
    listed = [f"100.{90 + number // 32768}.{number // 128 % 256}.{number % 128 * 2}" for number in range(INVENTED)]
    for number, address in enumerate(welcome):
        listed.insert(number * INVENTED // len(welcome), address)
    ports = [{"IP": ours, "Ports": {"First": ECHO_PORT, "Last": ECHO_PORT}}]
    testcontrol.admin("PUT", "/filter", [{"SrcIPs": listed, "DstPorts": ports}])

    def reach(numbers: Sequence[int], seconds: float) -> set[str]:
        """Which of the peers get an answer from our node; all try at once."""
        got: set[str] = set()

        def one(number: int) -> None:
            if ours in call(lab, "b", [ours], seconds, 11000 + number):
                got.add(addresses[number])

        threads = [threading.Thread(target=one, args=(number,)) for number in numbers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return got

    refused = node.status()["statistics"]["refused"].get("no rule", 0)
    assert reach(range(0, PEERS, 2), 120) == set(welcome)
    assert reach(range(1, PEERS, 2), 20) == set()
    print(node.status()["statistics"])
    assert node.status()["statistics"]["refused"].get("no rule", 0) > refused
