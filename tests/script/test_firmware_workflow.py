# SPDX-License-Identifier: MIT
"""The workflow that compiles the examples with ESPHome's builder leaves none out."""

import itertools
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/firmware.yml").read_text())
JOB = WORKFLOW["jobs"]["compile"]
CHIPS = sorted(path.stem for path in (ROOT / "examples").glob("esp32*.yaml"))


def combinations() -> set[tuple[str, str]]:
    """Return chips and frameworks as GitHub makes jobs of the matrix."""
    matrix = JOB["strategy"]["matrix"]
    left_out = {(each["chip"], each["framework"]) for each in matrix["exclude"]}
    return set(itertools.product(matrix["chip"], matrix["framework"])) - left_out


def arduino_chips() -> set[str]:
    """Return what ESPHome itself says."""
    code = "from esphome.components.esp32 import ARDUINO_ALLOWED_VARIANTS as v; print(*v)"
    said = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {name.lower() for name in said.split()}


def test_each_example_is_compiled_for_its_chip_on_each_framework() -> None:
    assert len(CHIPS) == 5
    expected = {(chip, "esp-idf") for chip in CHIPS} | {(chip, "arduino") for chip in arduino_chips() & set(CHIPS)}
    assert combinations() == expected


def test_it_runs_for_whatever_may_break_a_firmware() -> None:
    triggers = WORKFLOW[True]  # YAML's reading of "on"
    assert triggers["push"]["branches"] == ["main"]
    assert {"esphome_components/**", "examples/**", "packages/**"} <= set(triggers["pull_request"]["paths"])


def test_actions_are_pinned_by_commit_and_esphome_is_the_tested_one() -> None:
    for step in JOB["steps"]:
        if "uses" in step:
            assert len(step["uses"].partition("@")[2]) == 40, step
    assert JOB["steps"][-1]["with"]["version"] == metadata.version("esphome")


@pytest.mark.parametrize(("chip", "framework"), sorted(combinations()))
def test_what_it_prepares_is_a_valid_configuration(chip: str, framework: str, tmp_path: Path) -> None:
    for name in ("examples", "packages"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns(".esphome", "secrets.yaml"))
    (tmp_path / "esphome_components").symlink_to(ROOT / "esphome_components")
    (prepare,) = (step["run"] for step in JOB["steps"] if "run" in step)
    example = f"examples/{chip}.yaml"
    environment = {**os.environ, "EXAMPLE": example, "FRAMEWORK": framework}
    subprocess.run(["bash", "-euc", prepare], cwd=tmp_path, env=environment, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "esphome", "config", example],
        cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert f"type: {framework}" in done.stdout
