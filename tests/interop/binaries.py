# SPDX-License-Identifier: MIT
"""Where the programs under test are."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OURS = ("microlinkd", "greeter", "netcat", "ping_pong")


def binary(name: str, *, sanitized: bool = False) -> Path:
    """Path of a program: what MICROLINK_<NAME> says, else where script/build puts it.

    `sanitized`: one of ours built with AddressSanitizer, or what MICROLINK_<NAME>_ASAN says. Raises FileNotFoundError
    with the next step: a missing program is a failure, never a reason to skip.
    """
    variable = f"MICROLINK_{name.upper()}{'_ASAN' if sanitized else ''}"
    ours = "asan" if sanitized else "host"
    path = Path(os.environ.get(variable, ROOT / "build" / (ours if name in OURS else "interop") / name))
    if not path.is_file():
        message = f"{path} is not there: run script/setup and script/build host asan, or set {variable}"
        raise FileNotFoundError(message)
    return path
