# SPDX-License-Identifier: MIT
"""A small internet of network namespaces for one test; natlab.sh is its engine and shows its plan."""

import contextlib
import itertools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from binaries import HERE
from process import Process

type Nat = Literal["lan", "lan6", "cone", "easy", "hard", "blocked"]
type Place = Literal["inet", "a", "b", "nat-a", "nat-b"]

INTERNET_IP = "198.51.100.1"
SECOND_INTERNET_IP = "198.51.100.2"
INTERNET_IPV6 = "2001:db8:100::1"
_numbers = itertools.count(1)


class Lab:
    """Two hosts a and b, behind the NATs that they are given, and `inet`, where servers live.

    Each lab has namespaces of its own: the same addresses and ports may be used in many labs at once. Leaving the
    block ends every process in it and removes everything.
    """

    def __init__(self, a: Nat = "lan", b: Nat = "lan") -> None:
        """Nothing exists before the block is entered."""
        self.kinds = (a, b)
        self.name = f"ml{os.getpid()}-{next(_numbers)}"
        self.processes: list[Process] = []
        # Short, because the path of a Unix socket may have 107 characters.
        self.directory = Path(tempfile.mkdtemp(prefix=f"{self.name}-"))

    def __enter__(self) -> Self:
        """Build the namespaces (half a second)."""
        try:
            self._natlab("up", *self.kinds)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it all down."""
        self.close()

    def close(self) -> None:
        """End the processes, remove namespaces and files; may be repeated."""
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            process.stop()
        self._natlab("down")
        shutil.rmtree(self.directory, ignore_errors=True)

    def enter(self, place: Place) -> list[str]:
        """Command prefix that runs what follows in a namespace; the process id is the command's own."""
        return ["ip", "netns", "exec", f"{self.name}-{place}"]

    def run(self, place: Place, *argv: str | Path, seconds: float = 30) -> str:
        """Run a command in a namespace and return what it printed; raises CalledProcessError."""
        command = [*self.enter(place), *map(str, argv)]
        return subprocess.run(command, check=True, timeout=seconds, text=True, capture_output=True).stdout

    def feed(self, place: Place, text: str, *argv: str | Path, seconds: float = 30) -> str:
        """Run a command in a namespace with this standard input; what it printed. Raises CalledProcessError."""
        command = [*self.enter(place), *map(str, argv)]
        return subprocess.run(command, input=text, check=True, timeout=seconds, text=True, capture_output=True).stdout

    def adopt[P: Process](self, process: P) -> P:
        """See to it that a process ends with the lab, and that its log shows when the test fails."""
        self.processes.append(process)
        return process

    def lose(self, host: Literal["a", "b"], percent: int) -> None:
        """Lose so many of the host's UDP packets in each direction; 0 ends it."""
        self._natlab("drop", host, str(percent))

    def rebind(self, nat: Literal["nat-a", "nat-b"]) -> None:
        """Let a NAT forget its mappings, as a router does that restarts."""
        self._natlab("rebind", nat)

    def add_underlay(self, host: Literal["a", "b"]) -> None:
        """Give a host behind a NAT a second way out behind another one: eth1, for when eth0 is not there."""
        self._natlab("underlay", host)

    def move(self, host: Literal["a", "b"], address: str) -> None:
        """Give a host on the internet another address instead of its own."""
        # Not the other way round: with the first address all others of the subnet would go.
        self.run(host, "ip", "address", "flush", "dev", "eth0", "scope", "global")
        self.run(host, "ip", "address", "add", f"{address}/24", "dev", "eth0")

    @contextlib.contextmanager
    def unplugged(self, host: Literal["a", "b"]) -> Iterator[None]:
        """Take a host's only network device down for the block."""
        route = self.run(host, "ip", "route", "show", "default").split()
        self.run(host, "ip", "link", "set", "eth0", "down")
        yield
        self.run(host, "ip", "link", "set", "eth0", "up")
        if route:
            self.run(host, "ip", "route", "replace", *route)

    @contextlib.contextmanager
    def blocked(self, host: Literal["a", "b"], address: str, *ports: int) -> Iterator[None]:
        """Keep a host from reaching some TCP and UDP ports of a server for the block."""
        block = f"ip daddr {address} meta l4proto {{ tcp, udp }} th dport {{ {', '.join(map(str, ports))} }} reject"
        self.run(host, "nft", "add table inet blocked")
        self.run(host, "nft", "add chain inet blocked out { type filter hook output priority 0; }")
        self.run(host, "nft", f"add rule inet blocked out {block}")
        yield
        self.run(host, "nft", "delete table inet blocked")

    def address(self, host: Literal["a", "b"]) -> str:
        """Address under which the internet sees a host: IPv4, unless it has IPv6 alone."""
        number = {"a": 1, "b": 2}[host]
        if self.kinds[number - 1] == "lan6":
            return f"2001:db8:100::{number}1"
        return f"198.51.100.{number}{1 if self.kinds[number - 1] == 'lan' else 0}"

    def logs(self) -> dict[str, str]:
        """Return the end of every process's output."""
        return {process.name: process.tail() for process in self.processes}

    def _natlab(self, *args: str) -> None:
        done = subprocess.run(
            [HERE / "natlab.sh", *args],
            env={**os.environ, "NATLAB": self.name},
            timeout=60,
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            message = f"natlab.sh {' '.join(args)}: {done.stdout}{done.stderr}"
            raise RuntimeError(message)


def remove_orphans() -> None:
    """Take down labs whose test run was killed before it could do so."""
    listing = subprocess.run(["ip", "netns", "list"], check=True, text=True, capture_output=True).stdout
    for name, pid in re.findall(r"^(ml(\d+)-\d+)-inet\b", listing, re.MULTILINE):
        if not Path(f"/proc/{pid}").exists():
            subprocess.run([HERE / "natlab.sh", "down"], env={**os.environ, "NATLAB": name}, timeout=60, check=True)
    for directory in Path(tempfile.gettempdir()).glob("ml*-*-*"):
        match = re.fullmatch(r"ml(\d+)-\d+-\w+", directory.name)
        if match and not Path(f"/proc/{match[1]}").exists():
            shutil.rmtree(directory, ignore_errors=True)
