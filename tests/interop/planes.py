# SPDX-License-Identifier: MIT
"""Control planes: what every test needs of one, and the two that the suite runs on."""

import contextlib
import http.client
import json
import secrets
import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, override

from binaries import HERE, binary
from certificates import make_certificates
from lab import INTERNET_IP, Lab
from process import Process
from waiting import wait_for

type Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A node as the control plane knows it; `name` is the host name without the tailnet's domain."""

    id: int
    name: str
    node_key: str
    machine_key: str
    addresses: tuple[str, ...]
    online: bool


class UnixHttp(http.client.HTTPConnection):
    """HTTP over a Unix socket, which is reachable from every network namespace."""

    def __init__(self, path: Path, seconds: float = 20) -> None:
        """Connect at the first request."""
        super().__init__("local-tailscaled.sock", timeout=seconds)
        self._path = path

    @override
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))

    def call(self, method: str, target: str, body: object = None) -> str:
        """Send one request and close; the reply's text. Raises RuntimeError for a status other than 2xx."""
        with contextlib.closing(self):
            if body is None or isinstance(body, bytes):
                self.request(method, target, body)
            else:
                self.request(method, target, json.dumps(body))
            reply = self.getresponse()
            text = reply.read().decode()
        if reply.status // 100 != 2:
            message = f"{method} {target}: {reply.status} {text}"
            raise RuntimeError(message)
        return text


class Plane(ABC, Process):
    """A coordination server with a relay and STUN, in the namespace `inet`."""

    url: str
    ca: Path

    @abstractmethod
    def auth_key(self) -> str:
        """Return a key that joins any number of nodes."""

    @abstractmethod
    def nodes(self) -> list[Registered]:
        """All nodes that are registered."""

    @abstractmethod
    def expire(self, node: Registered) -> None:
        """End the validity of a node's key."""

    @abstractmethod
    def remove(self, node: Registered) -> None:
        """Delete a node."""

    @abstractmethod
    def cut(self) -> None:
        """Make the coordination server vanish as in a crash: connections are cut, the port is closed."""

    @abstractmethod
    def restore(self) -> None:
        """Bring it back with the memory it had."""

    @abstractmethod
    def forget_auth_key(self) -> None:
        """Let nodes that are known register without an auth key (as servers do that are not for tests)."""

    def control_key(self) -> str:
        """Return the server's public Noise key as it publishes it."""
        done = self.beside("curl", "-sS", "--cacert", self.ca, f"{self.url}/key?v=140")
        return str(json.loads(done.stdout)["publicKey"])

    def find(self, name: str) -> Registered | None:
        """Return the node with this host name."""
        return next((node for node in self.nodes() if node.name == name), None)

    def node(self, name: str) -> Registered:
        """Return the node with this host name; LookupError when there is none."""
        found = self.find(name)
        if found is None:
            message = f"{self.name} knows no node {name}"
            raise LookupError(message)
        return found


class TestControl(Plane):
    """Tailscale's own test control server, relays and STUN servers in one process (`control/`)."""

    __test__ = False  # not a test class, whatever its name begins with

    def __init__(self, lab: Lab, options: Sequence[str] = (), name: str = "testcontrol") -> None:
        """Start it and wait until it listens. `options` are those of the program."""
        super().__init__(lab.enter("inet"), name, lab.directory / name)
        self.key = f"tskey-auth-{secrets.token_hex(8)}-{secrets.token_hex(16)}"
        argv: list[str | Path] = [binary("control"), "-ip", INTERNET_IP, "-dir", self.directory, *options]
        if not {"-interactive", "-auth-key"} & set(options):
            argv += ["-auth-key", self.key]
        if "-regions" not in options:
            argv += ["-regions", "1"]
        self._argv = argv
        lab.adopt(self)
        self._launch()

    def lose_memory(self) -> None:
        """Kill it and start it again at the same URL, with the same certificate, another Noise key and no nodes.

        Map responses are testcontrol's own from then on: it refuses a node that it does not know, as servers do.
        """
        port = self.url.rsplit(":", 1)[1]
        self.kill()
        (self.directory / "admin.sock").unlink()
        self._argv += ["-control-port", port, "-stock"]
        self._launch()

    def _launch(self) -> None:
        before = self.out.stat().st_size if self.out.exists() else 0
        self.spawn(self._argv)
        ready = wait_for(f"{self.name} listens", lambda: json.loads(self.out.read_bytes()[before:]))
        self.ready = cast("Json", ready)
        self.url = str(self.ready["control_url"])
        self.plain_url = str(self.ready["plain_url"])
        self.ca = Path(self.ready["ca"])

    def admin(self, method: str, target: str, body: object = None) -> Any:  # noqa: ANN401 - whatever JSON it says
        """Call the admin API; its JSON answer, None when it is empty."""
        text = UnixHttp(Path(self.ready["admin"])).call(method, target, body)
        return json.loads(text) if text else None

    def records(self) -> list[Json]:
        """Everything that the server knows of every node, in Tailscale's own words."""
        return cast("list[Json]", self.admin("GET", "/nodes"))

    def record(self, name: str) -> Json:
        """Return what the server knows of one node; LookupError when there is none."""
        for entry in self.records():
            if _host(entry) == name:
                return entry
        message = f"{self.name} knows no node {name}"
        raise LookupError(message)

    def send(self, node: Registered, message: Json) -> None:
        """Send exactly this MapResponse on a node's map stream."""
        self.admin("POST", f"/node/{node.id}/send", message)

    def pings(self) -> list[Json]:
        """Answers to PingRequests with a URL below /ping/: Method, Path, Body."""
        return cast("list[Json]", self.admin("GET", "/pings") or [])

    def send_raw(self, node: Registered, data: bytes, *, end: bool = False) -> None:
        """Put bytes on a node's map stream as they are; `end` closes the stream after them."""
        self.admin("POST", f"/node/{node.id}/raw{'?end=1' if end else ''}", data)

    def relay(self, verb: Literal["up", "down"], number: int = 1) -> None:
        """Take a relay away (its STUN server stays), or bring it back."""
        self.admin("POST", f"/derp{number}/{verb}")

    def relay_ports(self, number: int) -> tuple[int, int]:
        """Ports of a relay and of its STUN server."""
        node = self.ready["derp_map"]["Regions"][str(number)]["Nodes"][0]
        return int(node["DERPPort"]), int(node["STUNPort"])

    @override
    def auth_key(self) -> str:
        return self.key

    @override
    def nodes(self) -> list[Registered]:
        return [
            Registered(
                id=entry["ID"],
                name=_host(entry),
                node_key=entry["Key"],
                machine_key=entry["Machine"],
                addresses=tuple(prefix.split("/")[0] for prefix in entry.get("Addresses") or ()),
                online=entry["Streaming"],
            )
            for entry in self.records()
        ]

    @override
    def expire(self, node: Registered) -> None:
        self.admin("POST", f"/node/{node.id}/expire")

    @override
    def remove(self, node: Registered) -> None:
        self.admin("DELETE", f"/node/{node.id}")

    @override
    def cut(self) -> None:
        self.admin("POST", "/control/down")

    @override
    def restore(self) -> None:
        self.admin("POST", "/control/up")

    @override
    def forget_auth_key(self) -> None:
        self.admin("POST", "/auth-key?key=")


