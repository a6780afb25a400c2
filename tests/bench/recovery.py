# SPDX-License-Identifier: MIT
"""How long until a node is back after its server was away."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from contenders import Contender, Official, Ours, start_target
from figures import Row, load
from lab import Lab
from planes import TestControl
from waiting import wait_for

RUNS = 5
OUTAGES = (1, 5)


def recovery(runs: int = RUNS) -> list[Row]:
    """Measure from the moment that control, the relay or the network is back. Both nodes live through each outage."""
    rows = []
    for seconds in OUTAGES:
        rows += _outages(seconds, runs)
    return rows


def _outages(seconds: int, runs: int) -> list[Row]:
    pressure = load()
    with Lab() as lab:
        plane = TestControl(lab, ["-auth-key", ""])
        pair: tuple[Contender, Contender] = (Ours(lab, "a", "ours", plane), Official(lab, "b", "official", plane))
        for node in pair:
            node.start(fresh=True)
        control = [_control(plane, pair, seconds) for _ in range(runs)]
        relay = [_relay(lab, plane, pair, seconds) for _ in range(runs)]
        target = start_target(lab, "inet", plane)
        network = [_network(lab, pair, target, seconds) for _ in range(runs)]
    return [
        _row(f"control away for {seconds} s", control, pressure),
        _row(f"relay away for {seconds} s", relay, pressure),
        _row(f"network away for {seconds} s", network, pressure),
    ]


def _row(what: str, values: list[tuple[float, float]], pressure: float) -> Row:
    return Row(what=what, unit="ms", ours=[v[0] for v in values], official=[v[1] for v in values], load=pressure)


def _both(pair: tuple[Contender, Contender], back: Callable[[Contender], object]) -> tuple[float, float]:
    """Wait for both; the milliseconds that each took."""
    start = time.monotonic()
    took: dict[str, float] = {}

    def probe() -> bool:
        for node in pair:
            if node.name not in took and back(node):
                took[node.name] = (time.monotonic() - start) * 1000
        return len(took) == len(pair)

    wait_for("both nodes are back", probe, 90)
    return took[pair[0].name], took[pair[1].name]


def _control(plane: TestControl, pair: tuple[Contender, Contender], seconds: float) -> tuple[float, float]:
    def streams(node: Contender) -> bool:
        return plane.node(node.name).online

    wait_for("both nodes have map streams", lambda: all(map(streams, pair)))
    plane.cut()
    time.sleep(seconds)
    plane.restore()
    return _both(pair, streams)


def _relay(lab: Lab, plane: TestControl, pair: tuple[Contender, Contender], seconds: float) -> tuple[float, float]:
    port = plane.relay_ports(1)[0]

    def connected(node: Contender) -> bool:
        listing = lab.run("a" if node is pair[0] else "b", "ss", "-Htnp", "state", "established", "dport", f"= :{port}")
        return f"pid={node.pid()}," in listing

    wait_for("both nodes are at the relay", lambda: all(map(connected, pair)), 60)
    plane.relay("down")
    time.sleep(seconds)
    plane.relay("up")
    return _both(pair, connected)


def _network(lab: Lab, pair: tuple[Contender, Contender], target: str, seconds: float) -> tuple[float, float]:
    for node in pair:
        node.first_pong(target)
    with lab.unplugged("a"), lab.unplugged("b"):
        time.sleep(seconds)
    start = time.monotonic()

    def pong(node: Contender) -> float:
        node.first_pong(target)
        return (time.monotonic() - start) * 1000

    with ThreadPoolExecutor(len(pair)) as threads:
        ours, official = threads.map(pong, pair)
    return ours, official
