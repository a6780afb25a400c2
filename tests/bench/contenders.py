# SPDX-License-Identifier: MIT
"""The two programs that are measured, behind one interface, so that both are measured in the same way."""

import json
import selectors
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, override

from lab import Lab, Place
from microlinkd import Microlinkd
from peers import Tailscaled
from planes import Json, Plane
from process import Usage
from waiting import NotReachedError, wait_for

# Between two attempts to find the socket.
POLL_INTERVAL = 0.0005
# Short beside what is measured: tailscaled answers only what is asked when it can be.
PING_INTERVAL = 0.005
# Later answers are not waited for: each ping is followed by others.
PING_SECONDS = 0.25
ATTEMPTS_SECONDS = 30
QUIET_LOG = "info"


class Contender(ABC):
    """A node under test."""

    label: str

    def __init__(self, name: str, plane: Plane) -> None:
        """Nothing is started yet."""
        self.name = name
        self.plane = plane

    @abstractmethod
    def start(self, *, fresh: bool) -> None:
        """Start the program; with `fresh` it also logs in. Does not wait for more than the program itself waits for."""

    @abstractmethod
    def stop(self) -> None:
        """End it in good order; its state is kept."""

    @abstractmethod
    def usage(self) -> Usage:
        """CPU time and memory so far."""

    @abstractmethod
    def address(self) -> str:
        """IPv4 address in the tailnet."""

    @abstractmethod
    def demand(self, peer: str) -> None:
        """Send something to a peer that makes the node want a direct path, and do not wait for an answer."""

    @abstractmethod
    def direct(self, peer: str) -> bool:
        """Whether the path to the peer with this name is direct."""

    @abstractmethod
    def knows(self, peer: str) -> bool:
        """Whether the peer with this name and its home relay are known."""

    @abstractmethod
    def pid(self) -> int:
        """Process id."""

    @abstractmethod
    def exec_time(self) -> float:
        """When the program's exec was called, as time.time() has it."""

    @abstractmethod
    def _ping_request(self, ip: str) -> bytes: ...

    @abstractmethod
    def _is_pong(self, answer: bytes) -> bool: ...

    @abstractmethod
    def _socket(self) -> Path: ...

    @abstractmethod
    def _most_pings(self) -> int:
        """How many requests may wait at the socket at once."""

    def _await_socket(self) -> None:
        deadline = time.monotonic() + ATTEMPTS_SECONDS
        while not self._socket().exists():
            if time.monotonic() > deadline:
                message = f"{self.name}: no socket within {ATTEMPTS_SECONDS} s"
                raise NotReachedError(message)
            time.sleep(POLL_INTERVAL)

    def first_pong(self, ip: str) -> None:
        """Ask for a DISCO ping every 5 ms until one is answered; to be called right after start()."""
        pings = _Pings(self._socket(), self._ping_request(ip), self._most_pings())
        try:
            deadline = time.monotonic() + ATTEMPTS_SECONDS
            while time.monotonic() < deadline:
                if any(self._is_pong(answer) for answer in pings.turn()):
                    return
        finally:
            pings.close()
        message = f"{self.name}: no pong from {ip} within {ATTEMPTS_SECONDS} s"
        raise NotReachedError(message)


