# SPDX-License-Identifier: MIT
"""What goes through the tunnel: to an interface of the system at our end, or to a stack inside our daemon."""

import subprocess
import sys
import threading

import pytest

from binaries import binary
from lab import Lab, Place
from microlinkd import Microlinkd
from nodes import Meet
from peers import Tailscaled
from planes import Plane
from traffic import (
    ECHO_PORT,
    IPERF_PORT,
    WEB_PORT,
    Iperf,
    Transfer,
    bracketed,
    fetch,
    megabits,
    serve_echo,
    serve_files,
    without_udp,
)
from waiting import wait_for

type Pair = tuple[Microlinkd, Tailscaled]
INTERFACE = "ml0"
CURL_NO_CONNECTION = 7
CURL_PROXY_REFUSED = 97
NOBODY_PORT = 4321  # served by the daemon, but nothing listens on it

# Sends all of its standard input, ends its direction, and prints what comes until the other side ends too.
_CLIENT = """
import socket, sys, threading
data = sys.stdin.buffer.read()
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 10) as s:
    def send():
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
    threading.Thread(target=send).start()
    while got := s.recv(65536):
        sys.stdout.buffer.write(got)
"""
_UDP_CLIENT = """
import socket, sys
address, port = sys.argv[1], int(sys.argv[2])
with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.settimeout(10)
    for size in (1, 100, 1200):
        s.sendto(bytes(size), (address, port))
        assert len(s.recv(65536)) == size, size
"""


@pytest.fixture(params=["direct", "relayed"])
def tun(plane: Plane, meet: Meet, request: pytest.FixtureRequest) -> Pair:
    """Our node at a with an interface, an official one at b with another, on a direct path or through the relay."""
    assert plane.url
    return meet("--tun", INTERFACE, relayed=request.param == "relayed")


@pytest.mark.timeout(120)
def test_interface_carries_pings_and_transfers_both_ways(lab: Lab, tun: Pair) -> None:
    node, official = tun
    ours = [str(node.status()[family]) for family in ("ipv4", "ipv6")]
    theirs = [str(address) for address in official.status()["TailscaleIPs"]]
    at_a, at_b = serve_files(lab, "a"), serve_files(lab, "b")
    for address in theirs:
        lab.run("a", "ping", "-c", "3", "-i", "0.1", "-W", "3", "-s", "1200", address)
        assert fetch(lab, "a", f"http://{bracketed(address)}:{WEB_PORT}/file") == at_b.read_bytes()
    for address in ours:
        lab.run("b", "ping", "-c", "3", "-i", "0.1", "-W", "3", "-s", "1200", address)
        assert fetch(lab, "b", f"http://{bracketed(address)}:{WEB_PORT}/file") == at_a.read_bytes()
    assert official.pinged(ours[0], "TSMP")
    assert official.pinged(ours[0], "ICMP")


@pytest.mark.timeout(120)
def test_interface_carries_iperf_both_ways(lab: Lab, tun: Pair, request: pytest.FixtureRequest) -> None:
    _node, official = tun
    server = Iperf(lab, "b")
    for address in map(str, official.status()["TailscaleIPs"]):
        for way, options in (("out", ()), ("in", ("-R",))):
            rate = megabits(server.measure("a", address, *options))
            print(f"{request.node.name}: {address} TCP {way}: {rate:.1f} Mbit/s")
            assert rate > 1
            end = server.measure("a", address, "-u", "-b", "2M", "-l", "1100", *options)
            print(f"{request.node.name}: {address} UDP {way}: {end['sum']['lost_percent']:.1f} % lost of 2 Mbit/s")
            assert end["sum"]["lost_percent"] < 20


def test_interface_has_the_addresses_and_routes_of_the_tailnet_only(lab: Lab, tun: Pair) -> None:
    node, _official = tun
    status = node.status()
    addresses = lab.run("a", "ip", "-o", "address", "show", "dev", INTERFACE)
    assert f"{status['ipv4']}/32" in addresses
    assert f"{status['ipv6']}/128" in addresses
    routes = lab.run("a", "ip", "route", "show", "dev", INTERFACE).split("\n")
    assert [line.split()[0] for line in routes if line] == ["100.64.0.0/10"]
    assert "mtu 1280" in lab.run("a", "ip", "link", "show", INTERFACE)
    assert not any(str(status["ipv4"]) in endpoint for endpoint in status["endpoints"])


