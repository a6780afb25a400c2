# SPDX-License-Identifier: MIT
"""Who may talk with our node at all: its own list, in front of the tailnet's rules."""

import contextlib
import json
import subprocess
from collections.abc import Callable

import pytest

from lab import Lab
from microlinkd import Microlinkd
from nodes import Online, StartTailscaled
from peers import PingType, Tailscaled
from planes import Headscale, Json, Plane, TestControl
from traffic import WEB_PORT, fetch, serve_files
from waiting import stays, wait_for

TAG = "tag:visitor"
PINGS: tuple[PingType, ...] = ("disco", "TSMP", "ICMP")


class Pair:
    """Our node at a that serves a port, and an official one at b with an interface."""

    def __init__(self, lab: Lab, node: Microlinkd, official: Tailscaled) -> None:
        """Both are online and know each other."""
        self.lab = lab
        self.node = node
        self.official = official
        self.address = str(node.status()["ipv4"])

    def allow(self, *peers: str) -> list[str] | None:
        """Set the list with the command line; what it is then."""
        answer = self.node.run("allow", *(peers or ("--none",)))
        assert answer["allowed_peers_origin"] in {"set", "configured"}
        allowed: list[str] | None = answer["allowed_peers"]
        return allowed

    def seen(self) -> Json:
        """Return what our node says of the official one."""
        peer = self.node.peer("official")
        assert peer is not None
        return peer

    def fetches(self) -> bool:
        """Whether the official node gets the file from our port."""
        with contextlib.suppress(subprocess.CalledProcessError):
            return bool(fetch(self.lab, "b", f"http://{self.address}:{WEB_PORT}/file", seconds=2))
        return False

    def hears(self) -> list[str]:
        """Say on which ways the official node gets an answer."""
        ways = [kind for kind in PINGS if self.official.ping(self.address, kind, 1)]
        return [*ways, *(["TCP"] if self.fetches() else [])]

    def is_let_in(self) -> None:
        """Check that the official node gets an answer on every way."""
        for kind in PINGS:
            assert self.official.pinged(self.address, kind)
        wait_for("the file", self.fetches)

    def is_kept_out(self) -> None:
        """Check that it gets none on any, and that ours does not talk to it either."""
        assert self.hears() == []
        assert self.node.command("ping", "official", "--timeout", "3").returncode != 0


type StartPair = Callable[..., Pair]


@pytest.fixture
def start(lab: Lab, tailscaled: StartTailscaled, online: Online, plane: Plane) -> StartPair:
    """Start the pair with options for our node."""

    def pair(*options: str) -> Pair:
        node = online("a", "microlink", "--serve", str(WEB_PORT), *options)
        official = tailscaled("b", "official", tun="tailscale0")
        assert plane.node("microlink").online
        official.sees("microlink")
        node.wait_peer("official", lambda peer: peer["home_derp"])
        serve_files(lab, "a", 1000)
        return Pair(lab, node, official)

    return pair


@pytest.mark.timeout(120)
def test_a_peer_outside_the_list_gets_no_answer_on_any_way(start: StartPair) -> None:
    pair = start("--allow-peer", "somebody-else")
    pair.is_kept_out()
    assert pair.node.status()["allowed_peers"] == ["somebody-else"]
    assert pair.seen()["allowed"] is False
    pair.allow("official")
    pair.is_let_in()
    assert pair.seen()["allowed"] is True


@pytest.mark.timeout(120)
def test_a_session_is_cut_at_once_and_comes_back(start: StartPair) -> None:
    pair = start()
    pair.is_let_in()
    assert pair.node.status()["allowed_peers"] is None
    assert pair.seen()["handshake_age_s"] is not None
    assert pair.allow() == []
    assert pair.seen()["handshake_age_s"] is None
    pair.is_kept_out()
    stays("kept out", lambda: not pair.hears(), 3)
    assert pair.allow("--all") is None
    pair.is_let_in()


