# SPDX-License-Identifier: MIT
"""A peer that may be in the tailnet but does not keep to its rules: nothing of it comes through, all of it is counted.

The peer is an official node whose system sends whatever it likes into the tunnel: it seals what it is given.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from inner import ICMP, TCP, UDP, Host, ip, numbered, put, syn, udp
from lab import Lab
from listener import PORT, Listener
from microlinkd import Microlinkd
from nodes import Online, StartTailscaled
from peers import Tailscaled
from planes import TestControl
from waiting import stays, wait_for

pytestmark = [pytest.mark.sanitized, pytest.mark.timeout(120)]

INTERFACE = "ml0"
THEIRS = "tailscale0"
EACH = 20


@dataclass(kw_only=True)
class Scene:
    """Our node at a, a peer at b, and a second, innocent one."""

    lab: Lab
    plane: TestControl
    node: Microlinkd
    official: Tailscaled
    innocent: Microlinkd
    stack: Literal["interface", "own"]

    def ours(self, family: str = "ipv4") -> str:
        """Our address in the tailnet."""
        return str(self.node.status()[family])

    def theirs(self, family: str = "ipv4") -> str:
        """Return the peer's address in the tailnet."""
        return str(self.official.status()["TailscaleIPs"][0 if family == "ipv4" else 1])

    def statistics(self) -> dict[str, Any]:
        """Our node's counters."""
        statistics: dict[str, Any] = self.node.status()["statistics"]
        return statistics

    def refused(self) -> Counter[str]:
        """Count of packets from the peer that did not pass, by reason; those that our own system sends are not."""
        refused = self.statistics()["refused"]
        return Counter({reason: count for reason, count in refused.items() if not reason.startswith("outbound")})

    def put(self, *packets: bytes) -> None:
        """Let the peer's system send packets."""
        put(self.lab, "b", THEIRS, *packets)

    def still_talks(self) -> None:
        """Packets that keep to the rules pass both ways."""
        assert self.official.pinged(self.ours(), "ICMP")
        assert self.official.pinged(self.ours("ipv6"), "TSMP")


@pytest.fixture(params=["interface", "own"])
def scene(
    lab: Lab, testcontrol: TestControl, tailscaled: StartTailscaled, online: Online, request: pytest.FixtureRequest
) -> Scene:
    """Bring the three together, with the tunnel up."""
    options = ["--tun", INTERFACE] if request.param == "interface" else ["--serve", str(PORT)]
    node, innocent = online("a", "microlink", *options), online("b", "innocent")
    official = tailscaled("b", "official", tun=THEIRS)
    official.sees("microlink")
    for name in ("official", "innocent"):
        node.wait_peer(name, lambda peer: peer["home_derp"])
    node.ping_directly("official")
    scene = Scene(lab=lab, plane=testcontrol, node=node, official=official, innocent=innocent, stack=request.param)
    scene.still_talks()
    return scene


def test_a_source_that_is_not_the_peers_own_is_dropped(scene: Scene) -> None:
    listener = Listener(scene.lab, "a")
    sources = [str(scene.innocent.status()["ipv4"]), "100.100.100.1", scene.ours(), "8.8.8.8", "127.0.0.1", "0.0.0.0"]
    sixes = [str(scene.innocent.status()["ipv6"]), "fd7a:115c:a1e0::77", scene.ours("ipv6"), "2001:db8::1", "::1"]
    before = scene.refused()
    for family, spoofed in (("ipv4", sources), ("ipv6", sixes)):
        for source in spoofed:
            scene.put(*(numbered(source, scene.ours(family), PORT, 1) for _ in range(EACH)))
    total = EACH * (len(sources) + len(sixes))
    wait_for("they are counted", lambda: (scene.refused() - before).total() >= total)
    assert scene.refused() - before == {"spoofed source": total}
    print(scene.statistics())
    scene.put(numbered(scene.theirs(), scene.ours(), PORT, 42))
    wait_for("the honest one comes", lambda: listener.numbers() == [42])
    stays("nothing else", lambda: listener.numbers() == [42], 1)
    scene.still_talks()


