# SPDX-License-Identifier: MIT
"""Finds what the core links on Linux, through pkg-config: mbedTLS 3.6, libsodium and lwIP with the core's options."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from esphome.core import EsphomeError

# Name, lowest version, the version that is too new.
LIBRARIES = (
    ("mbedtls", "3.6.0", "4"),
    ("mbedx509", "3.6.0", "4"),
    ("mbedcrypto", "3.6.0", "4"),
    ("libsodium", "1.0.18", "2"),
    ("microlink-lwip", "2.2", "3"),
)


def build_flags(core: Path) -> list[str]:
    """Return compiler and linker flags. Raises EsphomeError, which says what to do."""
    if sys.platform != "linux":
        raise EsphomeError("microlink: on 'host:' it runs on Linux only; build this configuration there")
    if shutil.which("pkg-config") is None:
        raise EsphomeError("microlink: pkg-config is missing; install it (Debian: apt install pkg-config)")
    environment = _environment(core)
    wanted = [
        f"{name} {sign} {version}" for name, low, high in LIBRARIES for sign, version in ((">=", low), ("<", high))
    ]
    done = _pkg_config(environment, "--print-errors", "--exists", *wanted)
    if done.returncode:
        raise EsphomeError(
            "microlink: the libraries for 'host:' are not here. In a clone of MicroLink's repository run script/setup, "
            "which builds mbedTLS 3.6 and lwIP, and use the component from there; elsewhere name the folders "
            "build/deps/host/lib/pkgconfig and build/deps/lwip/lib/pkgconfig of such a clone in PKG_CONFIG_PATH. "
            f"pkg-config says: {' '.join(done.stderr.split())}"
        )
    names = [name for name, _, _ in LIBRARIES]
    # Each line is one flag to ESPHome, which sorts them: the order of the static libraries must stay.
    return [
        _pkg_config(environment, "--cflags", *names).stdout,
        _pkg_config(environment, "--libs", *names).stdout,
        "-pthread",
    ]


def _environment(core: Path) -> Mapping[str, str]:
    """Let pkg-config look into what script/setup builds, when the component lies in its repository."""
    paths = [str(core.parents[2] / "build" / "deps" / name / "lib" / "pkgconfig") for name in ("host", "lwip")]
    if given := os.environ.get("PKG_CONFIG_PATH"):
        paths.insert(0, given)
    return {**os.environ, "PKG_CONFIG_PATH": os.pathsep.join(paths)}


def _pkg_config(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["pkg-config", *arguments], env=environment, text=True, capture_output=True, check=False, timeout=30
    )
