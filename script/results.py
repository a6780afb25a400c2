#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count the tests of one stage of script/test: prints "PASSED FAILED", then a line for each failure.

usage: results.py STAGE RESULTS_FOLDER EXIT_STATUS LOG

C++ stages leave ctest's report and one of GoogleTest for each program; Python stages leave pytest's. Of a program that
GoogleTest does not report on (a corpus replay, or one that crashed) the whole run is one test. A skipped test is a
failed one, and a stage that failed without a failed test counts as one: the log says what it was.
"""

import json
import re
import sys
import xml.etree.ElementTree as ET  # our own tools wrote them
from collections.abc import Iterator
from pathlib import Path

FOLDERS = {"unit": "host"}
CTEST = ("unit", "asan", "m32")
PYTEST = ("python", "esphome", "interop")
TIMED_OUT = (124, 137)

# What a reader looks for in the log of a stage without tests: errors of compilers, linkers and other tools.
TELLING = re.compile(r"\berror\b|\bfailed\b|undefined reference|no such file|above the|grew by", re.IGNORECASE)
MOST_LINES = 20
MOST_NAMES = 60


class Tally:
    """Passed tests, and the failed ones by name; some failed without leaving one."""

    def __init__(self) -> None:
        self.passed = 0
        self.nameless = 0
        self.names: list[str] = []

    @property
    def failed(self) -> int:
        """All that did not pass."""
        return len(self.names) + self.nameless


def first_line(case: ET.Element) -> str:
    """Why a test case failed, in short."""
    for kind in ("failure", "error", "skipped"):
        if (found := case.find(kind)) is not None:
            lines = (found.get("message") or found.text or kind).strip().splitlines() or [kind]
            # GoogleTest's first line is the place; the rest says what was expected.
            return " ".join(lines[:2])[:160]
    return ""


def bad_cases(root: ET.Element) -> Iterator[str]:
    """Names of the cases that failed, ended in an error, or were not run at all."""
    for case in root.iter("testcase"):
        reason = first_line(case)
        if reason or case.get("status") == "notrun":
            yield ": ".join(filter(None, (f"{case.get('classname', '')}.{case.get('name', '')}", reason)))


def count_suites(tally: Tally, report: Path, prefix: str = "") -> int:
    """Add a JUnit report by GoogleTest or pytest; also give the number of its failed tests."""
    root = ET.parse(report).getroot()  # noqa: S314 - our own programs wrote it
    suites = [root] if root.tag == "testsuite" or "tests" in root.attrib else list(root)

    def total(*names: str) -> int:
        return sum(int(suite.get(name) or 0) for suite in suites for name in names)

    failed = total("failures", "errors", "skipped", "disabled")
    tally.passed += total("tests") - failed
    names = [prefix + name for name in bad_cases(root)][:failed]
    tally.names += names
    tally.nameless += failed - len(names)
    return failed


def count_ctest(tally: Tally, folder: Path) -> None:
    """Add all programs that ctest ran."""
    listed = json.loads((folder / "tests.json").read_text())["tests"]
    programs = {test["name"]: Path(test["command"][0]).name for test in listed if test.get("command")}
    for case in ET.parse(folder / "ctest.xml").getroot().iter("testcase"):  # noqa: S314 - our own programs wrote it
        succeeded = case.get("status") == "run"
        name = case.get("name", "")
        report = folder / f"{programs.get(name, name)}.xml"
        failed = 0
        if report.exists():
            failed = count_suites(tally, report, f"{name}: ")
        elif succeeded:
            tally.passed += 1
        if not succeeded and failed == 0:
            # It crashed, ran out of time, or a sanitizer spoke after the last test.
            tally.names.append(f"{name}: {first_line(case) or 'the program failed'}")


def telling_lines(status: int, log: Path) -> list[str]:
    """What a stage's log says about its failure: compiler's errors and the like, else how it ends."""
    lines = [line.rstrip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    found = list(dict.fromkeys(line for line in lines if TELLING.search(line)))[:MOST_LINES] or lines[-5:]
    reason = "ran out of time" if status in TIMED_OUT else f"exit status {status}"
    return [reason, *(f"  {line[:200]}" for line in found)]


def count(stage: str, folder: Path, status: int, log: Path) -> tuple[Tally, list[str]]:
    """What happened in a stage that ended with this exit status, and the lines that tell what failed."""
    tally = Tally()
    try:
        if stage in CTEST:
            count_ctest(tally, folder / FOLDERS.get(stage, stage))
        elif stage in PYTEST:
            count_suites(tally, folder / stage / "pytest.xml")
        elif stage in {"gates", "size", "vectors"}:
            tally.passed = int(status == 0)
    except (OSError, ET.ParseError, json.JSONDecodeError, KeyError) as error:
        tally.names.append(f"no results: {error}")
    lines = tally.names[:MOST_NAMES]
    if len(tally.names) > MOST_NAMES:
        lines.append(f"and {len(tally.names) - MOST_NAMES} more: {log}")
    if status != 0 and not tally.names:
        tally.nameless = max(tally.nameless, 1)
        lines += telling_lines(status, log)
    return tally, lines


def main() -> None:
    """Print the two numbers and the failures."""
    stage, folder, status, log = sys.argv[1:]
    tally, lines = count(stage, Path(folder), int(status), Path(log))
    print(tally.passed, tally.failed)
    for line in lines:
        print(f"{stage}: {line}")


if __name__ == "__main__":
    main()