def _host(entry: Json) -> str:
    return str((entry.get("Hostinfo") or {}).get("Hostname") or entry["Name"].split(".")[0])


class Headscale(Plane):
    """Headscale with its embedded relay. `tuned=False` leaves its own delays (0.8 s for a change)."""

    def __init__(self, lab: Lab, name: str = "headscale", *, tuned: bool = True) -> None:
        """Start it, wait until it is healthy, and create the user that all nodes belong to."""
        super().__init__(lab.enter("inet"), name, lab.directory / name)
        self._lab = lab
        self.url = f"https://{INTERNET_IP}:8443"
        self.ca = make_certificates(self.directory, INTERNET_IP).ca
        self.config = self.directory / "config.yaml"
        text = (HERE / "headscale.yaml").read_text()
        text = text.replace("@DIR@", str(self.directory)).replace("@IP@", INTERNET_IP)
        self.config.write_text(text if tuned else text.split("tuning:")[0])
        lab.adopt(self)
        self.restore()
        self.command("users", "create", "alice")

    def command(self, *args: str) -> Any:  # noqa: ANN401 - whatever JSON it says
        """Run Headscale's command line; its JSON, or its text where it has none. Raises RuntimeError."""
        done = self.beside(binary("headscale"), "-c", self.config, "-o", "json", "--force", *args)
        if done.returncode:
            message = f"headscale {' '.join(args)}: {done.stdout}{done.stderr}"
            raise RuntimeError(message)
        try:
            return json.loads(done.stdout)
        except ValueError:  # some commands print a sentence whatever -o says
            return done.stdout

    def make_key(self, *options: str) -> Json:
        """Create an auth key with the options of `preauthkeys create`."""
        return cast("Json", self.command("preauthkeys", "create", "--user", "1", *options))

    @override
    def auth_key(self) -> str:
        return str(self.make_key("--reusable", "--expiration", "1h")["key"])

    @override
    def nodes(self) -> list[Registered]:
        return [
            Registered(
                id=int(entry["id"]),
                name=entry["name"],
                node_key=entry["node_key"],
                machine_key=entry["machine_key"],
                addresses=tuple(entry["ip_addresses"]),
                online=bool(entry.get("online")),
            )
            for entry in self.command("nodes", "list") or ()
        ]

    @override
    def expire(self, node: Registered) -> None:
        self.command("nodes", "expire", "-i", str(node.id))

    @override
    def remove(self, node: Registered) -> None:
        self.command("nodes", "delete", "-i", str(node.id))

    @override
    def cut(self) -> None:
        self.kill()

    @override
    def restore(self) -> None:
        (self.directory / "headscale.sock").unlink(missing_ok=True)
        self.spawn([binary("headscale"), "-c", self.config, "serve"])
        wait_for(f"{self.name} is healthy", self._healthy)

    @override
    def forget_auth_key(self) -> None:
        """Nothing to do: it never asks a known node for its key."""

    def _healthy(self) -> bool:
        if not self.running():
            message = f"{self.name} ended: {self.tail()}"
            raise RuntimeError(message)
        return self.beside("curl", "-sf", "--cacert", self.ca, "-m", "2", f"{self.url}/health").returncode == 0