def test_a_destination_that_is_not_our_own_is_dropped(scene: Scene) -> None:
    others = {"ipv4": str(scene.innocent.status()["ipv4"]), "ipv6": str(scene.innocent.status()["ipv6"])}
    # Control's word is needed for the peer to send these to us: it gives our node the addresses of another.
    record = {key: value for key, value in scene.plane.record("microlink").items() if key != "Streaming"}
    extra = [f"{others['ipv4']}/32", f"{others['ipv6']}/128", "100.99.0.7/32"]
    record["Addresses"] = [*record["Addresses"], *extra]
    record["AllowedIPs"] = [*(record.get("AllowedIPs") or ()), *extra]
    scene.plane.send(
        scene.plane.node("official"),
        {"PeersRemoved": [scene.plane.node("innocent").id], "PeersChanged": [record]},
    )
    wait_for("the peer believes it", lambda: "100.99.0.7" in (scene.official.peer("microlink") or {})["TailscaleIPs"])
    before, written = scene.refused(), _written(scene)
    for family, destination in (*others.items(), ("ipv4", "100.99.0.7")):
        source = scene.theirs(family)
        scene.put(
            *(numbered(source, destination, PORT, 1) for _ in range(EACH)),
            *(ip(source, destination, TCP, syn(source, destination, PORT)) for _ in range(EACH)),
        )
    source, destination = scene.theirs(), "100.99.0.7"
    scene.put(*(ip(source, destination, UDP, bytes(64), fragment=160) for _ in range(EACH)))
    scene.put(*(ip(source, destination, ICMP, b"\x08\0\xf7\xff" + bytes(60)) for _ in range(EACH)))
    wait_for("they are counted", lambda: (scene.refused() - before).total() >= 8 * EACH)
    assert scene.refused() - before == {"foreign destination": 8 * EACH}
    assert _written(scene) - written <= 5  # what the peer's system says by itself
    print(scene.statistics())
    scene.still_talks()


def _written(scene: Scene) -> int:
    """How many packets our node gave to its interface, 0 when it has none."""
    if scene.stack == "own":
        return 0
    return int(scene.lab.run("a", "cat", f"/sys/class/net/{INTERFACE}/statistics/rx_packets"))


def test_fragments_are_put_together_and_lonely_ones_forgotten(scene: Scene) -> None:
    listener = Listener(scene.lab, "a")
    source, destination = scene.theirs(), scene.ours()
    whole = udp(source, destination, PORT, b"%08d" % 800 + bytes(800))

    def pieces(number: int, cut: int) -> tuple[bytes, bytes]:
        return (
            ip(source, destination, UDP, whole[:cut], more=True, number=number),
            ip(source, destination, UDP, whole[cut:], fragment=cut, number=number),
        )

    scene.put(*pieces(1, 400))
    wait_for("the packet in two pieces", lambda: listener.numbers() == [800])
    scene.put(*reversed(pieces(2, 400)))
    wait_for("the other way round", lambda: listener.numbers() == [800, 800])
    # Pieces without a first one, more than any stack keeps.
    scene.put(
        *(ip(source, destination, UDP, bytes(1000), fragment=800, more=True, number=1000 + n) for n in range(500))
    )
    scene.still_talks()
    assert listener.numbers() == [800, 800]
    scene.put(numbered(source, destination, PORT, 42))
    wait_for("a packet in one piece", lambda: listener.numbers()[-1] == 42)


def test_packets_of_every_length_and_with_lying_headers_do_no_harm(scene: Scene) -> None:
    for host, interface in (("a", "eth0"), ("b", "eth0"), ("b", THEIRS)):
        scene.lab.run(_host(host), "ip", "link", "set", "dev", interface, "mtu", "9000")
    scene.lab.run("inet", "sh", "-c", "for d in br0 to-a to-b; do ip link set dev $d mtu 9000; done")
    source, destination = scene.theirs(), scene.ours()
    packets = []
    for size in (0, 1, 8, 1251, 1252, 1253, 1280, 1400, 1472, 2000, 4000, 8000):
        packets.append(ip(source, destination, UDP, udp(source, destination, PORT, bytes(size))))
        packets.append(ip(source, destination, ICMP, b"\x08\0" + bytes(2) + bytes(size)))
    honest = numbered(source, destination, PORT, 100)
    packets += [honest[:size] for size in range(28, len(honest))]  # shorter ones end the official node
    packets += [honest[:at] + bytes([value]) + honest[at + 1 :] for at in range(28) for value in (0, 0x7F, 0xFF)]
    six = numbered(scene.theirs("ipv6"), scene.ours("ipv6"), PORT, 100)
    packets += [six[:size] for size in range(48, len(six))]
    harmless = [at for at in range(48) if at not in {4, 5, 6}]  # the official node panics at some of these
    packets += [six[:at] + bytes([value]) + six[at + 1 :] for at in harmless for value in (0, 0x2C, 0xFF)]
    scene.put(*packets)
    scene.still_talks()
    print(scene.statistics())
    listener = Listener(scene.lab, "a")
    scene.put(numbered(source, destination, PORT, 42))
    wait_for("a packet that is right", lambda: listener.numbers() == [42])


def _host(name: str) -> Host:
    return "a" if name == "a" else "b"
