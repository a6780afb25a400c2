# SPDX-License-Identifier: MIT
"""What goes through the tunnel in a second, and what it costs; how long a packet waits behind others."""

import contextlib
import re
import statistics
import subprocess
from collections.abc import Iterator, Sequence

from contenders import QUIET_LOG
from figures import Row, load
from lab import Lab, Place
from microlinkd import Microlinkd
from peers import Tailscaled
from planes import Json, TestControl
from traffic import Iperf
from waiting import wait_for

RUNS = 3
SECONDS = 5
COST_GOAL = 1.0
# Both sides without offloads, so that the same number of packets is compared.
ONE_PACKET = dict.fromkeys(
    (
        "TS_TUN_DISABLE_UDP_GRO",
        "TS_TUN_DISABLE_TCP_GRO",
        "TS_DEBUG_DISABLE_UDP_GSO",
        "TS_DEBUG_DISABLE_UDP_GRO",
    ),
    "1",
)
UDP = ("-u", "-l", "1200", "-b", "200M")

type Node = Microlinkd | Tailscaled


class Samples:
    """Repetitions of one transfer between two nodes."""

    def __init__(self) -> None:
        """Nothing is measured yet."""
        self.megabits: list[float] = []
        self.cost: list[float] = []  # CPU seconds of both daemons per Gbit
        self.waits: list[float] = []  # ms of a ping beside it


def throughput(runs: int = RUNS) -> list[Row]:
    """Measure TCP and UDP over two interfaces on a direct path, with and without offloads, and over the relay."""
    rows = []
    for way, offloads, relayed in (
        ("direct", True, False),
        ("direct, one packet a call", False, False),
        ("relayed", True, True),
    ):
        pressure = load()
        ours = _measure("ours", runs, offloads=offloads, relayed=relayed)
        official = _measure("official", runs, offloads=offloads, relayed=relayed)
        for kind, mine in ours.items():
            theirs = official[kind]
            rows += [
                _row(f"{way}: {kind}", "Mbit/s", mine.megabits, theirs.megabits, None, pressure),
                _row(f"{way}: {kind}", "CPU s/Gbit", mine.cost, theirs.cost, COST_GOAL, pressure),
                _row(f"{way}: ping beside {kind}", "ms", mine.waits, theirs.waits, None, pressure),
            ]
    return rows


def _row(
    what: str, unit: str, ours: Sequence[float], official: Sequence[float], goal: float | None, pressure: float
) -> Row:
    return Row(what=what, unit=unit, ours=ours, official=official, goal=goal, load=pressure)


def _measure(whose: str, runs: int, *, offloads: bool, relayed: bool) -> dict[str, Samples]:
    samples = {"TCP": Samples(), "UDP of 1,200 B at 200 Mbit/s": Samples()}
    with Lab() as lab:
        plane = TestControl(lab, ["-regions", "1"])
        start = _ours if whose == "ours" else _official
        a, b = (start(lab, place, plane, offloads=offloads, relayed=relayed) for place in ("a", "b"))
        _await_path(a, b, relayed=relayed)
        server = Iperf(lab, "b")
        for _ in range(runs):
            for sample, options in zip(samples.values(), ((), UDP), strict=True):
                before = _cpu(a) + _cpu(b)
                with _pinging(lab, _address(b)) as waits:
                    end = server.measure("a", _address(b), *options, seconds=SECONDS)
                gbit = _received(end)
                sample.megabits.append(gbit / SECONDS * 1000)
                sample.cost.append((_cpu(a) + _cpu(b) - before) / gbit)
                sample.waits.append(statistics.median(waits))
    return samples


def _ours(lab: Lab, place: Place, plane: TestControl, *, offloads: bool, relayed: bool) -> Node:
    node = Microlinkd(lab, place, f"node-{place}", plane)
    node.start("--log-level", QUIET_LOG, "--tun", "ml0", *(["--relay-only"] if relayed else []))
    node.wait_state("online")
    if not offloads:
        lab.run(place, "ethtool", "-K", "ml0", "tso", "off", "gso", "off", "gro", "off")
    return node


def _official(lab: Lab, place: Place, plane: TestControl, *, offloads: bool, relayed: bool) -> Node:
    env = ({} if offloads else ONE_PACKET) | ({"TS_DEBUG_ALWAYS_USE_DERP": "1"} if relayed else {})
    node = Tailscaled(lab, place, f"node-{place}", tun="tailscale0", env=env)
    node.start(plane.ca)
    node.join(plane)
    if not offloads:
        lab.run(place, "ethtool", "-K", "tailscale0", "tso", "off", "gso", "off", "gro", "off")
    return node


def _await_path(a: Node, b: Node, *, relayed: bool) -> None:
    def reached() -> bool:
        if isinstance(a, Microlinkd):
            return a.reaches(b.name) and (relayed or bool((a.peer(b.name) or {}).get("direct")))
        if not a.pinged(_address(b), "TSMP"):
            return False
        return relayed or bool((a.peer(b.name) or {}).get("CurAddr"))

    if isinstance(a, Tailscaled):
        a.sees(b.name)
    wait_for("the path that is to be measured", reached, 30)


def _address(node: Node) -> str:
    return str(node.status()["ipv4"]) if isinstance(node, Microlinkd) else node.ip()


def _cpu(node: Node) -> float:
    return node.usage().cpu_seconds


def _received(end: Json) -> float:
    got = end.get("sum_received") or end["sum"]
    # Without sum_received `bytes` counts what was sent.
    share = 1.0 if "sum_received" in end else 1 - got["lost_percent"] / 100
    return float(got["bytes"]) * 8 / 1e9 * share


@contextlib.contextmanager
def _pinging(lab: Lab, address: str) -> Iterator[list[float]]:
    """Ping ten times a second in the block; the round trips in ms are there after it."""
    waits: list[float] = []
    command = [*lab.enter("a"), "ping", "-i", "0.1", "-c", str(SECONDS * 10 - 2), address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as ping:
        yield waits
        out, _ = ping.communicate(timeout=SECONDS + 20)
    waits += [float(found) for found in re.findall(r"time=([\d.]+) ms", out)] or [float("inf")]
