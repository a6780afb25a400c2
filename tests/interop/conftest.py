# SPDX-License-Identifier: MIT
"""Fixtures: a lab for each test, the control planes in it, and nodes on demand."""

from collections.abc import Generator, Iterator

import pytest

from lab import Lab, Nat, Place, remove_orphans
from microlinkd import Microlinkd
from nodes import MakeMicrolinkd, Meet, Online, StartTailscaled
from peers import Tailscaled
from planes import Headscale, Plane, TestControl

LIMIT_SECONDS = 60
_LAB = pytest.StashKey[Lab]()


def pytest_configure(config: pytest.Config) -> None:
    """Say what the markers mean; clear away what a killed run has left behind."""
    config.addinivalue_line("markers", "nat(a, b): kinds of NAT in front of the lab's two hosts, lan without it")
    config.addinivalue_line("markers", "control(*options): options for the test control server")
    config.addinivalue_line("markers", "sanitized: nodes of ours have AddressSanitizer and end without a word")
    if not hasattr(config, "workerinput"):
        remove_orphans()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test a time limit, setting up and taking down included."""
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LIMIT_SECONDS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of every log in the lab beside a failure."""
    report = yield
    lab = item.stash.get(_LAB, None)
    if report.failed and lab is not None:
        report.sections.extend((f"end of {name}", text) for name, text in lab.logs().items())
    return report


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Give the test an internet of its own, with the kinds of NAT that the marker `nat` names."""
    marker = request.node.get_closest_marker("nat")
    kinds: tuple[Nat, ...] = marker.args if marker else ()
    with Lab(*kinds) as lab:
        request.node.stash[_LAB] = lab
        yield lab


@pytest.fixture
def testcontrol(lab: Lab, request: pytest.FixtureRequest) -> TestControl:
    """Give the test Tailscale's test control server with the options of the marker `control`."""
    marker = request.node.get_closest_marker("control")
    return TestControl(lab, marker.args if marker else ())


@pytest.fixture
def headscale(lab: Lab) -> Headscale:
    """Give the test a Headscale without artificial delays."""
    return Headscale(lab)


@pytest.fixture(params=["testcontrol", "headscale"])
def plane(request: pytest.FixtureRequest) -> Plane:
    """Run the test on each control plane."""
    plane = request.getfixturevalue(request.param)
    assert isinstance(plane, Plane)
    return plane


def _plane_of(request: pytest.FixtureRequest) -> Plane:
    for name in ("plane", "testcontrol", "headscale"):
        if name in request.fixturenames:
            plane = request.getfixturevalue(name)
            assert isinstance(plane, Plane)
            return plane
    message = f"{request.node.name} asks for a node but for no control plane"
    raise LookupError(message)


@pytest.fixture
def tailscaled(lab: Lab, request: pytest.FixtureRequest) -> StartTailscaled:
    """Start official nodes."""

    def start(place: Place, name: str, *, tun: str | None = None) -> Tailscaled:
        plane = _plane_of(request)
        node = Tailscaled(lab, place, name, tun=tun)
        node.start(plane.ca)
        node.join(plane)
        return node

    return start


@pytest.fixture
def microlinkd(lab: Lab, request: pytest.FixtureRequest) -> Iterator[MakeMicrolinkd]:
    """Make nodes of ours, which the test starts with the options it wants."""
    sanitized = request.node.get_closest_marker("sanitized") is not None
    made: list[Microlinkd] = []

    def make(place: Place, name: str = "microlink") -> Microlinkd:
        made.append(Microlinkd(lab, place, name, _plane_of(request), sanitized=sanitized))
        return made[-1]

    yield make
    if sanitized:
        for node in made:
            node.end_in_good_order()


@pytest.fixture
def online(microlinkd: MakeMicrolinkd) -> Online:
    """Start nodes of ours and wait until they are online."""

    def start(place: Place, name: str = "microlink", *options: str) -> Microlinkd:
        node = microlinkd(place, name)
        node.start(*options)
        node.wait_state("online")
        return node

    return start


@pytest.fixture
def meet(online: Online, tailscaled: StartTailscaled) -> Meet:
    """Start a node of ours and an official one with an interface that know each other."""

    def start(*options: str, relayed: bool = False) -> tuple[Microlinkd, Tailscaled]:
        node = online("a", "microlink", *options, *(["--relay-only"] if relayed else []))
        official = tailscaled("b", "official", tun="tailscale0")
        official.sees("microlink")
        node.wait_peer("official", lambda peer: peer["home_derp"])
        if not relayed:
            node.ping_directly("official")
        return node, official

    return start
