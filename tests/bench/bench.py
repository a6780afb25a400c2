#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What script/bench measures."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "interop"))

from binaries import ROOT
from chip import chip
from figures import MEMORY_PAGE, PAGE, Row, circumstances, load, table, write
from idle import idle
from join import join
from lab import remove_orphans
from memory import memory
from paths import paths
from recovery import recovery
from throughput import throughput


class Measurement(Protocol):
    """Measures both programs so many times, or as often as it takes."""

    def __call__(self, runs: int = ...) -> list[Row]:
        """Return what was measured."""


MEASUREMENTS: dict[str, Measurement] = {
    "join": join,
    "paths": paths,
    "recovery": recovery,
    "memory": memory,
    "throughput": throughput,
}


def rv32() -> str:
    """Count instructions with script/bench-rv32; its lines as Markdown."""
    done = subprocess.run([ROOT / "script" / "bench-rv32"], text=True, capture_output=True, check=False, timeout=900)
    if done.returncode not in {0, 1} or not done.stdout:
        message = f"script/bench-rv32: {done.stdout}{done.stderr}"
        raise RuntimeError(message)
    lines = ["| | instructions, or bytes | one a cycle (estimate) | |", "|---|--:|--:|---|"]
    for line in done.stdout.splitlines():
        name, value, *verdict = line.split(maxsplit=2)
        lines.append(f"| `{name}` | {value} | {estimate(name, int(value.replace(',', '')))} | {' '.join(verdict)} |")
    return "\n".join(lines)


def estimate(name: str, instructions: int) -> str:
    """Say what a count means on chips of 160 and 240 MHz if each instruction takes one cycle."""
    if name.startswith("node_") and not name.endswith("_most"):
        bits = 1280 * 8
        return f"{160 * bits / instructions:.1f} and {240 * bits / instructions:.1f} Mbit/s"
    if name.startswith(("longest_", "handshake_", "x25519")):
        return f"{instructions / 160e3:,.1f} and {instructions / 240e3:,.1f} ms"
    return ""


def size() -> str:
    """Flash and static RAM of each part, from script/size, which also compares and records them."""
    done = subprocess.run([ROOT / "script" / "size"], text=True, capture_output=True, check=False, timeout=900)
    if done.returncode not in {0, 1} or not done.stdout:
        message = f"script/size: {done.stdout}{done.stderr}"
        raise RuntimeError(message)
    return f"```text\n{done.stdout}```"


WITHOUT_LAB: dict[str, Callable[[], str]] = {"rv32": rv32, "chip": chip, "idle": idle, "size": size}
# They do not depend on the machine, nor on the day; where their tables stand. script/size writes its own.
EXACT: dict[str, Path | None] = {"chip": MEMORY_PAGE, "rv32": PAGE, "size": None}


def main() -> int:
    """Measure what the command line names, or everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    names = options.names or [*MEASUREMENTS, "rv32", "size", "idle"]
    if "memory" in names and "chip" not in names:
        names.insert(names.index("memory"), "chip")
    unknown = set(names) - {*MEASUREMENTS, *WITHOUT_LAB}
    if unknown:
        print(f"script/bench: there is no {' or '.join(sorted(unknown))} (script/bench --help)", file=sys.stderr)
        return 2
    needs_lab = not set(names) <= set(WITHOUT_LAB)
    if os.geteuid() != 0 and needs_lab:
        print(
            "script/bench: the lab's network namespaces need root; rv32, chip, size and idle do without",
            file=sys.stderr,
        )
        return 1
    if needs_lab:
        remove_orphans()
    if not set(names) <= set(EXACT):
        print(circumstances(), flush=True)
    for name in names:
        before = load()
        if name in WITHOUT_LAB:
            text = WITHOUT_LAB[name]()
        else:
            measure = MEASUREMENTS[name]
            text = table(measure(options.runs) if options.runs else measure())
        print(f"\n## {name} (load {before:.1f} before, {load():.1f} after)\n\n{text}", flush=True)
        if options.write and name not in EXACT:
            write(name, f"{circumstances()}\n\n{text}")
        elif options.write and (page := EXACT[name]) is not None:
            write(name, text, page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
