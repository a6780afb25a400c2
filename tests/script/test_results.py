# SPDX-License-Identifier: MIT
"""script/results.py counts what happened, and nothing that did not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def count(stage: str, folder: Path, status: int) -> tuple[int, int]:
    """What script/test would add for this stage."""
    done = subprocess.run(
        [sys.executable, ROOT / "script/results.py", stage, folder, str(status)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    passed, failed = done.stdout.split()
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
