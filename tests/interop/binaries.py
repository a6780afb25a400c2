# SPDX-License-Identifier: MIT
"""Where the programs under test are."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OURS = ("microlinkd", "netcat")


def binary(name: str) -> Path:
    """Path of a program: what MICROLINK_<NAME> says, else where script/build puts it.

    Raises FileNotFoundError with the next step: a missing program is a failure, never a reason to skip.
    """
    default = ROOT / "build" / ("host" if name in OURS else "interop") / name
    path = Path(os.environ.get(f"MICROLINK_{name.upper()}", default))
    if not path.is_file():
        message = f"{path} is not there: run script/setup and script/build, or set MICROLINK_{name.upper()}"
        raise FileNotFoundError(message)
    return path
