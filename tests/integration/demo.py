#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What script/demo shows, once everything is built."""

import argparse
import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import override

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "interop"))

from aioesphomeapi import APIClient

from binaries import ROOT, binary
from certificates import make_certificates
from device import Device
from lab import INTERNET_IP, Lab, Place, remove_orphans
from microlinkd import Microlinkd
from peers import Tailscaled
from planes import Json, TestControl
from program import API_PORT, CONTROL_PORT, Build
from waiting import NotReachedError, wait_for

KEPT = ROOT / "build" / "demo"
CERTIFICATE_SECONDS = 20 * 86400  # they are made for 30 days
LOOPBACK_PORTS = (18443, 16053)
NODE = "cabin"
CONFIGURATION = """\
# Written by script/demo: examples/host.yaml with a test server's authority and an auth key.
packages:
  example: !include {example}

microlink:
  ca_certificate: ${{ca_certificate}}
  auth_key: !secret auth_key
"""

_start = float(os.environ.get("MICROLINK_DEMO_START", time.time()))


def say(text: str) -> None:
    """Print a line with the seconds since the start."""
    print(f"[{time.time() - _start:7.3f} s] {text}", flush=True)


class Loopback(Lab):
    """The lab of someone who is not root: everything on 127.0.0.1, where nothing is between the nodes."""

    @override
    def enter(self, place: Place) -> list[str]:
        return []

    @override
    def _natlab(self, *args: str) -> None:
        pass


class LoopbackDevice(Device):
    """The program on this machine's own loopback."""

    port = API_PORT

    @override
    async def _connect(self) -> None:
        client = APIClient("127.0.0.1", self.port, None)
        await client.connect(login=True)
        self._client = client
        entities, self._services = await client.list_entities_services()
        self._entities = {entity.key: entity for entity in entities}
        client.subscribe_states(self._on_state)


@dataclass(frozen=True, kw_only=True)
class Where:
    """The addresses that are compiled into the program."""

    loopback: bool
    ip: str
    control_port: int
    api_port: int

    @property
    def directory(self) -> Path:
        """Where the authority, the key and the configuration are kept for the next run."""
        return KEPT / ("loopback" if self.loopback else "lab")

    @property
    def url(self) -> str:
        """URL of control."""
        return f"https://{self.ip}:{self.control_port}"

    @classmethod
    def choose(cls, *, loopback: bool) -> Where:
        """Namespaces have all ports to themselves; on loopback the usual ones, if they are free."""
        if not loopback:
            return cls(loopback=False, ip=INTERNET_IP, control_port=CONTROL_PORT, api_port=API_PORT)
        control, api = map(_free_port, LOOPBACK_PORTS)
        return cls(loopback=True, ip="127.0.0.1", control_port=control, api_port=api)


