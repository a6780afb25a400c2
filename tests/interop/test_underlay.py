# SPDX-License-Identifier: MIT
"""Two ways out of the house: the preferred one goes, comes back, and changes its address, while data flows."""

import re
import statistics
import sys
import time
from typing import Literal

import pytest

from lab import Lab
from microlinkd import Microlinkd
from nodes import Meet
from peers import Tailscaled
from planes import Plane
from process import Process
from traffic import ECHO_PORT, serve_echo
from waiting import Stopwatch, wait_for

INTERFACE = "ml0"
REBOUND_SECONDS = 0.33  # from the change until every connection is made anew from where packets leave now
FIRST_PACKET_SECONDS = 7.0  # from the change to the answer to a packet that was sent after it

WIRE, MOVED, RADIO = "10.1.0.2", "10.1.0.3", "10.3.0.2"
_ROUTE = "ip route replace default via 10.1.0.1 dev eth0 metric 100"
_UNADDRESSED = "ip address flush dev eth0 scope global"
# What happens to the preferred underlay, and the address that packets leave from afterwards.
CHANGES = (
    ("link down", "ip link set eth0 down", RADIO),
    ("link up", f"ip link set eth0 up && {_ROUTE}", WIRE),
    ("address gone", _UNADDRESSED, RADIO),
    ("address back", f"ip address add {WIRE}/24 dev eth0 && {_ROUTE}", WIRE),
    ("route gone", "ip route delete default dev eth0", RADIO),
    ("route back", _ROUTE, WIRE),
    ("another address", f"{_UNADDRESSED} && ip address add {MOVED}/24 dev eth0 && {_ROUTE}", MOVED),
)
PUBLIC = {WIRE: "198.51.100.10", MOVED: "198.51.100.10", RADIO: "198.51.100.30"}

# To an echo server: numbered records on one TCP connection for as long as it lives, and beside it datagrams. One line
# for each answer, with the time when it was asked and when it came.
_TALK = """
import itertools, socket, sys, threading, time
where = (sys.argv[1], int(sys.argv[2]))
def tell(kind, asked):
    sys.stdout.write(f"{kind} {asked} {time.time()}\\n")
    sys.stdout.flush()
def datagrams():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    while True:
        asked = time.time()
        s.sendto(str(asked).encode(), where)
        while (left := asked + 0.02 - time.time()) > 0:
            s.settimeout(left)
            try:
                tell("datagram", s.recv(100).decode())
            except TimeoutError:
                pass
threading.Thread(target=datagrams, daemon=True).start()
with socket.create_connection(where, 10) as s:
    s.settimeout(None)
    for number in itertools.count():
        asked, record = time.time(), number.to_bytes(8) * 125
        s.sendall(record)
        got = b""
        while len(got) < len(record):
            piece = s.recv(65536)
            assert piece, "the connection ended"
            got += piece
        assert got == record, number
        tell("record", asked)
        time.sleep(0.01)
"""

type Kind = Literal["record", "datagram"]


class Talk(Process):
    """A conversation from a to an echo server, over TCP and UDP, without an end."""

    def __init__(self, lab: Lab, address: str) -> None:
        """Begin, and wait for the first answers."""
        super().__init__(lab.enter("a"), "talk", lab.directory / "talk")
        lab.adopt(self).spawn([sys.executable, "-c", _TALK, address, str(ECHO_PORT)])
        for kind in ("record", "datagram"):
            self.answered("record" if kind == "record" else "datagram", 0, 20)

    def answered(self, kind: Kind, after: float, seconds: float) -> float:
        """Wait for the answer to something that was asked after a time; when it came."""

        def probe() -> float | None:
            assert self.running(), self.tail()
            lines = re.findall(rf"^{kind} ([\d.]+) ([\d.]+)\n", self.out.read_text(), re.MULTILINE)
            return next((float(came) for asked, came in lines if float(asked) > after), None)

        return wait_for(f"answer to a {kind}", probe, seconds)


def sources(lab: Lab, node: Microlinkd) -> set[str]:
    """Return the addresses that the daemon's TCP connections are made from."""
    listing = lab.run("a", "ss", "-Htnp", "state", "connected").splitlines()
    return {line.split()[3].rsplit(":", 1)[0] for line in listing if f"pid={node.pid}," in line}


def connections_come_from(lab: Lab, node: Microlinkd, source: str) -> float:
    """Wait until the daemon's TCP connections are made from an address; the time then."""
    wait_for(f"connections from {source}", lambda: sources(lab, node) == {source})
    return time.time()


def instrument(lab: Lab, node: Microlinkd) -> float:
    """Seconds that it takes to change something and to look once."""
    watch = Stopwatch()
    for _ in range(3):
        lab.run("a", "sh", "-c", "ip link show eth0 && ip route show")
        sources(lab, node)
    return watch.seconds() / 3


@pytest.fixture(params=["direct", "relayed"])
def pair(lab: Lab, plane: Plane, meet: Meet, request: pytest.FixtureRequest) -> tuple[Microlinkd, Tailscaled]:
    """Our node at a with two underlays, an official one at b."""
    assert plane.url
    lab.add_underlay("a")
    return meet("--tun", INTERFACE, relayed=request.param == "relayed")


@pytest.mark.timeout(200)
@pytest.mark.nat("easy", "lan")
def test_connections_survive_whatever_happens_to_the_preferred_underlay(
    lab: Lab, plane: Plane, pair: tuple[Microlinkd, Tailscaled], request: pytest.FixtureRequest
) -> None:
    node, official = pair
    relayed = "relayed" in request.node.name
    serve_echo(lab, "b")
    talk = Talk(lab, official.ip())
    handshake = (official.peer("microlink") or {})["LastHandshake"]
    assert sources(lab, node) == {WIRE}
    rebounds = []
    for name, command, source in CHANGES:
        before = time.time()
        lab.run("a", "sh", "-c", command)
        changed = time.time()  # what was asked earlier may have gone the old way
        rebound = connections_come_from(lab, node, source) - before
        packet = talk.answered("datagram", changed, FIRST_PACKET_SECONDS + 5) - before
        record = talk.answered("record", changed, 20) - before
        print(
            f"{name}: connections anew after {rebound:.2f} s, first packet {packet:.2f} s, TCP goes on {record:.2f} s"
        )
        rebounds.append(rebound)
        assert packet < FIRST_PACKET_SECONDS
        settled(plane, node, PUBLIC[source], relayed=relayed)
    # One may be late on a machine that has other things to do.
    assert statistics.median(rebounds) < REBOUND_SECONDS + instrument(lab, node)
    assert (official.peer("microlink") or {})["LastHandshake"] == handshake


def settled(plane: Plane, node: Microlinkd, public: str, *, relayed: bool) -> None:
    """Wait until everything that belongs to an underlay was renewed."""
    node.wait_state("online")
    assert node.status()["relay"]["connected"]
    wait_for("control has a map stream", lambda: plane.node("microlink").online)
    if relayed:
        return
    node.wait_peer("official", lambda peer: peer["direct"], 20)
    others = set(PUBLIC.values()) - {public}

    def renewed() -> bool:
        endpoints = [str(endpoint).rsplit(":", 1)[0] for endpoint in node.status()["endpoints"]]
        return public in endpoints and not others & set(endpoints)

    wait_for(f"endpoints with {public}", renewed)
