# SPDX-License-Identifier: MIT
"""script/check-idf where there is no ESP-IDF."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def check_idf(*arguments: str) -> tuple[int, str]:
    """Return its status and what it says."""
    done = subprocess.run(
        [sys.executable, ROOT / "script/check-idf", *arguments],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_code_that_only_a_chip_can_run_is_a_tenth_at_most() -> None:
    status, said = check_idf("--share")
    assert status == 0, said
    assert "only for chips: " in said


def test_a_folder_without_esp_idf_is_refused(tmp_path: Path) -> None:
    status, said = check_idf(str(tmp_path))
    assert status != 0
    assert "is no ESP-IDF with its submodules" in said
