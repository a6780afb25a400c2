# SPDX-License-Identifier: MIT
"""A private certificate authority for servers that do not bring their own."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """PEM files: the authority's certificate, a server's certificate and its key."""

    ca: Path
    server: Path
    key: Path


def make_certificates(directory: Path, ip: str, *, days: int = 30) -> Certificates:
    """Make a CA and a certificate for one address; what is there already is kept, so that a restart is possible."""
    files = Certificates(ca=directory / "ca.pem", server=directory / "server.pem", key=directory / "server.key")
    if files.server.exists():
        return files
    directory.mkdir(parents=True, exist_ok=True)

    def openssl(*args: str, text: str = "") -> None:
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=directory, input=text.encode())

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-subj", "/CN=MicroLink test CA"]
    openssl("req", "-x509", *key, *subject, "-days", "30", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *key, "-subj", f"/CN={ip}", "-keyout", "server.key", "-out", "server.csr")
    sign = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", str(days), "-extfile", "/dev/stdin"]
    openssl("x509", "-req", "-in", "server.csr", *sign, "-out", "server.pem", text=f"subjectAltName=IP:{ip}\n")
    return files
