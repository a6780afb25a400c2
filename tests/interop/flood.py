# SPDX-License-Identifier: MIT
"""Strangers who know a node's public key: WireGuard initiations that look right until their static key is opened.

Run as a program it sends them to an address until standard input closes, and then says what came back.
"""

import hashlib
import json
import os
import select
import socket
import struct
import sys
import time

from binaries import HERE
from lab import Lab, Place
from process import Process
from waiting import wait_for

INITIATION_BYTES = 148
COOKIE_REPLY_BYTES = 64
MAC_BYTES = 16
SOURCES = 16


class Flood(Process):
    """Initiations with a right mac1 to a node of ours, so many a second."""

    def __init__(self, lab: Lab, place: Place, to: str, node_key: str, rate: int) -> None:
        """Start it; `to` is the node's endpoint, `node_key` its public key as text."""
        super().__init__(lab.enter(place), "flood", lab.directory / "flood")
        argv = [sys.executable, str(HERE / "flood.py"), to, node_key.removeprefix("nodekey:"), str(rate)]
        lab.adopt(self).spawn(argv)
        wait_for("the flood has begun", lambda: "sending" in self.output())

    def end(self) -> dict[str, int]:
        """End it; how many initiations were `sent`, how many `cookies` and `other` packets came back."""
        assert self._child is not None
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(10)
        report: dict[str, int] = json.loads(self.out.read_text().splitlines()[-1])
        return report


def initiation(public_key: bytes) -> bytes:
    """Return an initiation with a random ephemeral and static key, and the mac1 that the white paper (5.4.4) wants."""
    body = struct.pack("<I", 1) + os.urandom(INITIATION_BYTES - 4 - 2 * MAC_BYTES)
    key = hashlib.blake2s(b"mac1----" + public_key).digest()
    return body + hashlib.blake2s(body, key=key, digest_size=MAC_BYTES).digest() + bytes(MAC_BYTES)


def main() -> None:
    """Flood."""
    host, port = sys.argv[1].rsplit(":", 1)
    public_key, rate = bytes.fromhex(sys.argv[2]), int(sys.argv[3])
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(SOURCES)]
    counts = {"sent": 0, "cookies": 0, "other": 0}
    start = time.monotonic()
    print("sending", flush=True)
    while True:
        pause = max(0.0, start + counts["sent"] / rate - time.monotonic())
        ready, _, _ = select.select([sys.stdin, *sockets], [], [], pause)
        if sys.stdin in ready:
            break
        for each in (each for each in sockets if each in ready):
            reply = each.recv(2048)
            counts["cookies" if len(reply) == COOKIE_REPLY_BYTES and reply[0] == 3 else "other"] += 1
        if not ready:
            sockets[counts["sent"] % SOURCES].sendto(initiation(public_key), (host, int(port)))
            counts["sent"] += 1
    print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    main()