@pytest.mark.timeout(120)
def test_machine_without_ipv6_tells_peers_so_at_once(lab: Lab, plane: Plane, meet: Meet) -> None:
    """Control gives it an address and peers its name all the same: what goes there must not run into time-outs."""
    lab.run("a", "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
    node, official = meet("--tun", INTERFACE)
    at_a = serve_files(lab, "a", 1000)
    unusable = next(address for address in plane.node("microlink").addresses if ":" in address)
    assert not node.status()["ipv6"]
    assert fetch(lab, "b", f"http://{node.status()['ipv4']}:{WEB_PORT}/file") == at_a.read_bytes()
    with pytest.raises(subprocess.CalledProcessError) as refused:
        lab.run("b", "curl", "-sS", "--max-time", "20", f"http://[{unusable}]:{WEB_PORT}/file")
    assert refused.value.returncode == CURL_NO_CONNECTION
    with pytest.raises(subprocess.CalledProcessError) as unreachable:
        lab.run("b", "ping", "-c", "3", "-W", "5", unusable)  # one answer a second
    assert f"From {unusable} " in unreachable.value.stdout
    assert "Address unreachable" in unreachable.value.stdout
    assert official.pinged(unusable, "TSMP")


@pytest.fixture(params=["direct", "relayed"])
def served(plane: Plane, meet: Meet, request: pytest.FixtureRequest) -> Pair:
    """Our node at a with a stack of its own and served ports, an official one at b with an interface."""
    assert plane.url
    return meet("--serve", f"{WEB_PORT},{ECHO_PORT},{NOBODY_PORT}", relayed=request.param == "relayed")


def exchange(lab: Lab, address: str, port: int, data: bytes, place: Place = "b") -> bytes:
    """Send bytes and the end of the stream; what came back until the other end."""
    command = [*lab.enter(place), sys.executable, "-c", _CLIENT, address, str(port)]
    return subprocess.run(command, input=data, check=True, capture_output=True, timeout=40).stdout


def official_netcat(lab: Lab, official: Tailscaled, peer: str, port: int, data: bytes) -> bytes:
    """Send bytes with `tailscale nc` to an echo server; what came back. It ends when its input does."""
    argv = [binary("tailscale"), f"--socket={official.socket}", "nc", peer, str(port)]
    command = [*lab.enter("b"), "timeout", "20", *map(str, argv)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdin.write(data)
        program.stdin.flush()
        got = program.stdout.read(len(data))
        program.stdin.close()
    return got


def addresses_of(node: Microlinkd) -> list[str]:
    """Both addresses of a node of ours."""
    status = node.status()
    return [str(status["ipv4"]), str(status["ipv6"])]


def test_stack_answers_pings(lab: Lab, served: Pair) -> None:
    node, official = served
    for address in addresses_of(node):
        lab.run("b", "ping", "-c", "5", "-i", "0.05", "-W", "3", "-s", "1200", address)
        assert official.pinged(address, "ICMP")
        assert official.pinged(address, "TSMP")


@pytest.mark.timeout(120)
def test_served_ports_lead_to_local_services(lab: Lab, served: Pair) -> None:
    node, official = served
    serve_echo(lab, "a")
    file = serve_files(lab, "a", 3_000_000)
    data = bytes(i * 7 % 253 for i in range(1_000_000))
    for address in addresses_of(node):
        assert fetch(lab, "b", f"http://{bracketed(address)}:{WEB_PORT}/file") == file.read_bytes()
        assert exchange(lab, address, ECHO_PORT, data) == data
        lab.run("b", sys.executable, "-c", _UDP_CLIENT, address, str(ECHO_PORT))
    assert official_netcat(lab, official, "microlink", ECHO_PORT, b"over") == b"over"


def test_ports_without_a_service_refuse(lab: Lab, served: Pair) -> None:
    node, _official = served
    for address in addresses_of(node):
        for port in (NOBODY_PORT, 4322):
            with pytest.raises(subprocess.CalledProcessError) as caught:
                fetch(lab, "b", f"http://{bracketed(address)}:{port}/", seconds=10)
            assert caught.value.returncode in {7, 55, 56}, caught.value.stderr  # refused, or reset once connected


@pytest.fixture
def proxy(plane: Plane, meet: Meet) -> Pair:
    """Our node at a with a SOCKS proxy and two forwarded ports, an official one at b with an interface."""
    assert plane.url
    forwards = [f"8081:official:{WEB_PORT}", f"127.0.0.1:7008:official:{ECHO_PORT}"]
    return meet("--socks5", "127.0.0.1:1080", *(word for each in forwards for word in ("--forward", each)))


def test_socks_proxy_and_forwards_lead_to_peers(lab: Lab, proxy: Pair) -> None:
    node, official = proxy
    serve_echo(lab, "b")
    content = serve_files(lab, "b", 2_000_000).read_bytes()
    names = [*map(str, official.status()["TailscaleIPs"]), "official", str(node.wait_peer("official")["name"])]
    for name in names:
        url = f"http://{bracketed(name)}:{WEB_PORT}/file"
        assert fetch(lab, "a", url, "--proxy", "socks5h://127.0.0.1:1080") == content
    assert fetch(lab, "a", "http://127.0.0.1:8081/file") == content
    data = bytes(i * 11 % 249 for i in range(500_000))
    assert exchange(lab, "127.0.0.1", 7008, data, "a") == data


@pytest.mark.parametrize(("host", "port"), [("nobody", WEB_PORT), ("official", NOBODY_PORT)])
def test_socks_proxy_says_no(lab: Lab, proxy: Pair, host: str, port: int) -> None:
    assert proxy
    with pytest.raises(subprocess.CalledProcessError) as caught:
        fetch(lab, "a", f"http://{host}:{port}/", "--proxy", "socks5h://127.0.0.1:1080", seconds=15)
    assert caught.value.returncode == CURL_PROXY_REFUSED, caught.value.stderr


@pytest.mark.timeout(120)
def test_transfers_survive_a_change_of_path(lab: Lab, plane: Plane, meet: Meet) -> None:
    node, official = meet("--tun", INTERFACE)
    assert plane.node("microlink").online
    files = {"a": serve_files(lab, "a", 20_000_000), "b": serve_files(lab, "b", 20_000_000)}
    fetched: dict[Place, str] = {"a": official.ip(), "b": str(node.status()["ipv4"])}
    options = ["-sS", "--noproxy", "", "--limit-rate", "1M", "-m", "90"]
    transfers = {
        place: subprocess.Popen(
            [*lab.enter(place), "curl", *options, f"http://{address}:{WEB_PORT}/file"], stdout=subprocess.PIPE
        )
        for place, address in fetched.items()
    }
    got = {place: bytearray() for place in transfers}
    readers = [
        threading.Thread(target=lambda place=place, program=program: got[place].extend(program.stdout.read()))
        for place, program in transfers.items()
    ]
    for reader in readers:
        reader.start()
    with without_udp(lab, "a"):
        node.wait_peer("official", lambda peer: peer["direct"] is None, 30)
        wait_for("it goes on through the relay", lambda: node.reaches("official"), 20)
    node.ping_directly("official", 40)
    for reader in readers:
        reader.join()
    assert [program.wait() for program in transfers.values()] == [0, 0]
    assert got["a"] == files["b"].read_bytes()
    assert got["b"] == files["a"].read_bytes()


# A path that is blocked is trusted for 6.5 s after its last pong: what is sent meanwhile is lost.
SWITCH_SECONDS = 10


@pytest.mark.timeout(120)
@pytest.mark.parametrize("end", ["interface", "stack"])
def test_iperf_goes_on_both_ways_across_switches_of_the_path(lab: Lab, plane: Plane, meet: Meet, end: str) -> None:
    served = (IPERF_PORT, IPERF_PORT + 1)
    options = ["--tun", INTERFACE] if end == "interface" else ["--serve", ",".join(map(str, served))]
    node, official = meet(*options)
    assert plane.node("microlink").online
    address = str(node.status()["ipv4" if end == "interface" else "ipv6"])
    official.pinged_directly(address)
    servers = [Iperf(lab, "a", port) for port in served]
    streams = Transfer(lab, "b", address, served[0], "-b", "8M", seconds=30)
    datagrams = Transfer(lab, "b", address, served[1], "-u", "-b", "2M", "-l", "1100", seconds=30)

    def flows(what: str, packets: int = 500) -> None:
        """See so many packets come in and go out."""
        statistics = node.status()["statistics"]
        more = {name: statistics[name] + packets for name in ("rx_packets", "tx_packets")}
        wait_for(what, lambda: all(node.status()["statistics"][name] >= most for name, most in more.items()))
        assert streams.running()
        assert datagrams.running()

    flows("data flows directly")
    with without_udp(lab, "a"):
        node.wait_peer("official", lambda peer: peer["direct"] is None, 30)
        flows("data flows through the relay")
    node.wait_peer("official", lambda peer: peer["direct"], 30)
    flows("data flows directly again")
    report = streams.end(60)
    for way in ("", "_bidir_reverse"):
        sent, received = (report[f"sum_{name}{way}"]["bytes"] for name in ("sent", "received"))
        print(f"TCP {way or 'in'}: {received} of {sent} bytes")
        assert received == sent
    report = datagrams.end(60)
    for way in ("", "_bidir_reverse"):
        total = report[f"sum{way}"]
        print(f"UDP {way or 'in'}: {total['lost_packets']} of {total['packets']} datagrams lost")
        assert total["lost_packets"] <= total["packets"] * SWITCH_SECONDS / total["seconds"]
    assert all(server.running() for server in servers)
