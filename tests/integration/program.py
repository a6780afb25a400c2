# SPDX-License-Identifier: MIT
"""Builds the programs under test, with the machine's ESPHome."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from binaries import ROOT
from certificates import Certificates, make_certificates
from lab import INTERNET_IP

HERE = Path(__file__).resolve().parent
CONTROL_PORT = 8443  # Headscale's in headscale.yaml
CONTROL_URL = f"https://{INTERNET_IP}:{CONTROL_PORT}"
API_PORT = 6053
COMPILE_SECONDS = 1200


@dataclass(frozen=True, kw_only=True)
class Build:
    """What all programs of a test run have in common: one authority, so that they need to be compiled only once."""

    certificates: Certificates
    directory: Path

    def compile(self, name: str, config: str, mac_address: str, **substitutions: str) -> Path:
        """Compile a configuration of this folder; the program. What did not change is not compiled again."""
        values = {
            "name": name,
            "mac_address": mac_address,
            "control_url": CONTROL_URL,
            "ca_certificate": str(self.certificates.ca),
            "api_port": str(API_PORT),
            "log_level": "VERBOSE",
            "components": str(ROOT / "esphome_components"),
            **substitutions,
        }
        options = [word for key, value in values.items() for word in ("-s", key, value)]
        done = subprocess.run(
            [sys.executable, "-m", "esphome", *options, "compile", HERE / config],
            env={**os.environ, "ESPHOME_DATA_DIR": str(self.directory)},
            timeout=COMPILE_SECONDS,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode:
            message = f"{config} does not compile:\n{done.stdout[-6000:]}"
            raise RuntimeError(message)
        return self.directory / "build" / name / ".pioenvs" / name / "program"


def make_build(certificates: Path) -> Build:
    """Prepare a test run; each worker of pytest-xdist builds in a folder of its own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    return Build(
        certificates=make_certificates(certificates, INTERNET_IP), directory=ROOT / "build" / "esphome" / worker
    )
