# SPDX-License-Identifier: MIT
"""Runs ESPHome's command line on configurations."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
SECONDS = 240


def esphome(command: str, config: Path, *options: str, data: Path, **environment: str) -> tuple[int, str]:
    """Return exit status and everything that was printed, as one line for each paragraph."""
    substitutions = ("-s", "toolchain", "platformio") if "--only-generate" in options and "-ard" in config.name else ()
    done = subprocess.run(
        [sys.executable, "-m", "esphome", *substitutions, command, *options, config],
        env={**os.environ, "ESPHOME_DATA_DIR": str(data), **environment},
        timeout=SECONDS,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout
