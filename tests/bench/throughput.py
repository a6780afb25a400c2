# SPDX-License-Identifier: MIT
"""What goes through the tunnel in a second, and what it costs; how long a packet waits behind others."""

import re
import subprocess
from collections.abc import Sequence

from contenders import Contender, Official, Ours
from figures import Row, load, percentile
from lab import Lab, Place
from peers import ONE_PACKET
from planes import Plane, TestControl
from traffic import Iperf, received_gbit, without_offloads
from waiting import wait_for

RUNS = 3
SECONDS = 5
COST_GOAL = 1.0
TUN = {"ours": "ml0", "official": "tailscale0"}
LOADS: dict[str, Sequence[str]] = {"TCP": (), "UDP of 1,200 B at 200 Mbit/s": ("-u", "-l", "1200", "-b", "200M")}
PING_INTERVAL = 0.02
PERCENTILES = (50, 90, 99)
BESIDE = {"idle": None, "beside TCP": "TCP"}  # pings are sent on an idle tunnel, and on one that is full


class Way:
    """How packets go in a comparison."""

    def __init__(self, name: str, *, offloads: bool = True, relayed: bool = False) -> None:
        """Without `offloads` both sides take one packet a call, so that the same number of packets is compared."""
        self.name = name
        self.offloads = offloads
        self.relayed = relayed

    def contender(self, whose: str, lab: Lab, place: Place, plane: Plane) -> Contender:
        """Make a node with an interface; not yet started."""
        if whose == "ours":
            return Ours(
                lab, place, f"node-{place}", plane, ["--tun", TUN[whose], *(["--relay-only"] if self.relayed else [])]
            )
        env = ({} if self.offloads else ONE_PACKET) | ({"TS_DEBUG_ALWAYS_USE_DERP": "1"} if self.relayed else {})
        return Official(lab, place, f"node-{place}", plane, tun=TUN[whose], env=env)


WAYS = (Way("direct"), Way("direct, one packet a call", offloads=False), Way("relayed", relayed=True))


class Samples:
    """What was measured of one program on one way."""

    def __init__(self) -> None:
        """Nothing is measured yet."""
        self.megabits: dict[str, list[float]] = {kind: [] for kind in LOADS}
        self.cost: dict[str, list[float]] = {kind: [] for kind in LOADS}  # CPU seconds of both daemons per Gbit
        self.waits: dict[str, list[list[float]]] = {when: [] for when in BESIDE}  # ms of the pings of each run


def throughput(runs: int = RUNS) -> list[Row]:
    """Measure TCP and UDP over two interfaces, and how long a ping waits beside them."""
    rows = []
    for way in WAYS:
        pressure = load()
        ours, official = (_measure(whose, way, runs) for whose in TUN)
        for kind in LOADS:
            name = f"{way.name}: {kind}"
            rate, cost = (ours.megabits[kind], official.megabits[kind]), (ours.cost[kind], official.cost[kind])
            rows += [
                Row(what=name, unit="Mbit/s", ours=rate[0], official=rate[1], load=pressure),
                Row(what=name, unit="CPU s/Gbit", ours=cost[0], official=cost[1], goal=COST_GOAL, load=pressure),
            ]
        rows += [
            Row(
                what=f"{way.name}: ping {when}, p{percent}",
                unit="ms",
                ours=[percentile(waits, percent) for waits in ours.waits[when]],
                official=[percentile(waits, percent) for waits in official.waits[when]],
                load=pressure,
            )
            for when in BESIDE
            for percent in PERCENTILES
        ]
    return rows


def _measure(whose: str, way: Way, runs: int) -> Samples:
    samples = Samples()
    with Lab() as lab:
        plane = TestControl(lab, ["-regions", "1"])
        a, b = (way.contender(whose, lab, place, plane) for place in ("a", "b"))
        _await_path(a, b, relayed=way.relayed)
        if not way.offloads:
            for place in ("a", "b"):
                without_offloads(lab, place, TUN[whose])
        server = Iperf(lab, "b")
        address = b.address()
        for _ in range(runs):
            for when, kind in BESIDE.items():
                with _pings(lab, address) as ping:
                    if kind is not None:
                        server.measure("a", address, *LOADS[kind], seconds=SECONDS)
                    samples.waits[when].append(_waits(ping))
            for kind, options in LOADS.items():
                before = a.usage().cpu_seconds + b.usage().cpu_seconds
                gbit = received_gbit(server.measure("a", address, *options, seconds=SECONDS))
                samples.megabits[kind].append(gbit / SECONDS * 1000)
                samples.cost[kind].append((a.usage().cpu_seconds + b.usage().cpu_seconds - before) / gbit)
    return samples


def _await_path(a: Contender, b: Contender, *, relayed: bool) -> None:
    for node in (a, b):
        node.start(fresh=True)
    wait_for("the nodes know each other", lambda: a.knows(b.name) and b.knows(a.name), 30)
    a.first_pong(b.address())

    def direct() -> bool:
        a.demand(b.name)
        return a.direct(b.name)

    if not relayed:
        wait_for("a direct path", direct, 30)


def _pings(lab: Lab, address: str) -> subprocess.Popen[str]:
    """Ping while iperf3 runs."""
    count = round((SECONDS - 0.2) / PING_INTERVAL)
    command = [*lab.enter("a"), "ping", "-i", str(PING_INTERVAL), "-c", str(count), address]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _waits(ping: subprocess.Popen[str]) -> list[float]:
    """Wait for the pings' end; the round trips in ms."""
    out, _ = ping.communicate(timeout=SECONDS + 20)
    return [float(found) for found in re.findall(r"time=([\d.]+) ms", out)] or [float("inf")]
