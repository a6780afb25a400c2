# SPDX-License-Identifier: MIT
"""The example programs on the core alone, among official nodes: sockets of user code on the tailnet."""

import json
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from binaries import ROOT, binary
from lab import Lab, Place
from nodes import StartTailscaled
from peers import Tailscaled
from planes import Headscale, Plane
from process import Process
from traffic import ECHO_PORT, serve_echo
from waiting import wait_for

PING_PORT = 7777
PORT = 7070

_UDP_ECHO_CLIENT = """
import socket, sys
address, port = sys.argv[1], int(sys.argv[2])
with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.settimeout(10)
    s.connect((address, port))
    for size in (0, 1, 100, 1232):
        s.send(bytes(size))
        assert s.recv(65536) == bytes(size), size
"""


class Example(Process):
    """A running example program."""

    def __init__(self, lab: Lab, plane: Plane, place: Place, name: str) -> None:
        """Nothing is started yet; `name` is its host name and names its state directory."""
        super().__init__(lab.enter(place), name, lab.directory / f"example-{name}")
        self._environment = {
            "MICROLINK_CONTROL_URL": plane.url,
            "MICROLINK_CA_FILE": str(plane.ca),
            "MICROLINK_STATE_DIR": str(self.directory / "state"),
            "MICROLINK_AUTH_KEY": plane.auth_key(),
        }
        lab.adopt(self)

    def start(self, *argv: str | int) -> None:
        """Start it."""
        program, *rest = argv
        self.spawn([binary(str(program)), *map(str, rest)], self._environment)

    def write(self, data: bytes, *, end: bool = False) -> None:
        """Give it standard input."""
        assert self._child is not None
        assert self._child.stdin is not None
        self._child.stdin.write(data)
        self._child.stdin.flush()
        if end:
            self._child.stdin.close()

    def printed(self) -> bytes:
        """Return its standard output so far."""
        return self.out.read_bytes()

    def wait_printed(self, text: bytes) -> None:
        """Wait until this is its standard output, of all runs."""
        wait_for(f"{self.name} prints {text!r}", lambda: self.printed() == text)

    def wait(self, seconds: float = 30) -> int:
        """Wait until it ends; its exit status."""
        wait_for(f"{self.name} ends", lambda: not self.running(), seconds)
        status = self.exit_status()
        assert status is not None
        return status


type StartExample = Callable[..., Example]


@pytest.fixture
def example(lab: Lab, plane: Plane) -> StartExample:
    """Start example programs; one of the same name keeps its identity."""
    programs: dict[str, Example] = {}

    def start(place: Place, name: str, *argv: str | int) -> Example:
        if name not in programs:
            programs[name] = Example(lab, plane, place, name)
        programs[name].start(*argv)
        return programs[name]

    return start


@pytest.fixture
def official(tailscaled: StartTailscaled) -> Tailscaled:
    """Return an official node at b with an interface."""
    return tailscaled("b", "official", tun="tailscale0")


def addresses_of(official: Tailscaled, name: str) -> list[str]:
    """Return the addresses of a node once the official one can reach it."""
    return [str(address) for address in official.sees(name, 30)["TailscaleIPs"]]


def test_ping_pong_between_two_nodes(plane: Plane, example: StartExample) -> None:
    example("b", "pong", "ping_pong", "pong")
    wait_for("pong is in the tailnet", lambda: (found := plane.find("pong")) is not None and found.online)
    ping = example("a", "ping", "ping_pong", "ping", "pong", 4)
    assert ping.wait() == 0, ping.tail()
    lines = ping.printed().decode().splitlines()
    assert len(lines) == 4
    pong = plane.node("pong").addresses
    for line in lines:
        found = re.fullmatch(
            r"\d+ from ([\d.]+):7777: \d+\.\d ms, (through a relay|direct, 198\.51\.100\.\d+:\d+)", line
        )
        assert found, line
        assert found[1] in pong
    assert "direct" in lines[-1]


def test_ping_pong_says_that_there_is_no_such_peer(example: StartExample) -> None:
    ping = example("a", "ping", "ping_pong", "ping", "nobody", 1)
    assert ping.wait() == 1
    assert "no peer nobody" in ping.tail()


def test_datagrams_of_an_official_node_are_answered(
    lab: Lab, official: Tailscaled, plane: Plane, example: StartExample
) -> None:
    assert plane.url
    pong = example("a", "pong", "ping_pong", "pong")
    for address in addresses_of(official, "pong"):
        assert official.pinged(address, "TSMP")
        lab.run("b", sys.executable, "-c", _UDP_ECHO_CLIENT, address, str(PING_PORT))
        refused = [sys.executable, "-c", _UDP_ECHO_CLIENT, address, str(PING_PORT + 1)]
        with pytest.raises(subprocess.CalledProcessError) as caught:
            lab.run("b", *refused)
        assert "ConnectionRefusedError" in caught.value.stderr
    assert pong.running()


