# SPDX-License-Identifier: MIT
"""Numbered UDP packets, and somebody who writes down which of them came."""

import sys
from typing import Literal

from lab import INTERNET_IP, Lab
from process import Process
from waiting import wait_for

type Host = Literal["a", "b"]
PORT = 7100

_SAY = """
import socket, sys, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    for number in range(int(sys.argv[3])):
        s.sendto(b"%08d" % number + bytes(number % 1000), (sys.argv[1], int(sys.argv[2])))
        time.sleep(0.002)
"""
_HEARD = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    s.bind(("0.0.0.0", int(sys.argv[1])))
    print("ready", flush=True)
    while True:
        data = s.recv(65536)
        ok = data[8:] == bytes(int(data[:8]) % 1000)
        print(int(data[:8]) if ok else "damaged", flush=True)
"""


_ANYTHING = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind(("0.0.0.0", int(sys.argv[1])))
    print("ready", flush=True)
    while True:
        print(s.recv(65536).hex(), flush=True)
"""


class Ear(Process):
    """Writes down every UDP packet that comes to a port of the internet's host."""

    def __init__(self, lab: Lab) -> None:
        """Start it and wait until it listens."""
        super().__init__(lab.enter("inet"), "ear", lab.directory / "ear")
        self.endpoint = f"{INTERNET_IP}:{PORT}"
        lab.adopt(self).spawn([sys.executable, "-c", _ANYTHING, str(PORT)])
        wait_for("somebody listens", lambda: "ready" in self.output())

    def packets(self) -> list[bytes]:
        """Everything that came so far."""
        return [bytes.fromhex(line) for line in self.out.read_text().splitlines()[1:]]


class Listener(Process):
    """Writes down the numbers of the packets that come to a host."""

    def __init__(self, lab: Lab, host: Host) -> None:
        """Start it and wait until it listens."""
        super().__init__(lab.enter(host), f"listener-{host}", lab.directory / f"listener-{host}")
        lab.adopt(self).spawn([sys.executable, "-c", _HEARD, str(PORT)])
        wait_for(f"somebody listens at {host}", lambda: "ready" in self.output())

    def numbers(self) -> list[int]:
        """Numbers so far, in their order; ValueError for a damaged packet."""
        return [int(line) for line in self.out.read_text().splitlines()[1:]]


def say(lab: Lab, host: Host, address: str, count: int) -> None:
    """Send numbered packets of many sizes to the listener at a tailnet address."""
    lab.run(host, sys.executable, "-c", _SAY, address, str(PORT), str(count), seconds=60)