def _free_port(preferred: int) -> int:
    for port in (preferred, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    message = "no TCP port is free on 127.0.0.1"
    raise OSError(message)


@dataclass(frozen=True, kw_only=True)
class Program:
    """The compiled example, and the secret that lets it in."""

    path: Path
    auth_key: str
    build: Build


def compile_program(where: Where) -> Program:
    """Compile examples/host.yaml; what did not change since the last run is not compiled again."""
    directory = where.directory
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    issued = directory / "server.pem"
    if issued.exists() and time.time() - issued.stat().st_mtime > CERTIFICATE_SECONDS:
        for file in directory.glob("*.*"):
            file.unlink()
    certificates = make_certificates(directory, where.ip)
    build = Build(certificates=certificates, directory=KEPT / "esphome", programs=directory)
    secret = directory / "secrets.yaml"
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_text(f"auth_key: tskey-auth-k{secrets.token_hex(8)}CNTRL-{secrets.token_hex(16)}\n")
    config = directory / "node.yaml"
    config.write_text(CONFIGURATION.format(example=ROOT / "examples" / "host.yaml"))
    path = build.compile(
        NODE,
        str(config),
        "02:6d:6c:00:02:01",
        control_url=where.url,
        api_port=str(where.api_port),
        log_level="INFO",
    )
    return Program(path=path, auth_key=secret.read_text().split()[1], build=build)


def start_control(lab: Lab, where: Where, program: Program) -> TestControl:
    """Start control and relay with the certificates that the program trusts."""
    directory = lab.directory / "testcontrol"
    directory.mkdir(mode=0o700)
    certificates = program.build.certificates
    for file in (certificates.ca, certificates.server, certificates.key):
        shutil.copy(file, directory)
    options = ["-ip", where.ip, "-control-port", str(where.control_port), "-auth-key", program.auth_key]
    plane = TestControl(lab, options)
    plane.key = program.auth_key
    return plane


def path_of(pong: Json) -> str:
    """Say how a pong came, in the words of either client."""
    direct = pong.get("endpoint") or pong.get("Endpoint")
    latency = pong.get("latency_ms") or pong.get("LatencySeconds", 0) * 1000
    return f"{f'directly, {direct}' if direct else 'through the relay'}, {latency:.1f} ms"


@contextlib.contextmanager
def no_udp(lab: Lab) -> Iterator[None]:
    """Let the router of house a drop all UDP for the block."""
    lab.run("nat-a", "nft", "add table inet no_udp")
    lab.run("nat-a", "nft", "add chain inet no_udp forward { type filter hook forward priority -1; }")
    lab.run("nat-a", "nft", "add rule inet no_udp forward meta l4proto udp drop")
    yield
    lab.run("nat-a", "nft", "delete table inet no_udp")


class Demo:
    """The nodes, once they run."""

    def __init__(self, lab: Lab, where: Where, plane: TestControl, program: Program) -> None:
        """Nothing but control is started yet."""
        self.lab = lab
        self.where = where
        self.plane = plane
        self.device: Device = (LoopbackDevice if where.loopback else Device)(lab, "a", program.path)
        if isinstance(self.device, LoopbackDevice):
            self.device.port = where.api_port
        self.official = Tailscaled(lab, "b", "official")
        self.daemon = Microlinkd(lab, "a", "microlinkd", plane)

    async def join(self) -> None:
        """Start all nodes and wait until control and everybody know of everybody."""
        began = time.monotonic()
        await self.device.start()
        say(f"{NODE}: the ESPHome program runs and answers on its API")
        await self.device.wait_online()
        say(f"{NODE}: online, {time.monotonic() - began:.3f} s after its start")
        self.official.start(self.plane.ca)
        self.official.join(self.plane)
        say(f"official: tailscaled joined as {self.official.ip()}")
        self.daemon.start()
        self.daemon.wait_state("online")
        say(f"microlinkd: online as {self.daemon.status()['ipv4']}")
        for name in (NODE, "microlinkd"):
            self.official.sees(name)
        self.daemon.wait_peer(NODE)
        self.daemon.wait_peer("official")
        say("every node is in the others' netmaps")

    def pings(self) -> list[tuple[str, Callable[[], Json | None]]]:
        """Return all ways from one node to another that a node can be told to ping; the last one stays in a house."""
        cabin = str(self.device.value("ipv4"))

        def ours(peer: str) -> Json | None:
            return self.daemon.ping(peer) if self.daemon.reaches(peer) else None

        return [
            (f"official -> {NODE}", lambda: self.official.ping(cabin)),
            ("official -> microlinkd", lambda: self.official.ping(self.daemon.status()["ipv4"])),
            ("microlinkd -> official", lambda: ours("official")),
            (f"microlinkd -> {NODE}", lambda: ours(NODE)),
        ]

    def ping_all(self, *, direct: bool) -> None:
        """Ping until the answer comes on the path that is wanted: from house to house, and inside one if direct."""
        for way, ping in self.pings()[: None if direct else -1]:

            def probe(ping: Callable[[], Json | None] = ping) -> Json | None:
                pong = ping()
                return pong if pong and bool(pong.get("endpoint") or pong.get("Endpoint")) == direct else None

            say(f"ping {way}: pong {path_of(wait_for(f'{way}, direct: {direct}', probe, 20))}")

    async def show(self) -> None:
        """Ping over the relay, directly and through the tunnel; read the sensors."""
        if not self.where.loopback:
            with no_udp(self.lab):
                say(f"{NODE}'s router lets no UDP through now")
                self.ping_all(direct=False)
            say(f"{NODE}'s router lets UDP through again")
        self.ping_all(direct=True)
        cabin = str(self.device.value("ipv4"))
        pong = self.official.pinged(cabin, "TSMP")
        say(f"ping official -> {NODE} inside the WireGuard tunnel (TSMP): pong, {pong['LatencySeconds'] * 1000:.1f} ms")
        for sensor in ("connected", "state", "ipv4", "ipv6"):
            say(f"{NODE}'s sensor {sensor}: {await self.device.wait(sensor, lambda value: value is not None)}")
        if str(self.device.value("ipv4")) not in self.plane.node(NODE).addresses:
            message = f"control knows {NODE} as {self.plane.node(NODE).addresses}"
            raise NotReachedError(message)

    def keep(self) -> None:
        """Leave it to the user until Ctrl-C."""
        a, b = (" ".join(self.lab.enter(place)) for place in ("a", "b"))
        say("the tailnet stays up until Ctrl-C. To look around:")
        print(f"  {b} {binary('tailscale')} --socket={self.official.socket} status")
        print(f"  {a} {binary('microlinkd')} ping {NODE} --socket {self.daemon.socket}")
        print(f"  {a} {ROOT}/build/venv/bin/aioesphomeapi-logs --port {self.where.api_port} 127.0.0.1")
        print(f"  logs: {self.lab.directory}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


async def run(demo: Demo) -> None:
    """Go through all of it."""
    try:
        await demo.join()
        await demo.show()
    finally:
        await demo.device.disconnect()


def run_in(lab: Lab, where: Where, program: Program, *, keep: bool) -> bool:
    """Run the demo in a lab; whether everything worked."""
    say("network: 127.0.0.1" if where.loopback else "network: two houses behind NAT routers, and an internet")
    try:
        plane = start_control(lab, where, program)
        say(f"control: Tailscale's test control server and a relay, {plane.url}")
        demo = Demo(lab, where, plane, program)
        asyncio.run(run(demo))
    except (AssertionError, LookupError, RuntimeError, OSError, subprocess.SubprocessError) as error:
        say(f"FAILED: {error}")
        for name, text in lab.logs().items():
            print(f"--- the end of {name}'s log\n{text[-1500:]}")
        return False
    say("everything worked")
    if keep:
        demo.keep()
    return True


def interrupt(*_: object) -> None:
    """End in good order: the lab is taken down on the way out."""
    raise KeyboardInterrupt


def main() -> int:
    """Exit status: 0 when everything worked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--loopback", action="store_true")
    options = parser.parse_args()
    # It is tried until the program listens, and what went wrong at the end is said here.
    logging.getLogger("aioesphomeapi").setLevel(logging.CRITICAL)
    # asyncio would only cancel its task, at the next moment that this one waits.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    if os.geteuid() != 0 and not options.loopback:
        say("not root: everything runs on 127.0.0.1, without NATs (--loopback)")
        options.loopback = True
    where = Where.choose(loopback=options.loopback)
    done = False
    try:
        if not where.loopback:
            remove_orphans()
        say("compiling examples/host.yaml with ESPHome (minutes the first time, seconds later)")
        program = compile_program(where)
        say(f"compiled: {program.path.relative_to(ROOT)}")
        with Loopback() if where.loopback else Lab("easy", "easy") as lab:
            done = run_in(lab, where, program, keep=options.keep)
    except (RuntimeError, OSError) as error:
        say(f"FAILED: {error}")
    except KeyboardInterrupt:
        say("interrupted")
    say("nothing is left running")
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
