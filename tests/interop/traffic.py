# SPDX-License-Identifier: MIT
"""Real traffic between the lab's hosts: a web server, an echo server, iperf3."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, cast

from lab import Lab, Place
from planes import Json
from process import Process
from waiting import wait_for

WEB_PORT = 8080
ECHO_PORT = 7007
IPERF_PORT = 5201

# What came back is what went out, on TCP and on UDP; a TCP connection ends when the client has sent all.
_ECHO = """
import socket, socketserver, sys, threading
socket.setdefaulttimeout(None)
class Stream(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)
class Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        self.request[1].sendto(self.request[0], self.client_address)
class Streams(socketserver.ThreadingTCPServer):
    address_family, allow_reuse_address, daemon_threads = socket.AF_INET6, True, True
class Datagrams(socketserver.UDPServer):
    address_family = socket.AF_INET6
port = int(sys.argv[1])
streams, datagrams = Streams(("::", port), Stream), Datagrams(("::", port), Datagram)
threading.Thread(target=datagrams.serve_forever, daemon=True).start()
streams.serve_forever()
"""


@contextlib.contextmanager
def without_udp(lab: Lab, host: Literal["a", "b"]) -> Iterator[None]:
    """Drop all UDP of a host's own network device for the block."""
    lab.run(host, "nft", "add table inet silent")
    for hook, key in (("output", "oifname"), ("input", "iifname")):
        lab.run(host, "nft", f"add chain inet silent {hook} {{ type filter hook {hook} priority 0; }}")
        lab.run(host, "nft", f"add rule inet silent {hook} {key} eth0 meta l4proto udp drop")
    yield
    lab.run(host, "nft", "delete table inet silent")


def bracketed(address: str) -> str:
    """Write an address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


def _listens(lab: Lab, place: Place, port: int) -> bool:
    return bool(lab.run(place, "ss", "-Hltn", f"sport = :{port}").strip())


def serve_echo(lab: Lab, place: Place, port: int = ECHO_PORT) -> Process:
    """Start an echo server for TCP and UDP on all addresses of a host."""
    server = lab.adopt(Process(lab.enter(place), f"echo-{place}-{port}", lab.directory / f"echo-{place}"))
    server.spawn([sys.executable, "-c", _ECHO, str(port)])
    wait_for(f"echo at {place}", lambda: _listens(lab, place, port))
    return server


def serve_files(lab: Lab, place: Place, size: int = 1_000_000, port: int = WEB_PORT) -> Path:
    """Start a web server on all addresses of a host that offers `/file`; the file."""
    directory = lab.directory / f"web-{place}"
    server = lab.adopt(Process(lab.enter(place), f"web-{place}", directory))
    file = directory / "file"
    file.write_bytes(bytes(i * i % 251 for i in range(size)))
    server.spawn([sys.executable, "-m", "http.server", str(port), "--bind", "::", "--directory", directory])
    wait_for(f"web at {place}", lambda: _listens(lab, place, port))
    return file


def fetch(lab: Lab, place: Place, url: str, *options: str, seconds: float = 30) -> bytes:
    """Fetch a URL with curl from a host. Raises CalledProcessError."""
    argv = [*lab.enter(place), "curl", "-sS", "-g", "--fail", "--noproxy", "", "-m", str(int(seconds)), *options, url]
    return subprocess.run(argv, check=True, capture_output=True, timeout=seconds + 5).stdout


class Iperf(Process):
    """An iperf3 server on a host."""

    def __init__(self, lab: Lab, place: Place, port: int = IPERF_PORT) -> None:
        """Start it and wait until it listens."""
        super().__init__(lab.enter(place), f"iperf-{place}-{port}", lab.directory / f"iperf-{place}")
        self._lab = lab
        lab.adopt(self)
        self.spawn(["iperf3", "-s", "-p", str(port)])
        wait_for(f"iperf3 at {place}", lambda: _listens(lab, place, port))

    def measure(self, place: Place, address: str, *options: str, seconds: int = 2) -> Json:
        """Run a client; iperf3's `end` report. Raises RuntimeError."""
        argv = ["iperf3", "-J", "-c", address, "-t", str(seconds), "--connect-timeout", "5000", *options]
        command = [*self._lab.enter(place), *argv]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=seconds + 20)
        report = cast("dict[str, Any]", json.loads(done.stdout or "{}"))
        if done.returncode or "error" in report:
            message = f"{' '.join(argv)}: {report.get('error', done.stderr)}"
            raise RuntimeError(message)
        return cast("Json", report["end"])


class Transfer(Process):
    """An iperf3 client that runs beside the test, both ways at once."""

    def __init__(self, lab: Lab, place: Place, address: str, port: int, *options: str, seconds: int) -> None:
        """Start it."""
        super().__init__(lab.enter(place), f"transfer-{port}", lab.directory / f"transfer-{port}")
        argv = ["iperf3", "-J", "--bidir", "-c", address, "-p", str(port), "-t", str(seconds), *options]
        lab.adopt(self).spawn(argv)

    def end(self, seconds: float) -> Json:
        """Wait for it; iperf3's `end` report. Raises RuntimeError when a connection broke."""
        wait_for(f"{self.name} ends", lambda: not self.running(), seconds)
        report = json.loads(self.out.read_text() or "{}")
        if self.exit_status() or "error" in report:
            message = f"{self.name}: {report.get('error', self.tail())}"
            raise RuntimeError(message)
        return cast("Json", report["end"])


def without_offloads(lab: Lab, place: Place, device: str) -> None:
    """Let a device take one packet at a time."""
    lab.run(place, "ethtool", "-K", device, "tso", "off", "gso", "off", "gro", "off")


def received_gbit(end: Json) -> float:
    """Gbit of a measurement that came through."""
    got = end.get("sum_received") or end["sum"]
    # Without sum_received `bytes` counts what was sent.
    share = 1.0 if "sum_received" in end else 1 - got["lost_percent"] / 100
    return float(got["bytes"]) * 8 / 1e9 * share


def megabits(end: Json, which: Literal["sum_received", "sum"] = "sum_received") -> float:
    """Throughput of a measurement."""
    return float(end[which]["bits_per_second"]) / 1e6
