# SPDX-License-Identifier: MIT
"""Heap and stacks of a node on a chip, in scenarios of core/bench/memory, beside the goals."""

import math
import re
import subprocess
from dataclasses import dataclass

from binaries import ROOT

KIB = 1024
STEADY = "16 active peers"
FEW, MANY = "join, 16 peers", "join, 10,000 peers"
HEADER = ROOT / "esphome_components/microlink/core/src/microlink/port/chip/stack.h"


@dataclass(frozen=True)
class Scenario:
    """Bytes of TLS at the most and in the end, and of stack: the deepest, at calls of the system, and at texts."""

    name: str
    most: int
    rest: int
    stack: int
    system: int
    text: int


@dataclass(frozen=True)
class Goal:
    """What is to be reached."""

    what: str
    bytes: int
    most: int

    @property
    def verdict(self) -> str:
        """Whether it is."""
        return "met" if self.bytes <= self.most else f"**missed** by {self.bytes - self.most:,}"


def run() -> tuple[dict[str, int], list[Scenario]]:
    """Build bench_memory and run it: what a node takes from the start, and the scenarios."""
    subprocess.run([ROOT / "script/build", "chip"], check=True, capture_output=True, timeout=1800)
    program = ROOT / "build/chip/bench/memory/bench_memory"
    done = subprocess.run([program], check=True, text=True, capture_output=True, timeout=300)
    fixed = {name: int(size) for name, size in re.findall(r"^(\w+): (\d+)$", done.stdout, re.MULTILINE)}
    lines = re.findall(r"^(.+): (\d+) (\d+) (\d+) (\d+) (\d+)$", done.stdout, re.MULTILINE)
    return fixed, [Scenario(name, *map(int, sizes)) for name, *sizes in lines]


def margin(what: str) -> int:
    """How much more stack the task must have than what is measured."""
    found = re.search(rf"STACK_{what}_BYTES = ([\d *]+);", HEADER.read_text())
    if found is None:
        message = f"{HEADER.name} does not say the margin"
        raise RuntimeError(message)
    return math.prod(int(factor) for factor in found[1].split("*"))


def goals(fixed: dict[str, int], scenarios: list[Scenario]) -> list[Goal]:
    """Compare with the budget."""
    base = sum(fixed.values())
    by_name = {scenario.name: scenario for scenario in scenarios}
    stack = [
        (f"{what} and {margin(name):,} to spare", max(depths) + margin(name))
        for what, name, depths in (
            ("deepest stack", "MARGIN", [s.stack for s in scenarios]),
            ("stack where the system is called", "SYSTEM", [s.system for s in scenarios]),
            ("stack where a text is formatted", "TEXT", [s.text for s in scenarios]),
        )
    ]
    unlike = abs(by_name[MANY].most - by_name[FEW].most) + abs(by_name[MANY].rest - by_name[FEW].rest)
    return [
        Goal("heap and stack, steady, 16 active peers, without TLS", base, 40 * KIB),
        Goal("the same with TLS", base + by_name[STEADY].rest, 52 * KIB),
        Goal("heap and stack, peak of any TLS handshake", base + max(s.most for s in scenarios), 76 * KIB),
        Goal("10,000 peers instead of 16, difference", unlike, 0),
        *(Goal(what, size, fixed["task"]) for what, size in stack),
    ]


def chip() -> str:
    """Measure; give Markdown."""
    fixed, scenarios = run()
    base = sum(fixed.values())
    start = f"{fixed['core']:,} `client::Core`, {fixed['node']:,} `chip::Node` (loop, sockets' buffers, mailbox)"
    owner = f"{fixed['background']:,} `esp_idf::Background` (names that are asked for, above all)"
    owner += f", {fixed['config']:,} the component's `Config`"
    lines = [
        f"From the start: {start}, {fixed['task']:,} the task's stack, {owner}; {base:,} together.",
        "",
        "| | TLS, at most | TLS, in the end | all, at most | all, in the end | deepest stack | at a system call |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for each in scenarios:
        cells = (each.most, each.rest, base + each.most, base + each.rest, each.stack, each.system)
        lines.append(f"| {each.name} | {' | '.join(f'{cell:,}' for cell in cells)} |")
    lines += ["", "| Goal | Bytes | At most | |", "|---|--:|--:|---|"]
    lines += [f"| {goal.what} | {goal.bytes:,} | {goal.most:,} | {goal.verdict} |" for goal in goals(fixed, scenarios)]
    return "\n".join(lines)
