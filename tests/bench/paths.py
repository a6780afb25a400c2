# SPDX-License-Identifier: MIT
"""From the first wish to speak to a direct path."""

from collections.abc import Callable

from contenders import Contender, Official, Ours
from figures import Row, load
from lab import Lab, Nat, Place
from planes import Plane, TestControl
from waiting import NotReachedError, Stopwatch, wait_for

RUNS = 7
KINDS: tuple[tuple[Nat, Nat], ...] = (("lan", "lan"), ("easy", "easy"), ("hard", "cone"))
DIRECT_SECONDS = 20
DEMAND_SECONDS = 0.2

type Maker = Callable[[Lab, Place, str, Plane], Contender]


def paths(runs: int = RUNS) -> list[Row]:
    """Measure two nodes of a kind, and ours towards an official one."""
    rows = []
    for pair in KINDS:
        name = "–".join(pair)
        pressure = load()
        ours: list[float] = []
        mixed: list[float] = []
        official: list[float] = []
        for _ in range(runs):
            ours.append(_once(pair, Ours, Ours))
            official.append(_once(pair, Official, Official))
            mixed.append(_once(pair, Ours, Official))
        rows += [
            Row(what=f"{name}, two of a kind", unit="ms", ours=ours, official=official, load=pressure),
            Row(what=f"{name}, ours to official", unit="ms", ours=mixed, official=official, load=pressure),
        ]
    return rows


def _once(pair: tuple[Nat, Nat], make_a: Maker, make_b: Maker) -> float:
    with Lab(*pair) as lab:
        plane = TestControl(lab, ["-regions", "2"])
        a, b = make_a(lab, "a", "node-a", plane), make_b(lab, "b", "node-b", plane)
        for node in (a, b):
            node.start(fresh=True)
        wait_for("each knows the other", lambda: a.knows(b.name) and b.knows(a.name))
        return _first_direct(a, b.name) * 1000


def _first_direct(node: Contender, peer: str) -> float:
    watch = Stopwatch()
    asked = -DEMAND_SECONDS
    while watch.seconds() < DIRECT_SECONDS:
        if watch.seconds() - asked >= DEMAND_SECONDS:
            asked = watch.seconds()
            node.demand(peer)
        if node.direct(peer):
            return watch.seconds()
    message = f"{node.name} has no direct path to {peer} within {DIRECT_SECONDS} s"
    raise NotReachedError(message)
