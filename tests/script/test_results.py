# SPDX-License-Identifier: MIT
"""script/results.py counts what happened, and nothing that did not."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tell(stage: str, folder: Path, status: int, log: str = "") -> list[str]:
    """What script/results.py prints about this stage."""
    (folder / "log").write_text(log)
    done = subprocess.run(
        [sys.executable, ROOT / "script/results.py", stage, folder, str(status), folder / "log"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()


def count(stage: str, folder: Path, status: int) -> tuple[int, int]:
    """What script/test would add for this stage."""
    passed, failed = tell(stage, folder, status)[0].split()
    return int(passed), int(failed)


@pytest.fixture
def ctest(tmp_path: Path) -> Path:
    """A run of one GoogleTest program with five tests and one corpus replay."""
    folder = tmp_path / "asan"
    folder.mkdir()
    tests = [
        {"name": name, "command": [f"/build/{program}"]} for name, program in (("base", "test_base"), ("fuzz", "f"))
    ]
    (folder / "tests.json").write_text(json.dumps({"tests": tests}))
    (folder / "ctest.xml").write_text(
        '<testsuite tests="2"><testcase name="base" status="run"/><testcase name="fuzz" status="run"/></testsuite>'
    )
    (folder / "test_base.xml").write_text('<testsuites tests="5" failures="0" disabled="0" errors="0"/>')
    return folder


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_counts_tests_of_programs_and_replays(ctest: Path) -> None:
    assert count("asan", ctest.parent, 0) == (6, 0)


def test_counts_failed_tests(ctest: Path) -> None:
    replace(ctest / "test_base.xml", 'failures="0"', 'failures="2"')
    replace(ctest / "ctest.xml", '"base" status="run"', '"base" status="fail"')
    assert count("asan", ctest.parent, 8) == (4, 2)


def test_a_sanitizer_report_after_the_last_test_is_a_failure(ctest: Path) -> None:
    replace(ctest / "ctest.xml", '"base" status="run"', '"base" status="fail"')
    assert count("asan", ctest.parent, 8) == (6, 1)


def test_a_crash_is_a_failure(ctest: Path) -> None:
    (ctest / "test_base.xml").unlink()
    replace(ctest / "ctest.xml", '"base" status="run"', '"base" status="fail"')
    assert count("asan", ctest.parent, 8) == (1, 1)


def test_a_program_that_was_not_built_is_a_failure(ctest: Path) -> None:
    replace(ctest / "ctest.xml", '"fuzz" status="run"', '"fuzz" status="notrun"')
    assert count("asan", ctest.parent, 8) == (5, 1)


def test_a_disabled_test_is_a_failure(ctest: Path) -> None:
    replace(ctest / "test_base.xml", 'disabled="0"', 'disabled="1"')
    assert count("asan", ctest.parent, 0) == (5, 1)


def test_no_results_are_a_failure(tmp_path: Path) -> None:
    assert count("asan", tmp_path, 0) == (0, 1)
    assert count("interop", tmp_path, 0) == (0, 1)


def test_skipped_tests_of_pytest_are_failures(tmp_path: Path) -> None:
    (tmp_path / "interop").mkdir()
    report = '<testsuites><testsuite tests="9" failures="1" errors="1" skipped="2"/></testsuites>'
    (tmp_path / "interop/pytest.xml").write_text(report)
    assert count("interop", tmp_path, 1) == (5, 4)


@pytest.mark.parametrize(("status", "expected"), [(0, (1, 0)), (1, (0, 1)), (124, (0, 1))])
def test_a_gate_is_one_test(tmp_path: Path, status: int, expected: tuple[int, int]) -> None:
    assert count("gates", tmp_path, status) == expected


@pytest.mark.parametrize(("status", "expected"), [(0, (0, 0)), (1, (0, 1))])
def test_a_stage_without_tests_counts_when_it_fails(tmp_path: Path, status: int, expected: tuple[int, int]) -> None:
    assert count("build", tmp_path, status) == expected


def test_failed_tests_are_told_by_name(ctest: Path) -> None:
    (ctest / "test_base.xml").write_text(
        '<testsuites tests="2" failures="1" disabled="0" errors="0"><testsuite name="Ip">'
        '<testcase name="parses" status="run" classname="Ip"/>'
        '<testcase name="refuses" status="run" classname="Ip"><failure message="ip.cpp:3&#x0A;Expected: 1"/></testcase>'
        "</testsuite></testsuites>"
    )
    replace(ctest / "ctest.xml", '"base" status="run"', '"base" status="fail"')
    assert tell("asan", ctest.parent, 8) == ["2 1", "asan: base: Ip.refuses: ip.cpp:3 Expected: 1"]


def test_a_program_that_crashed_is_told_by_name(ctest: Path) -> None:
    replace(
        ctest / "ctest.xml", '"fuzz" status="run"/>', '"fuzz" status="fail"><failure message="SEGFAULT"/></testcase>'
    )
    assert tell("asan", ctest.parent, 8) == ["5 1", "asan: fuzz: SEGFAULT"]


def test_failures_and_skips_of_pytest_are_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "python").mkdir()
    (tmp_path / "python/pytest.xml").write_text(
        '<testsuites><testsuite tests="3" failures="1" errors="0" skipped="1">'
        '<testcase classname="tests.a" name="good"/>'
        '<testcase classname="tests.a" name="bad"><failure message="assert 1 == 2">long</failure></testcase>'
        '<testcase classname="tests.a" name="lazy"><skipped message="no mood"/></testcase>'
        "</testsuite></testsuites>"
    )
    assert tell("python", tmp_path, 1) == [
        "1 2",
        "python: tests.a.bad: assert 1 == 2",
        "python: tests.a.lazy: no mood",
    ]


def test_the_list_of_failed_tests_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "python").mkdir()
    cases = "".join(f'<testcase classname="t" name="n{i}"><failure message="x"/></testcase>' for i in range(100))
    (tmp_path / "python/pytest.xml").write_text(
        f'<testsuites><testsuite tests="100" failures="100" errors="0" skipped="0">{cases}</testsuite></testsuites>'
    )
    lines = tell("python", tmp_path, 1)
    assert lines[0] == "0 100"
    assert len(lines) == 62
    assert lines[-1].startswith("python: and 40 more: ")


def test_a_failed_build_tells_the_compilers_errors(tmp_path: Path) -> None:
    log = "[1/3] fine\nFAILED: a.o\n/x/a.cpp:7:3: error: 'y' was not declared\n  note\n" + "later\n" * 50
    assert tell("build", tmp_path, 1, log) == [
        "0 1",
        "build: exit status 1",
        "build:   FAILED: a.o",
        "build:   /x/a.cpp:7:3: error: 'y' was not declared",
    ]


def test_a_stage_that_ran_out_of_time_says_so_and_where_it_was(tmp_path: Path) -> None:
    assert tell("setup", tmp_path, 124, "one\ntwo\n") == [
        "0 1",
        "setup: ran out of time",
        "setup:   one",
        "setup:   two",
    ]


def test_every_stage_has_a_limit_and_all_together_end_before_ninety_minutes() -> None:
    text = (ROOT / "script/test").read_text()
    stages = re.search(r"^STAGES=\((.*)\)$", text, re.MULTILINE)
    limits = re.search(r"^declare -A LIMITS=\((.*?)\)$", text, re.MULTILINE | re.DOTALL)
    total = re.search(r"^TOTAL_LIMIT=(\d+)$", text, re.MULTILINE)
    assert stages
    assert limits
    assert total
    seconds = dict(re.findall(r"\[(\w+)\]=(\d+)", limits[1]))
    assert set(seconds) == set(stages[1].split())
    assert max(map(int, seconds.values())) <= int(total[1]) < 90 * 60
