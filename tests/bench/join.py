# SPDX-License-Identifier: MIT
"""From the exec of the program to the first pong of a peer that is online."""

import time
from collections.abc import Callable

from contenders import Contender, Official, Ours, start_target
from figures import Row, load
from lab import Lab
from planes import Headscale, Plane, TestControl
from waiting import wait_for

RUNS = 20
MAKERS: tuple[Callable[[Lab, str, Plane], Contender], ...] = (
    lambda lab, name, plane: Ours(lab, "a", f"ours-{name}", plane),
    lambda lab, name, plane: Official(lab, "a", f"official-{name}", plane),
)


def join(runs: int = RUNS) -> list[Row]:
    """Measure new nodes and nodes with kept state, in turns, on each control plane."""
    rows = []
    with Lab() as lab:
        # A restart brings no auth key.
        rows += _on(lab, TestControl(lab, ["-auth-key", ""]), "test control server", (0.5, 0.25), runs)
    with Lab() as lab:
        rows += _on(lab, Headscale(lab, tuned=False), "Headscale", (1.0, 1.0), runs)
    return rows


def _on(lab: Lab, plane: Plane, name: str, goals: tuple[float, float], runs: int) -> list[Row]:
    address = start_target(lab, "b", plane)
    fresh: tuple[list[float], list[float]] = ([], [])
    warm: tuple[list[float], list[float]] = ([], [])
    pressure = load()
    for number in range(runs):
        for which, make in enumerate(MAKERS):
            contender = make(lab, str(number), plane)
            fresh[which].append(_measure(contender, address, fresh=True))
            warm[which].append(_measure(contender, address, fresh=False))
            # The tailnet stays as small as it was.
            plane.remove(plane.node(contender.name))
    return [
        Row(what=f"{name}: new node", unit="ms", ours=fresh[0], official=fresh[1], goal=goals[0], load=pressure),
        Row(what=f"{name}: restart", unit="ms", ours=warm[0], official=warm[1], goal=goals[1], load=pressure),
    ]


def _measure(contender: Contender, address: str, *, fresh: bool) -> float:
    contender.start(fresh=fresh)
    contender.first_pong(address)
    milliseconds = (time.time() - contender.exec_time()) * 1000
    # The server must have seen the last step too before the node goes again.
    wait_for("the node is online at control", lambda: contender.plane.node(contender.name).online)
    contender.stop()
    return milliseconds
