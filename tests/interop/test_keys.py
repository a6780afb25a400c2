# SPDX-License-Identifier: MIT
"""Node keys are rotated and expire; the identity stays."""

import datetime as dt

import pytest

from nodes import Online, StartTailscaled
from planes import Headscale, Plane, TestControl
from waiting import Stopwatch, wait_for


def test_rotation_keeps_identity_and_addresses(
    testcontrol: TestControl, tailscaled: StartTailscaled, online: Online
) -> None:
    node, official = online("a"), tailscaled("b", "official")
    official.sees("microlink")
    before, known = node.status(), testcontrol.node("microlink")
    official.pinged(before["ipv4"], "TSMP")
    testcontrol.forget_auth_key()
    watch = Stopwatch()
    node.run("rotate-key")
    wait_for("another node key", lambda: node.status()["node_key"] != before["node_key"])
    after = node.wait_state("online")
    watch.lap("rotation to online")
    assert [after[key] for key in ("ipv4", "ipv6", "name")] == [before[key] for key in ("ipv4", "ipv6", "name")]
    now = testcontrol.node("microlink")
    assert (now.id, now.machine_key, now.node_key) == (known.id, known.machine_key, after["node_key"])
    wait_for("the peer has the new key", lambda: official.netmap_peer("microlink")["Key"] == after["node_key"])
    assert official.pinged(before["ipv4"], "TSMP")
    node.kill()
    node.start(auth_key=False)
    assert node.wait_state("online")["node_key"] == after["node_key"]


def test_rotation_that_is_refused_leaves_the_old_key_in_use(
    headscale: Headscale, tailscaled: StartTailscaled, online: Online
) -> None:
    node, official = online("a"), tailscaled("b", "official")
    official.sees("microlink")
    before = node.status()
    watch = Stopwatch()
    done = node.command("rotate-key")  # Headscale wants a new auth key, or a person, for a new node key
    assert watch.lap("refused") < 5
    assert (done.returncode, done.stdout) == (4, "")
    assert "log in" in done.stderr
    assert node.ask("rotate-key")["error"]["code"] == "refused"
    assert node.wait_state("online")["node_key"] == before["node_key"]
    assert headscale.node("microlink").node_key == before["node_key"]
    assert official.pinged(before["ipv4"], "TSMP")


def test_expiry_is_seen_and_reported(plane: Plane, online: Online) -> None:
    node = online("a")
    plane.expire(plane.node("microlink"))
    node.wait_expired()
    wait_for("what to do", lambda: (status := node.status())["message"] or status["login_url"])
    assert "key-expired" in node.output()


def test_expired_node_comes_back_with_an_auth_key(plane: Plane, online: Online) -> None:
    node = online("a")
    before = node.status()
    plane.expire(plane.node("microlink"))
    node.wait_expired()
    assert node.stop() == 0
    node.start()
    after = node.wait_state("online")
    assert (after["ipv4"], after["ipv6"]) == (before["ipv4"], before["ipv6"])
    assert len(plane.nodes()) == 1


def test_expiry_that_headscale_plans_is_reported(headscale: Headscale, online: Online) -> None:
    node = online("a")
    at = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=20)
    text = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    headscale.command("nodes", "expire", "-i", str(headscale.node("microlink").id), "-e", text)
    wait_for("planned expiry in the status", lambda: node.status()["key_expiry"] == text)
    assert node.status()["state"] == "online"


@pytest.mark.timeout(90)
def test_node_key_expires_by_the_clock(headscale: Headscale, online: Online) -> None:
    node = online("a")
    at = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(seconds=4)
    text = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    headscale.command("nodes", "expire", "-i", str(headscale.node("microlink").id), "-e", text)
    wait_for("the expiry", lambda: node.status()["state"] in {"key-expired", "needs-login", "rejected"}, 20)
    assert dt.datetime.now(dt.UTC) >= at


@pytest.mark.timeout(90)
def test_node_whose_key_ends_by_the_clock_alone_stops_and_asks_for_another(
    testcontrol: TestControl, tailscaled: StartTailscaled, online: Online
) -> None:
    node, official = online("a"), tailscaled("b", "official")
    official.sees("microlink")
    before = node.status()
    assert official.pinged(before["ipv4"], "TSMP")
    at = _tell_end(testcontrol, 8)  # control says no more than this, and wants an auth key for another node key
    wait_for("what control refuses ahead of the end", lambda: "the node key stays" in node.output())
    assert dt.datetime.now(dt.UTC) < at
    assert official.pinged(before["ipv4"], "TSMP")
    assert node.status()["node_key"] == before["node_key"]
    node.wait_expired()
    assert dt.datetime.now(dt.UTC) >= at
    wait_for("what to do", lambda: (status := node.status())["message"] or status["login_url"])
    assert official.ping(str(before["ipv4"]), "TSMP", 2) is None
    assert official.ping(str(before["ipv4"]), "disco", 2) is None
    assert node.stop() == 0
    node.start()
    status = node.wait_state("online")
    assert status["ipv4"] == before["ipv4"]
    assert official.pinged(status["ipv4"], "TSMP")


def test_node_key_is_replaced_before_it_ends(
    testcontrol: TestControl, tailscaled: StartTailscaled, online: Online
) -> None:
    node, official = online("a"), tailscaled("b", "official")
    official.sees("microlink")
    before = node.status()
    testcontrol.forget_auth_key()
    at = _tell_end(testcontrol, 12)
    wait_for("another node key", lambda: node.status()["node_key"] != before["node_key"])
    assert dt.datetime.now(dt.UTC) < at
    assert node.wait_state("online")["ipv4"] == before["ipv4"]
    assert "key-expired" not in node.output()
    assert official.pinged(before["ipv4"], "TSMP")


def _tell_end(plane: TestControl, seconds: int) -> dt.datetime:
    """Tell the node, and nobody else, that its key ends so many seconds from now; when that is."""
    at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    record = plane.record("microlink")
    del record["Streaming"]
    plane.send(plane.node("microlink"), {"Node": record | {"KeyExpiry": at.isoformat().replace("+00:00", "Z")}})
    return at


def test_removed_node_joins_again_only_with_a_key(headscale: Headscale, online: Online) -> None:
    node = online("a")
    headscale.remove(headscale.node("microlink"))
    headscale.cut()  # Headscale does not tell a node that it was removed: the next connection shows it
    headscale.restore()
    wait_for("removal is noticed", lambda: node.status()["state"] in {"needs-login", "rejected", "key-expired"}, 30)
    assert not headscale.nodes()
    node.stop()
    node.start()
    node.wait_state("online")
