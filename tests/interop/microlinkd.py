# SPDX-License-Identifier: MIT
"""Our own daemon as a peer: started, watched through its Unix socket, and ended in every way."""

import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from binaries import binary
from lab import Lab, Place
from planes import Json
from process import Process
from waiting import wait_for

type State = Literal[
    "stopped", "starting", "needs-login", "needs-approval", "connecting", "online", "key-expired", "rejected"
]

SOCKET_SECONDS = 40  # longer than the daemon lets anybody wait
# Not only what it says by default: at trace level a leak of a secret would show.
LOG_LEVEL = "trace"


class Server(Protocol):
    """A coordination server, real or not, as far as a node must know it to join."""

    url: str
    ca: Path

    def auth_key(self) -> str:
        """Return a key that lets the node in."""


class Microlinkd(Process):
    """A MicroLink node on Linux.

    Every run logs at trace level. What the daemon and its command line print is kept together in output().
    """

    def __init__(self, lab: Lab, place: Place, name: str, server: Server, *, sanitized: bool = False) -> None:
        """Nothing is started yet; `server` may be exchanged between two runs.

        `sanitized`: the build that notices reads and writes out of bounds, leaks and undefined behaviour.
        """
        super().__init__(lab.enter(place), name, lab.directory / name)
        self.state_dir = self.directory / "state"
        self.state_dir.mkdir(mode=0o700, exist_ok=True)
        self.socket = self.directory / "m.sock"
        self.server = server
        self._sanitized = sanitized
        self.auth_keys: list[str] = []  # every key that was ever given to it
        lab.adopt(self)

    def start(self, *options: str, auth_key: str | Literal[False] | None = None) -> None:
        """Start the daemon and wait for its socket; see launch()."""
        self.launch(*options, auth_key=auth_key)
        wait_for(f"{self.name} listens", self._listens)

    def launch(self, *options: str, auth_key: str | Literal[False] | None = None) -> None:
        """Start the daemon.

        Without `auth_key` it gets a fresh key of the control plane; with False it gets none.
        """
        argv = self.argv()
        if "--ca-file" not in options:
            argv += ["--ca-file", self.server.ca]
        if auth_key is not False:
            self.auth_keys.append(auth_key or self.server.auth_key())
            file = self.directory / "auth-key"
            file.touch(mode=0o600)
            file.write_text(self.auth_keys[-1] + "\n")
            argv += ["--auth-key-file", file]
        self.socket.unlink(missing_ok=True)
        self.spawn([*argv, "--socket", self.socket, *options])

    def argv(self) -> list[str | Path]:
        """Return the command that starts it, without the options for trust, login and the socket."""
        command: list[str | Path] = [
            binary("microlinkd", sanitized=self._sanitized),
            "run",
            "--control-url",
            self.server.url,
            "--hostname",
            self.name,
        ]
        return [*command, "--state-dir", self.state_dir, "--log-level", LOG_LEVEL]

    def ask(self, command: str, **arguments: object) -> Any:  # noqa: ANN401 - whatever JSON it says
        """Send one command to the daemon's socket; its answer. AssertionError: the daemon has ended."""
        if not self.running():
            message = f"{self.name} ended with {self.exit_status()}"
            raise AssertionError(message)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SOCKET_SECONDS)
            connection.connect(str(self.socket))
            connection.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
            with connection.makefile("r") as reply:
                return json.loads(reply.readline())

    def status(self) -> Json:
        """Return the node's status."""
        return cast("Json", self.ask("status"))

    def peers(self) -> list[Json]:
        """Return the nodes in its peer table."""
        return cast("list[Json]", self.ask("peers"))

    def peer(self, name: str) -> Json | None:
        """Return a peer by its host name."""
        return next((peer for peer in self.peers() if str(peer["name"]).split(".")[0] == name), None)

    def wait_state(self, state: State, seconds: float = 20) -> Json:
        """Wait until the node is in a state; its status then."""

        def probe() -> Json | None:
            if not self.running():
                message = f"{self.name} ended with {self.exit_status()}: {self.tail()}"
                raise AssertionError(message)
            status = self.status()
            return status if status["state"] == state else None

        return wait_for(f"{self.name} is {state}", probe, seconds)

    def wait_expired(self, seconds: float = 20) -> Json:
        """Wait until the node has seen that its key is over; its status.

        It may have gone on at once to ask control for a new one, and know by now that this takes a person or a key.
        """

        def probe() -> Json | None:
            status = self.status()
            return status if status["state"] in {"key-expired", "needs-login", "rejected"} else None

        return wait_for(f"{self.name} sees its expiry", probe, seconds)

    def wait_peer(self, name: str, check: Callable[[Json], object] = bool, seconds: float = 15) -> Json:
        """Wait until a peer is in the table and `check` likes it; the peer."""

        def probe() -> Json | None:
            peer = self.peer(name)
            return peer if peer and check(peer) else None

        return wait_for(f"{self.name}: peer {name}", probe, seconds)

    def wait_no_peer(self, name: str, seconds: float = 15) -> None:
        """Wait until a peer has left the table."""
        wait_for(f"{self.name} without peer {name}", lambda: self.peer(name) is None, seconds)

    def command(self, *args: str, seconds: float = SOCKET_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run the command line; what it prints counts as the daemon's output."""
        done = self.beside(binary("microlinkd"), *args, "--socket", self.socket, seconds=seconds)
        with self.out.open("a") as out:
            out.write(f"$ microlinkd {' '.join(args)}\n{done.stdout}{done.stderr}")
        return done

    def run(self, *args: str, seconds: float = SOCKET_SECONDS) -> Any:  # noqa: ANN401 - whatever JSON it says
        """Run the command line with --json; what it says. Raises RuntimeError."""
        done = self.command(*args, "--json", seconds=seconds)
        if done.returncode:
            message = f"microlinkd {' '.join(args)}: status {done.returncode}: {done.stdout}{done.stderr}"
            raise RuntimeError(message)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def ping(self, peer: str) -> Json:
        """Ping a peer once; the pong. Raises RuntimeError when there is none."""
        answer = cast("Json", self.ask("ping", peer=peer))
        if "error" in answer:
            message = f"ping {peer}: {answer['error']}"
            raise RuntimeError(message)
        return answer

    def reaches(self, peer: str) -> bool:
        """Whether a peer answers a ping."""
        try:
            self.ping(peer)
        except RuntimeError:
            return False
        return True

    def ping_directly(self, peer: str, seconds: float = 15) -> Json:
        """Ping a peer until the answer comes on a direct path; that answer."""

        def probe() -> Json | None:
            try:
                pong = self.ping(peer)
            except RuntimeError:
                return None
            return pong if pong["via"] == "direct" else None

        return wait_for(f"{self.name}: direct pong from {peer}", probe, seconds)

    def secrets(self) -> dict[str, bytes]:
        """Return every secret that this node was given or has made, by what it is."""
        found = {f"auth key {number}": key.encode() for number, key in enumerate(self.auth_keys)}
        for file in self.state_dir.iterdir():
            if file.name in {"machine-key", "node-key", "pending-node-key", "disco-key"}:
                data = file.read_bytes()
                for start in range(len(data) - 31):  # wherever in the record the key begins
                    found[f"{file.name} at {start}"] = data[start : start + 32]
        return found

    def end_in_good_order(self) -> None:
        """End the daemon, if it runs; AssertionError when it had crashed or a sanitizer had something to say."""
        if self._child is None:
            return
        status = self.stop()
        output = self.output()
        for word in ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:"):
            assert word not in output, output[output.index(word) - 200 :][:4000]
        assert status == 0, f"{self.name} ended with {status}: {self.tail()}"

    def _listens(self) -> bool:
        if not self.running():
            message = f"{self.name} ended with {self.exit_status()}: {self.tail()}"
            raise AssertionError(message)
        return bool(self.status())