@pytest.mark.timeout(150)
def test_the_list_survives_a_restart_until_the_configured_one_changes(plane: Plane, start: StartPair) -> None:
    pair = start()
    pair.allow("somebody-else")
    plane.forget_auth_key()

    def restart(*options: str) -> tuple[list[str] | None, str]:
        pair.node.stop()
        pair.node.start("--serve", str(WEB_PORT), *options, auth_key=False)
        pair.node.wait_state("online")
        pair.official.sees("microlink")
        pair.node.wait_peer("official", lambda peer: peer["home_derp"])
        answer = pair.node.run("allow")
        return answer["allowed_peers"], answer["allowed_peers_origin"]

    assert restart() == (["somebody-else"], "set")
    pair.is_kept_out()
    assert restart("--allow-peer", "official") == (["official"], "configured")
    pair.is_let_in()
    assert restart() == (None, "configured")


@pytest.mark.timeout(150)
def test_names_addresses_blocks_and_keys_let_in(start: StartPair) -> None:
    pair = start("--allow-peer", "somebody-else")
    domain = pair.node.status()["name"].partition(".")[2]
    addresses = list(map(str, pair.official.status()["TailscaleIPs"]))
    forms = [f"Official.{domain}.", *addresses, "100.64.0.0/10", pair.official.node_key(), "official"]
    for form in forms:
        assert pair.allow(form) is not None
        assert pair.seen()["allowed"] is True, form
        assert pair.official.pinged(pair.address, "TSMP"), form
        pair.allow("somebody-else", "100.127.0.0/16")
        assert pair.seen()["allowed"] is False, form
    assert pair.official.ping(pair.address, "TSMP", 1) is None


@pytest.mark.timeout(120)
def test_a_tag_lets_in_once_control_has_told_it(plane: Plane, start: StartPair) -> None:
    pair = start("--allow-peer", "somebody-else")
    give_tag(plane, "official")
    pair.allow(TAG)
    wait_for("the tag is known", lambda: pair.seen()["allowed"])
    pair.is_let_in()
    pair.allow("phone", TAG)
    assert pair.seen()["allowed"] is True, "the tag was known already"
    pair.allow("tag:other")
    pair.is_kept_out()


def give_tag(plane: Plane, name: str) -> None:
    """Give a node the tag, as an administrator does."""
    node = plane.node(name)
    if isinstance(plane, TestControl):
        plane.admin("POST", f"/node/{node.id}/tags", [TAG])
        return
    assert isinstance(plane, Headscale)
    policy = plane.directory / "policy.json"
    everybody = {"action": "accept", "src": ["*"], "dst": ["*:*"]}
    policy.write_text(json.dumps({"tagOwners": {TAG: ["alice@"]}, "acls": [everybody]}))
    plane.command("policy", "set", "-f", str(policy))
    plane.command("nodes", "tag", "--identifier", str(node.id), "--tags", TAG)


def test_a_list_that_makes_no_sense_is_refused_and_changes_nothing(start: StartPair) -> None:
    pair = start("--allow-peer", "official")
    for wrong in (["100.64.0.300"], ["official", "tag:"], ["nodekey:12"], ["--all", "official"], ["phone", "phone"]):
        done = pair.node.command("allow", *wrong)
        assert done.returncode != 0, wrong
        assert done.stderr.count("\n") == 1, done.stderr
    done = pair.node.command("allow", *(f"n{number}" for number in range(17)))
    assert done.returncode != 0
    assert '"n16" is one too many' in done.stderr
    assert pair.node.run("allow")["allowed_peers"] == ["official"]
    assert pair.official.pinged(pair.address)


def test_a_damaged_list_lets_nobody_in_and_says_so(plane: Plane, start: StartPair) -> None:
    pair = start()
    pair.allow("official")
    assert pair.official.pinged(pair.address)
    plane.forget_auth_key()
    pair.node.stop()
    stored = pair.node.state_dir / "allowlist"
    stored.write_bytes(stored.read_bytes()[:-1])
    pair.node.start("--serve", str(WEB_PORT), auth_key=False)
    status = pair.node.wait_state("online")
    assert status["allowed_peers"] == []
    assert status["allowed_peers_origin"] == "damaged"
    assert "set it again" in status["message"]
    pair.official.sees("microlink")
    assert pair.hears() == []
    pair.allow("official")
    assert pair.node.status()["message"] is None
    pair.is_let_in()
