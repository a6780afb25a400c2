# SPDX-License-Identifier: MIT
"""How often a node on a chip wakes up when nothing happens: the chip's own loop, on lwIP, in real time."""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from binaries import ROOT

PROGRAM = ROOT / "build/host/tests/port/esp_idf/test_port_esp_idf"
SECONDS = 120  # to come to rest, and again to count
KINDS = ("no_session", "direct", "relayed")


def idle() -> str:
    """Build and run the chip's code, one program for each kind of path; a table of wake-ups a minute."""
    build: list[str | Path] = [ROOT / "script/build", "--only", "test_port_esp_idf", "host"]
    subprocess.run(build, check=True, capture_output=True, timeout=1200)
    with ThreadPoolExecutor(len(KINDS)) as pool:
        counts = list(pool.map(_wake_ups, KINDS))
    lines = ["| the node has | wake-ups a minute |", "|---|--:|"]
    return "\n".join(lines + [f"| {name} | {count} |" for name, count in counts])


def _wake_ups(kind: str) -> tuple[str, str]:
    done = subprocess.run(
        [PROGRAM, f"--gtest_filter=*ChipIdle.*/{kind}"],
        env={**os.environ, "MICROLINK_IDLE_SECONDS": str(SECONDS)},
        check=True, text=True, capture_output=True, timeout=2 * SECONDS + 120,
    )  # fmt: skip
    found = re.search(r"^idle: ([^:]+): ([\d.]+)$", done.stdout, re.MULTILINE)
    if found is None:
        message = f"{PROGRAM} does not say how often it woke up:\n{done.stdout}"
        raise RuntimeError(message)
    names = {"no session": "no session", "direct": "a session, direct", "relayed": "a session, relayed"}
    return names[found[1]], found[2]