@pytest.mark.parametrize("form", ["short", "fqdn", "ipv4", "ipv6"])
def test_netcat_connects_to_a_peer(lab: Lab, official: Tailscaled, example: StartExample, form: str) -> None:
    serve_echo(lab, "b")
    netcat = example("a", "netcat", "netcat", official.names()[form], ECHO_PORT)
    data = bytes(i * 7 % 253 for i in range(60_000 if form != "short" else 1_000_000))
    netcat.write(data, end=True)
    assert netcat.wait() == 0, netcat.tail()
    assert netcat.printed() == data


def test_netcat_says_why_it_cannot_connect(official: Tailscaled, example: StartExample) -> None:
    refused = example("a", "netcat", "netcat", "official", PORT)
    assert refused.wait() == 1
    assert "rejected" in refused.tail()
    nobody = example("a", "nobody", "netcat", "nobody", PORT)
    assert nobody.wait() == 1
    assert "unknown" in nobody.tail()
    assert official.running()


@pytest.mark.timeout(120)
def test_netcat_takes_a_connection(lab: Lab, official: Tailscaled, example: StartExample) -> None:
    # On both addresses, and the second time the port is taken again while the first connection lingers.
    for number in range(2):
        netcat = example("a", "netcat", "netcat", "-l", PORT)
        address = official.sees("netcat", 30)["TailscaleIPs"][number]
        assert official.pinged(address, "TSMP")
        argv = [binary("tailscale"), f"--socket={official.socket}", "nc", address, str(PORT)]
        command = [*lab.enter("b"), "timeout", "20", *map(str, argv)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
            assert client.stdin is not None
            assert client.stdout is not None
            client.stdin.write(b"question")
            client.stdin.flush()
            netcat.wait_printed(b"question" * (number + 1))
            netcat.write(b"answer", end=True)
            assert client.stdout.read(6) == b"answer"
            client.stdin.close()
        assert netcat.wait() == 0, netcat.tail()


def test_access_rules_hold_for_datagrams(headscale: Headscale, lab: Lab, tailscaled: StartTailscaled) -> None:
    official = tailscaled("b", "official", tun="tailscale0")
    policy = lab.directory / "policy.hujson"

    def allow(source: str, destination: str) -> None:
        rule = {"action": "accept", "src": [source], "dst": [destination]}
        policy.write_text(json.dumps({"acls": [rule]}))
        headscale.command("policy", "set", "-f", str(policy))

    def answers(address: str) -> bool:
        client = ["timeout", "1", sys.executable, "-c", _UDP_ECHO_CLIENT, address, str(PING_PORT)]
        return subprocess.run([*lab.enter("b"), *client], check=False, capture_output=True).returncode == 0

    Example(lab, headscale, "a", "pong").start("ping_pong", "pong")
    address = addresses_of(official, "pong")[0]
    wait_for("allowed", lambda: answers(address))
    allow(official.ip(), f"{address}:{PING_PORT + 1}")
    wait_for("forbidden", lambda: not answers(address))
    allow(official.ip(), f"{address}:{PING_PORT}")
    wait_for("allowed again", lambda: answers(address))


def test_answers_pass_where_nothing_else_may(headscale: Headscale, lab: Lab, tailscaled: StartTailscaled) -> None:
    official = tailscaled("b", "official", tun="tailscale0")
    serve_echo(lab, "b", PING_PORT)
    ping = Example(lab, headscale, "a", "ping")
    ping.start("ping_pong", "ping", "official", 1)
    assert ping.wait() == 0, ping.tail()
    rule = {"action": "accept", "src": list(headscale.node("ping").addresses), "dst": [f"{official.ip()}:{PING_PORT}"]}
    policy = lab.directory / "policy.hujson"
    policy.write_text(json.dumps({"acls": [rule]}))
    headscale.command("policy", "set", "-f", str(policy))
    ping.start("ping_pong", "ping", "official", 3)
    assert ping.wait() == 0, ping.tail()
    times = [float(found) for found in re.findall(r": ([\d.]+) ms", ping.printed().decode())]
    assert len(times) == 4
    # WireGuard repeats a handshake message that was lost, e.g. to where the node was before, after five seconds.
    assert max(times) < 4000


def test_greeter_answers_datagrams_and_greets_callers_by_name(
    lab: Lab, official: Tailscaled, example: StartExample
) -> None:
    greeter = example("a", "greeter", "greeter")
    for address in addresses_of(official, "greeter"):
        assert official.pinged(address, "TSMP")
        lab.run("b", sys.executable, "-c", _UDP_ECHO_CLIENT, address, "7")
        connect = f"import socket; print(socket.create_connection(({address!r}, 7), 10).makefile().read())"
        for _ in range(3):
            assert lab.run("b", sys.executable, "-c", connect).startswith("hello, official.")
    assert greeter.running()


def test_manual_shows_the_examples_as_they_are() -> None:
    manual = (ROOT / "docs/core.md").read_text()
    shown = re.findall(r"```cpp (\S+)\n(.*?)```", manual, re.DOTALL)
    assert [name for name, _ in shown] == ["examples/greeter/main.cpp"]
    for name, text in shown:
        assert text == (ROOT / "esphome_components/microlink/core" / name).read_text()
    for name in re.findall(r"build/host/(\w+)", manual):
        assert binary(name)
