# SPDX-License-Identifier: MIT
"""Builds the programs under test, with the machine's ESPHome."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
    """What all programs of a test run have in common: one authority, so that they need to be compiled only once.

    `directory` is ESPHome's; several runs and workers may share it. `programs` is this one's own.
    """

    certificates: Certificates
    directory: Path
    programs: Path

    def compile(self, name: str, config: str, mac_address: str, **substitutions: str) -> Path:
        """Compile a configuration of this folder; the program, which nobody else will replace.

        What did not change is not compiled again.
        """
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
        with locked(self.directory):
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
            program = self.directory / "build" / name / ".pioenvs" / name / "program"
            own = self.programs / name / "program"
            own.parent.mkdir(parents=True, exist_ok=True)
            own.unlink(missing_ok=True)  # one that still runs can't be written to
            return Path(shutil.copy(program, own))


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Be the only one in a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_build(shared: Path, own: Path) -> Build:
    """Prepare a test run; `shared` is the same for all of its workers, `own` a worker's alone."""
    with locked(shared):
        certificates = make_certificates(shared / "certificates", INTERNET_IP)
    return Build(certificates=certificates, directory=ROOT / "build" / "esphome" / "tests", programs=own)
