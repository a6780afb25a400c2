# SPDX-License-Identifier: MIT
"""Who may come in: the access rules of the control plane, enforced by our node for its stack."""

import contextlib
import subprocess
from collections.abc import Callable

import pytest

from lab import Lab
from microlinkd import Microlinkd
from nodes import Online, StartTailscaled
from peers import Tailscaled
from planes import Plane
from rules import allow
from traffic import ECHO_PORT, WEB_PORT, bracketed, fetch, serve_files
from waiting import stays, wait_for

type Pair = tuple[Microlinkd, Tailscaled]
OTHER_PORT = 8082


@pytest.fixture
def pair(lab: Lab, tailscaled: StartTailscaled, online: Online, plane: Plane) -> Pair:
    """Our node at a that serves two ports, an official one at b."""
    node = online(
        "a", "microlink", "--serve", f"{WEB_PORT},{OTHER_PORT},{ECHO_PORT}", "--forward", f"9000:official:{WEB_PORT}"
    )
    official = tailscaled("b", "official", tun="tailscale0")
    assert plane.node("microlink").online
    official.sees("microlink")
    node.wait_peer("official", lambda peer: peer["home_derp"])
    serve_files(lab, "a", 1000)
    serve_files(lab, "b", 1000)
    return node, official


def reaches(lab: Lab, address: str, port: int) -> bool:
    """Whether the official node gets the file from a port of ours."""
    with contextlib.suppress(subprocess.CalledProcessError):
        return bool(fetch(lab, "b", f"http://{bracketed(address)}:{port}/file", seconds=2))
    return False


def becomes(what: str, probe: Callable[[], bool], *, expected: bool) -> None:
    """Wait until `probe` says what is expected, and see it stay so."""
    wait_for(what, lambda: probe() is expected)
    stays(what, lambda: probe() is expected, 1)


@pytest.mark.timeout(120)
def test_rules_open_one_port_for_one_peer_and_close_it_again(lab: Lab, plane: Plane, pair: Pair) -> None:
    node, _official = pair
    targets = [str(node.status()["ipv4"])]
    assert reaches(lab, targets[0], WEB_PORT)
    allow(plane, ("official", targets, OTHER_PORT))
    becomes("the port is closed", lambda: reaches(lab, targets[0], WEB_PORT), expected=False)
    allow(plane, ("official", targets, WEB_PORT))
    becomes("the port is open", lambda: reaches(lab, targets[0], WEB_PORT), expected=True)
    allow(plane, ("microlink", targets, WEB_PORT))
    becomes("the peer is cut off", lambda: reaches(lab, targets[0], WEB_PORT), expected=False)


def test_answers_pass_where_the_peer_may_not_begin(lab: Lab, plane: Plane, pair: Pair) -> None:
    node, official = pair
    allow(plane, ("microlink", [official.ip()], WEB_PORT))
    becomes("the peer is cut off", lambda: reaches(lab, str(node.status()["ipv4"]), WEB_PORT), expected=False)
    wait_for("an answer", lambda: _answers(lab))


def _answers(lab: Lab) -> bool:
    with contextlib.suppress(subprocess.CalledProcessError):
        return bool(fetch(lab, "a", "http://127.0.0.1:9000/file", seconds=5))
    return False
