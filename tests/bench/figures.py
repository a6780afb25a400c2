# SPDX-License-Identifier: MIT
"""Figures, and the Markdown that they become."""

import os
import re
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from binaries import ROOT, binary

PAGE = ROOT / "docs" / "performance.md"
MEMORY_PAGE = ROOT / "docs" / "memory.md"


def load() -> float:
    """Return how many processes wanted a processor in the last minute."""
    return os.getloadavg()[0]


@dataclass(kw_only=True)
class Row:
    """One quantity, measured on our program and beside it on the official one.

    `goal` is the ratio to reach, `most` what ours may be, whatever the official one is.
    """

    what: str
    unit: str
    ours: Sequence[float]
    official: Sequence[float] = ()
    goal: float | None = None
    most: float | None = None
    load: float = field(default_factory=load)

    def cells(self) -> list[str]:
        """Return the row as Markdown cells."""
        return [
            f"{self.what}, {self.unit}",
            _summary(self.ours),
            _summary(self.official),
            self._verdict(),
            str(len(self.ours)),
            f"{self.load:.1f}",
        ]

    def _verdict(self) -> str:
        if self.ours and self.most is not None:
            median = statistics.median(self.ours)
            return f"goal ≤ {_number(self.most)}: {_met(reached=median <= self.most)}"
        if not self.ours or not self.official:
            return "–"
        theirs = statistics.median(self.official)
        if theirs == 0:
            return "–"
        ratio = statistics.median(self.ours) / theirs
        if self.goal is None:
            return f"{ratio:.2f}×"
        return f"{ratio:.2f}× (goal ≤ {self.goal:.2f}×: {_met(reached=ratio <= self.goal)})"


def _met(*, reached: bool) -> str:
    return "met" if reached else "**missed**"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _summary(values: Sequence[float]) -> str:
    if not values:
        return "–"
    if len(values) == 1:
        return _number(values[0])
    return f"{_number(statistics.median(values))} ({_number(percentile(values, 90))})"


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def table(rows: Iterable[Row]) -> str:
    """Return a Markdown table; median, and the 90th percentile in brackets."""
    lines = ["| | MicroLink | official | ratio | n | load |", "|---|--:|--:|---|--:|--:|"]
    lines += [f"| {' | '.join(row.cells())} |" for row in rows]
    return "\n".join(lines)


def _first_line(*command: str | Path) -> str:
    done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=20)
    return (done.stdout or done.stderr).strip().split("\n")[0]


def _commit() -> str:
    # The page itself does not count: it is what is being written.
    changed = _first_line("git", "-C", ROOT, "status", "--porcelain", "-uno", "--", ".", ":!docs/performance.md")
    return _first_line("git", "-C", ROOT, "describe", "--always") + ("-dirty" if changed else "")


def circumstances() -> str:
    """Say when, on what and with what the figures were taken."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", cpuinfo)
    processor = f"{os.cpu_count()} × {model[1] if model else 'unknown processor'}"
    versions = {
        "microlinkd": _first_line(binary("microlinkd"), "--version").removeprefix("microlinkd "),
        "commit": _commit(),
        "tailscaled": _first_line(binary("tailscaled"), "--version"),
        "Headscale": _first_line(binary("headscale"), "version").removeprefix("headscale version "),
    }
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    day = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{day}; {processor}, Linux {os.uname().release}; {named}."


def write(name: str, text: str, where: Path = PAGE) -> None:
    """Put the text between a measurement's markers in a page of docs. Raises LookupError without markers."""
    page = where.read_text()
    begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    if begin not in page or end not in page:
        message = f"{where.relative_to(ROOT)} has no markers for {name}"
        raise LookupError(message)
    head, rest = page.split(begin, 1)
    where.write_text(f"{head}{begin}\n\n{text}\n\n{end}{rest.split(end, 1)[1]}")