class _Pings:
    """Requests on a Unix socket, one connection each, several at once."""

    def __init__(self, path: Path, request: bytes, most: int) -> None:
        self._path = path
        self._request = request
        self._most = most
        self._selector = selectors.DefaultSelector()
        self._open: dict[socket.socket, tuple[float, bytearray]] = {}
        self._next = 0.0

    def turn(self) -> list[bytes]:
        """Send what is due, wait a moment; the answers that are complete."""
        now = time.monotonic()
        for connection in [c for c, (since, _) in self._open.items() if now - since > PING_SECONDS]:
            self._drop(connection)
        if now >= self._next and len(self._open) < self._most:
            self._send(now)
        answers = []
        for key, _ in self._selector.select(max(0.001 if self._open else 0, self._next - now)):
            connection = key.data
            received = connection.recv(65536)
            buffer = self._open[connection][1]
            buffer += received
            if not received or buffer.endswith(b"\n"):
                answers.append(bytes(buffer))
                self._drop(connection)
        return answers

    def close(self) -> None:
        """Give up on what is not answered."""
        for connection in list(self._open):
            self._drop(connection)
        self._selector.close()

    def _send(self, now: float) -> None:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self._path))
            connection.sendall(self._request)
        except OSError:  # it does not listen yet
            connection.close()
            time.sleep(POLL_INTERVAL)
            return
        self._next = now + PING_INTERVAL
        self._selector.register(connection, selectors.EVENT_READ, connection)
        self._open[connection] = (now, bytearray())

    def _drop(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._open[connection]
        connection.close()


class Ours(Contender):
    """microlinkd."""

    label = "microlinkd"

    def __init__(self, lab: Lab, place: Place, name: str, plane: Plane, options: Sequence[str] = ()) -> None:
        """Nothing is started yet; `options` are those of the daemon."""
        super().__init__(name, plane)
        self.node = Microlinkd(lab, place, name, plane)
        self.node.stamp_exec()
        self._options = options
        self._key = plane.auth_key()

    @override
    def start(self, *, fresh: bool) -> None:
        self.node.launch("--log-level", QUIET_LOG, *self._options, auth_key=self._key if fresh else False)

    @override
    def stop(self) -> None:
        self.node.stop()

    @override
    def usage(self) -> Usage:
        return self.node.usage()

    @override
    def address(self) -> str:
        return str(self.node.status()["ipv4"])

    @override
    def pid(self) -> int:
        return self.node.pid

    @override
    def exec_time(self) -> float:
        return self.node.exec_time()

    @override
    def demand(self, peer: str) -> None:
        self.node.reaches(peer)

    @override
    def direct(self, peer: str) -> bool:
        return bool((self.node.peer(peer) or {}).get("direct"))

    @override
    def knows(self, peer: str) -> bool:
        return bool((self.node.peer(peer) or {}).get("home_derp"))

    @override
    def _ping_request(self, ip: str) -> bytes:
        return json.dumps({"command": "ping", "peer": ip}).encode() + b"\n"

    @override
    def _is_pong(self, answer: bytes) -> bool:
        return b'"via"' in answer

    @override
    def _socket(self) -> Path:
        return self.node.socket

    @override
    def _most_pings(self) -> int:
        return 6  # it serves eight clients, and each request waits until it can be answered


class Official(Contender):
    """tailscaled; with `tun` it takes packets of the system, else it has its own network stack."""

    label = "tailscaled"

    def __init__(
        self,
        lab: Lab,
        place: Place,
        name: str,
        plane: Plane,
        *,
        tun: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Nothing is started yet."""
        super().__init__(name, plane)
        self.node = Tailscaled(lab, place, name, tun=tun, env=env)
        self.node.stamp_exec()
        self._key = plane.auth_key()

    @override
    def start(self, *, fresh: bool) -> None:
        self.node.launch(self.plane.ca)
        if fresh:
            self._await_socket()
            self.node.join(self.plane, self._key)

    @override
    def stop(self) -> None:
        self.node.stop()

    @override
    def usage(self) -> Usage:
        return self.node.usage()

    @override
    def address(self) -> str:
        return self.node.ip()

    @override
    def pid(self) -> int:
        return self.node.pid

    @override
    def exec_time(self) -> float:
        return self.node.exec_time()

    @override
    def demand(self, peer: str) -> None:
        """Send a TSMP ping: it is a packet in the tunnel, and unlike a DISCO ping it counts as traffic."""
        found = self.node.peer(peer)
        if found:
            self.node.ping(str(found["TailscaleIPs"][0]), "TSMP", 0.2)

    @override
    def direct(self, peer: str) -> bool:
        return bool((self.node.peer(peer) or {}).get("CurAddr"))

    @override
    def knows(self, peer: str) -> bool:
        return bool((self.node.peer(peer) or {}).get("Relay"))

    @override
    def _ping_request(self, ip: str) -> bytes:
        host = "Host: local-tailscaled.sock\r\nContent-Length: 0\r\nConnection: close\r\n"
        return f"POST /localapi/v0/ping?ip={ip}&type=disco HTTP/1.1\r\n{host}\r\n".encode()

    @override
    def _is_pong(self, answer: bytes) -> bool:
        head, _, body = answer.partition(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n")[0]:
            return False
        said: Json = _decode(body)
        return bool(said) and not said.get("Err") and bool(said.get("LatencySeconds"))

    @override
    def _socket(self) -> Path:
        return self.node.socket

    @override
    def _most_pings(self) -> int:
        return int(PING_SECONDS / PING_INTERVAL)  # all


def _decode(body: bytes) -> dict[str, Any]:
    text = body.decode(errors="replace")
    begin, end = text.find("{"), text.rfind("}")
    return dict(json.loads(text[begin : end + 1])) if begin >= 0 else {}


def start_target(lab: Lab, place: Place, plane: Plane) -> str:
    """Start the peer that everybody pings, an official node; its address when it has a home relay."""
    target = Tailscaled(lab, place, "target")
    target.start(plane.ca)
    target.join(plane)
    wait_for("the target has a home relay", target.home)
    return target.ip()
