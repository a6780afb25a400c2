#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count the tests of one stage of script/test: prints "PASSED FAILED".

usage: results.py STAGE RESULTS_FOLDER EXIT_STATUS

C++ stages leave ctest's report and one of GoogleTest for each program; Python stages leave pytest's. Of a program that
GoogleTest does not report on (a corpus replay, or one that crashed) the whole run is one test. A skipped test is a
failed one, and a stage that failed without a failed test counts as one.
"""

import json
import sys
import xml.etree.ElementTree as ET  # our own tools wrote them
from pathlib import Path

FOLDERS = {"unit": "host"}
CTEST = ("unit", "asan", "m32")
PYTEST = ("python", "esphome", "interop")


def count_suites(report: Path) -> tuple[int, int]:
    """Passed and failed of a JUnit report by GoogleTest or pytest."""
    root = ET.parse(report).getroot()  # noqa: S314
    suites = [root] if root.tag == "testsuite" or "tests" in root.attrib else list(root)

    def total(*names: str) -> int:
        return sum(int(suite.get(name) or 0) for suite in suites for name in names)

    failed = total("failures", "errors", "skipped", "disabled")
    return total("tests") - failed, failed


def count_ctest(folder: Path) -> tuple[int, int]:
    """Passed and failed of all programs that ctest ran."""
    listed = json.loads((folder / "tests.json").read_text())["tests"]
    programs = {test["name"]: Path(test["command"][0]).name for test in listed if test.get("command")}
    passed = failed = 0
    for case in ET.parse(folder / "ctest.xml").getroot().iter("testcase"):  # noqa: S314
        succeeded = case.get("status") == "run"
        name = case.get("name", "")
        report = folder / f"{programs.get(name, name)}.xml"
        good, bad = count_suites(report) if report.exists() else (int(succeeded), int(not succeeded))
        if not succeeded and bad == 0:
            # A sanitizer spoke after the last test.
            bad = 1
        passed += good
        failed += bad
    return passed, failed


def count(stage: str, folder: Path, status: int) -> tuple[int, int]:
    """Passed and failed of a stage that ended with this exit status."""
    passed = failed = 0
    try:
        if stage in CTEST:
            passed, failed = count_ctest(folder / FOLDERS.get(stage, stage))
        elif stage in PYTEST:
            passed, failed = count_suites(folder / stage / "pytest.xml")
        elif stage in {"gates", "vectors"}:
            passed = int(status == 0)
    except (OSError, ET.ParseError, json.JSONDecodeError, KeyError) as error:
        print(f"{stage}: no results: {error}", file=sys.stderr)
        return passed, failed + 1
    return passed, failed if failed or status == 0 else 1


def main() -> None:
    """Print the two numbers."""
    stage, folder, status = sys.argv[1:]
    print(*count(stage, Path(folder), int(status)))


if __name__ == "__main__":
    main()
