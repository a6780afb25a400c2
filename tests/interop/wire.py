# SPDX-License-Identifier: MIT
"""A cable between the lab's hosts that delays, reorders, duplicates and repeats what goes through it.

Run as a program in the namespace `inet` it takes every UDP packet between two hosts off the bridge and sends it on
itself. It is told what to do by lines of JSON on standard input and ends when that closes; see Wire for the commands.
"""

import contextlib
import heapq
import itertools
import json
import os
import random
import secrets
import select
import socket
import subprocess
import sys
import time
from typing import Any, Literal, NamedTuple, cast

from binaries import HERE
from lab import Lab
from process import Process
from waiting import wait_for

type Host = Literal["a", "b"]

ETHERNET = 14
IPV4_UDP = 17
WIREGUARD_TYPES = {1: "initiation", 2: "response", 3: "cookie", 4: "data"}
DISCO_MAGIC = b"TS\xf0\x9f\x92\xac"
MOST_KEPT = 20_000


class Wire(Process):
    """The cable between the hosts a and b, both with public addresses; it is straight until it is told otherwise."""

    def __init__(self, lab: Lab) -> None:
        """Cut the bridge for UDP between the hosts and put the program in its place."""
        super().__init__(lab.enter("inet"), "wire", lab.directory / "wire")
        for host in ("a", "b"):  # no packets of many segments: the program copies frames
            lab.run(host, "ip", "link", "set", "dev", "eth0", "gso_max_segs", "1")
        self.seed = secrets.randbits(32)
        print(f"wire: seed {self.seed}")
        addresses = {"a": lab.address("a"), "b": lab.address("b")}
        lab.adopt(self).spawn([sys.executable, HERE / "wire.py", json.dumps(addresses), str(self.seed)])
        wait_for("the wire is laid", lambda: "ready" in self.output())
        self._answers = 0

    def weather(self, *, jitter: float = 0, duplicated: int = 0) -> None:
        """Delay each packet by up to `jitter` seconds, and send so many per cent twice."""
        self._tell({"do": "weather", "jitter": jitter, "duplicated": duplicated})

    def replay(self, to: Host, *, shuffled: bool = False) -> dict[str, int]:
        """Send everything again that ever went to a host; how many packets of which kind."""
        return self._ask({"do": "replay", "to": to, "shuffled": shuffled})

    def seen(self, to: Host) -> dict[str, int]:
        """Count what went to a host, by kind."""
        return self._ask({"do": "seen", "to": to})

    def _tell(self, command: dict[str, Any]) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(command).encode() + b"\n")
        self._child.stdin.flush()

    def _ask(self, command: dict[str, Any]) -> dict[str, int]:
        self._answers += 1
        self._tell({**command, "number": self._answers})

        def answer() -> dict[str, Any] | None:
            lines = [json.loads(line) for line in self.out.read_text().splitlines() if line.startswith("{")]
            return next((line for line in lines if line["number"] == self._answers), None)

        return cast("dict[str, int]", wait_for(f"the wire's answer to {command['do']}", answer)["kinds"])


class Frame(NamedTuple):
    """An Ethernet frame with a UDP packet in it, and what that is."""

    data: bytes
    kind: str


def read(frame: bytes, source: bytes, destination: bytes) -> Frame | None:
    """Return a frame that carries UDP between two hosts, without its UDP checksum, which may be unfinished."""
    ip = frame[ETHERNET:]
    is_theirs = ip[9] == IPV4_UDP and ip[12:16] == source and ip[16:20] == destination if len(ip) >= 28 else False
    if frame[12:14] != b"\x08\x00" or not is_theirs:
        return None
    udp = ETHERNET + (ip[0] & 15) * 4
    payload = frame[udp + 8 :]
    kind = "disco" if payload.startswith(DISCO_MAGIC) else WIREGUARD_TYPES.get(payload[0] if payload else 0, "other")
    return Frame(frame[: udp + 6] + b"\0\0" + frame[udp + 8 :], kind)


class Cable:
    """The program's state: both ends, what is under way and what went by."""

    def __init__(self, addresses: dict[str, str], seed: int) -> None:
        """Open both ends and cut the bridge."""
        self._random = random.Random(seed)
        self._jitter = 0.0
        self._duplicated = 0
        self._order = itertools.count()
        self._queue: list[tuple[float, int, str, Frame]] = []
        self._kept: dict[str, list[Frame]] = {"a": [], "b": []}
        self._ends: dict[str, socket.socket] = {}
        self._address = {host: socket.inet_aton(address) for host, address in addresses.items()}
        rules = "table netdev wire {\n"
        for host, other in (("a", "b"), ("b", "a")):
            end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            end.bind((f"to-{host}", 3))
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            self._ends[host] = end
            rules += f'chain {host} {{ type filter hook ingress device "to-{host}" priority 0; '
            rules += f"ip saddr {addresses[host]} ip daddr {addresses[other]} meta l4proto udp drop; }}\n"
        subprocess.run(["nft", "-f", "-"], input=rules + "}\n", text=True, check=True)

    def run(self) -> None:
        """Carry packets until standard input closes."""
        print("ready", flush=True)
        sockets = {end.fileno(): host for host, end in self._ends.items()}
        commands = b""
        while True:
            pause = max(0.0, self._queue[0][0] - time.monotonic()) if self._queue else None
            ready, _, _ = select.select([*sockets, sys.stdin.fileno()], [], [], pause)
            for descriptor in ready:
                if descriptor in sockets:
                    self._receive(sockets[descriptor])
                    continue
                got = os.read(descriptor, 4096)
                if not got:
                    return
                *lines, commands = (commands + got).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))
            while self._queue and self._queue[0][0] <= time.monotonic():
                _, _, to, frame = heapq.heappop(self._queue)
                self._send(to, frame)

    def _receive(self, host: str) -> None:
        other = "b" if host == "a" else "a"
        data, (_, _, packet_type, *_) = self._ends[host].recvfrom(65536)
        if packet_type == socket.PACKET_OUTGOING:
            return
        frame = read(data, self._address[host], self._address[other])
        if frame is None:
            return
        if len(self._kept[other]) < MOST_KEPT:
            self._kept[other].append(frame)
        for _ in range(2 if self._random.randrange(100) < self._duplicated else 1):
            at = time.monotonic() + self._random.uniform(0, self._jitter)
            heapq.heappush(self._queue, (at, next(self._order), other, frame))

    def _send(self, to: str, frame: Frame) -> None:
        with contextlib.suppress(OSError):  # longer than the other end's MTU
            self._ends[to].send(frame.data)

    def _obey(self, command: dict[str, Any]) -> None:
        if command["do"] == "weather":
            self._jitter, self._duplicated = command["jitter"], command["duplicated"]
            return
        frames = list(self._kept[command["to"]])
        if command["do"] == "replay":
            if command["shuffled"]:
                self._random.shuffle(frames)
            for frame in frames:
                self._send(command["to"], frame)
                time.sleep(0.0005)  # not faster than a socket's buffer is emptied
        kinds: dict[str, int] = {}
        for frame in frames:
            kinds[frame.kind] = kinds.get(frame.kind, 0) + 1
        print(json.dumps({"number": command["number"], "kinds": kinds}), flush=True)


if __name__ == "__main__":
    Cable(json.loads(sys.argv[1]), int(sys.argv[2])).run()
