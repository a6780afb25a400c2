# SPDX-License-Identifier: MIT
"""Memory of the whole process in tailnets of several sizes, and of the core by itself."""

import re
import subprocess
import tempfile
from pathlib import Path

from binaries import ROOT
from contenders import Contender, Official, Ours, start_target
from figures import Row, load
from lab import Lab
from planes import TestControl
from waiting import stays

RUNS = 5
SIZES = (10, 1000, 10000)
SETTLE_SECONDS = 2
PROGRAM = Path("tests/memory/test_memory")
GOAL = 40 * 1024  # bytes of the core, without TLS
CORE = ROOT / "esphome_components" / "microlink" / "core"


def memory(runs: int = RUNS) -> list[Row]:
    """Measure both programs after the first pong, and the core."""
    rows = []
    for size in SIZES:
        rows += _with_peers(size, runs)
    return rows + core_heap() + core_sizes()


def _with_peers(size: int, runs: int) -> list[Row]:
    resident: tuple[list[float], list[float]] = ([], [])
    peak: tuple[list[float], list[float]] = ([], [])
    cpu: tuple[list[float], list[float]] = ([], [])
    pressure = load()
    with Lab() as lab:
        plane = TestControl(lab, ["-auth-key", "", "-fake", str(size)])
        address = start_target(lab, "b", plane)
        for number in range(runs):
            contenders: tuple[Contender, ...] = (
                Ours(lab, "a", f"ours-{number}", plane),
                Official(lab, "a", f"official-{number}", plane),
            )
            for which, contender in enumerate(contenders):
                contender.start(fresh=True)
                contender.first_pong(address)
                stays("the node runs", contender.usage, SETTLE_SECONDS)
                usage = contender.usage()
                resident[which].append(usage.resident_kib)
                peak[which].append(_most_resident(contender.pid()))
                cpu[which].append(usage.cpu_seconds * 1000)
                contender.stop()
                plane.remove(plane.node(contender.name))
    name = f"{size:,} peers"
    return [
        Row(what=f"{name}: resident", unit="KiB", ours=resident[0], official=resident[1], load=pressure),
        Row(what=f"{name}: most resident", unit="KiB", ours=peak[0], official=peak[1], load=pressure),
        Row(what=f"{name}: CPU until {SETTLE_SECONDS} s after", unit="ms", ours=cpu[0], official=cpu[1], load=pressure),
    ]


def _most_resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return float(found[1]) if found else 0.0


def core_heap() -> list[Row]:
    """Build and run test_memory's two whole clients: a core's heap in tailnets of each size, and TLS's beside it.

    As 32-bit code where its libraries are there, else as 64-bit code.
    """
    bits, variant = (32, "m32") if (ROOT / "build/deps/m32").exists() else (64, "host")
    build: list[str | Path] = [ROOT / "script/build", "--only", "test_memory", variant]
    subprocess.run(build, check=True, capture_output=True, timeout=1200)
    program = ROOT / "build" / variant / PROGRAM
    done = subprocess.run(
        [program, "--gtest_filter=Tailnet.*:*AfterStart*"], check=True, text=True, capture_output=True, timeout=300
    )
    heap = re.findall(r"^([\d]+) peers in the tailnet: peak heap (\d+) bytes", done.stdout, re.MULTILINE)
    tls = re.findall(r"^(relayed|direct): .* TLS: \d+, (\d+) bytes at the most", done.stdout, re.MULTILINE)
    if len(heap) != len(SIZES) or not tls:
        message = f"{program.name} prints no sizes: {done.stdout[-2000:]}"
        raise RuntimeError(message)
    rows = [
        Row(what=f"{int(peers):,} peers: most heap of the core, {bits} bit", unit="B", ours=[float(size)], most=GOAL)
        for peers, size in heap
    ]
    # Two nodes are in that process.
    return [
        *rows,
        Row(what=f"most heap of TLS beside it, {bits} bit", unit="B", ours=[max(float(size) / 2 for _, size in tls)]),
    ]


def core_sizes() -> list[Row]:
    """Compile and run core/bench/core_size.cpp: static memory of the core, as 64-bit and as 32-bit code."""
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / "core_size"
        for bits in (64, 32):
            command = ["g++", f"-m{bits}", "-std=gnu++20", f"-I{CORE}/src", f"-I{CORE}/include", "-o", str(program)]
            subprocess.run([*command, str(CORE / "bench" / "core_size.cpp")], check=True, timeout=300)
            done = subprocess.run([str(program)], check=True, text=True, capture_output=True, timeout=20)
            for line in done.stdout.splitlines():
                name, size = line.rsplit(" ", 1)
                rows.append(Row(what=f"{name}, {bits} bit", unit="B", ours=[float(size)]))
    return rows
