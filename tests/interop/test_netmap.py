# SPDX-License-Identifier: MIT
"""What control says about the tailnet reaches the node, in every form that servers use or abuse."""

import datetime as dt
import json
import struct
from typing import Any

import pytest

from lab import Lab
from listener import Ear
from microlinkd import Microlinkd
from nodes import Online, StartTailscaled
from peers import Tailscaled
from planes import Headscale, Json, Plane, TestControl
from waiting import Stopwatch, stays, wait_for
from wire import DISCO_MAGIC

INVENTED_ID = 77


def invented(number: int = INVENTED_ID, **fields: Any) -> Json:  # noqa: ANN401 - fields of a Node
    """Return a peer that exists in the netmap only, as servers write it."""
    return {
        "ID": number,
        "StableID": f"invented-{number}",
        "Name": f"invented-{number}.test.ts.net.",
        "User": 123,
        "Key": "nodekey:" + f"{number:02x}" * 32,
        "Machine": "mkey:" + f"{number:02x}" * 32,
        "DiscoKey": "discokey:" + f"{number:02x}" * 32,
        "Addresses": [f"100.64.7.{number}/32", f"fd7a:115c:a1e0::7:{number:x}/128"],
        "AllowedIPs": [f"100.64.7.{number}/32", f"fd7a:115c:a1e0::7:{number:x}/128"],
        "Endpoints": ["192.0.2.7:41641"],
        "HomeDERP": 1,
        "Hostinfo": {"OS": "linux", "Hostname": f"invented-{number}"},
        "MachineAuthorized": True,
        "Cap": 140,
        "Online": True,
        **fields,
    }


def frame(message: object) -> bytes:
    """Return a message as it is framed on a map stream."""
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return struct.pack("<I", len(body)) + body


def test_peer_that_joins_leaves_and_is_removed(plane: Plane, tailscaled: StartTailscaled, online: Online) -> None:
    node = online("a")
    assert node.peer("official") is None
    official = tailscaled("b", "official")
    watch = Stopwatch()
    peer = node.wait_peer("official", lambda peer: peer["online"] and peer["home_derp"])
    watch.lap(f"{plane.name}: a peer's join to our table")
    assert (peer["ipv4"], peer["node_key"]) == (official.ip(), official.node_key())
    assert official.stop() == 0
    node.wait_peer("official", lambda peer: peer["online"] is False, 25)
    watch = Stopwatch()
    plane.remove(plane.node("official"))
    node.wait_no_peer("official")
    watch.lap(f"{plane.name}: a peer's removal to our table")
    assert node.status()["state"] == "online"


def test_expired_peer_is_out_of_reach(plane: Plane, tailscaled: StartTailscaled, online: Online) -> None:
    node, official = online("a"), tailscaled("b", "official")
    official.sees("microlink")
    node.wait_peer("official", lambda peer: peer["home_derp"])
    wait_for("pong before", lambda: node.reaches("official"))
    plane.expire(plane.node("official"))
    wait_for("no pong after", lambda: not node.reaches("official"), 30)
    assert node.status()["state"] == "online"


def test_peer_that_lives_on_with_a_key_that_has_ended_is_out_of_reach(
    testcontrol: TestControl, tailscaled: StartTailscaled, online: Online
) -> None:
    # Control tells our node alone, as a patch: the peer itself goes on as before, and would answer.
    node, official = online("a"), tailscaled("b", "official")
    official.sees("microlink")
    node.wait_peer("official", lambda peer: peer["home_derp"])
    node.ping_directly("official")
    address = str(node.status()["ipv4"])
    assert official.pinged(address, "TSMP")
    ourselves, theirs = testcontrol.node("microlink"), testcontrol.node("official")

    def ends(moment: dt.datetime) -> None:
        patch = {"NodeID": theirs.id, "KeyExpiry": moment.isoformat().replace("+00:00", "Z")}
        testcontrol.send(ourselves, {"PeersChangedPatch": [patch]})

    at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=4)
    ends(at)
    assert node.reaches("official")
    wait_for("the end of its key", lambda: (peer := node.peer("official")) and peer["expired"])
    assert dt.datetime.now(dt.UTC) >= at
    assert not node.reaches("official")
    peer = node.peer("official")
    assert peer
    assert (peer["handshake_age_s"], peer["direct"], peer["allowed"]) == (None, None, False)
    assert official.ping(address, "TSMP", 2) is None
    assert official.ping(address, "disco", 2) is None
    assert node.status()["state"] == "online"
    ends(dt.datetime.now(dt.UTC) + dt.timedelta(days=1))
    wait_for("pong after its key was given more time", lambda: node.reaches("official"))
    assert official.pinged(address, "TSMP")


def test_peer_that_comes_back_with_another_disco_key(plane: Plane, tailscaled: StartTailscaled, online: Online) -> None:
    node, official = online("a"), tailscaled("b", "official")
    official.sees("microlink")
    node.wait_peer("official", lambda peer: peer["home_derp"])
    node.ping_directly("official")
    plane.forget_auth_key()
    official.kill()
    official.start(plane.ca)
    official.sees("microlink", 30)
    watch = Stopwatch()
    node.ping_directly("official", 20)
    watch.lap(f"{plane.name}: peer restarted to direct pong")
    assert official.pinged(node.status()["ipv4"], "TSMP")


def test_policy_of_headscale_filters_what_comes_in(
    headscale: Headscale, lab: Lab, tailscaled: StartTailscaled, online: Online
) -> None:
    node, official = online("a", "microlink", "--tun", "ml0"), tailscaled("b", "official", tun="tailscale0")
    official.sees("microlink")
    address = str(node.status()["ipv4"])
    assert official.pinged(address, "ICMP")
    policy = lab.directory / "policy.hujson"
    # One direction is allowed, or the nodes would not even see each other.
    rule = {"action": "accept", "src": [address], "dst": [f"{official.ip()}:*"]}
    policy.write_text(json.dumps({"acls": [rule]}))
    headscale.command("policy", "set", "-f", str(policy))
    wait_for("ICMP is no longer answered", lambda: official.ping(address, "ICMP", 0.5) is None)
    assert official.pinged(address, "TSMP")  # no policy forbids TSMP


@pytest.fixture
def mapped(testcontrol: TestControl, online: Online) -> Microlinkd:
    """Return a node that is online and has an invented peer."""
    node = online("a")
    testcontrol.send(testcontrol.node("microlink"), {"PeersChanged": [invented()]})
    node.wait_peer("invented-77")
    return node


@pytest.mark.parametrize(
    ("message", "field", "expected"),
    [
        ({"PeersChangedPatch": [{"NodeID": INVENTED_ID, "DERPRegion": 5}]}, "home_derp", 5),
        ({"PeersChangedPatch": [{"NodeID": INVENTED_ID, "Online": False}]}, "online", False),
        (
            {"PeersChangedPatch": [{"NodeID": INVENTED_ID, "Key": "nodekey:" + "99" * 32}]},
            "node_key",
            "nodekey:" + "99" * 32,
        ),
        ({"OnlineChange": {str(INVENTED_ID): False}}, "online", False),
        ({"PeersChanged": [invented(HomeDERP=6)]}, "home_derp", 6),
        ({"PeersChanged": [invented(HomeDERP=0, DERP="127.3.3.40:4")]}, "home_derp", 4),
        ({"Peers": [invented(HomeDERP=3), invented(78)]}, "home_derp", 3),
    ],
    ids=["patch-home", "patch-online", "patch-key", "online-change", "changed", "legacy-home", "full-list"],
)
def test_delta_changes_the_peer(
    testcontrol: TestControl, mapped: Microlinkd, message: Json, field: str, expected: object
) -> None:
    testcontrol.send(testcontrol.node("microlink"), message)
    peer = mapped.wait_peer("invented-77", lambda peer: peer[field] == expected)
    assert peer["ipv4"] == f"100.64.7.{INVENTED_ID}"


def test_peer_that_changes_endpoints_is_looked_for_there(
    testcontrol: TestControl, lab: Lab, mapped: Microlinkd
) -> None:
    ear = Ear(lab)
    assert not mapped.reaches("invented-77")
    assert not ear.packets()
    patch = {"NodeID": INVENTED_ID, "Endpoints": [ear.endpoint]}
    testcontrol.send(testcontrol.node("microlink"), {"PeersChangedPatch": [patch]})

    def is_looked_for() -> bool:
        mapped.reaches("invented-77")  # nobody answers
        return any(packet.startswith(DISCO_MAGIC) for packet in ear.packets())

    wait_for("a DISCO ping to the new endpoint", is_looked_for)


def test_removal_and_unknown_ids(testcontrol: TestControl, mapped: Microlinkd) -> None:
    ourselves = testcontrol.node("microlink")
    testcontrol.send(
        ourselves,
        {
            "PeersRemoved": [4711],
            "PeersChangedPatch": [{"NodeID": 4712, "DERPRegion": 3}],
            "OnlineChange": {"4713": True},
            "PeerSeenChange": {"4714": False},
        },
    )
    testcontrol.send(ourselves, {"PeersChanged": [invented(78)]})
    mapped.wait_peer("invented-78")
    assert mapped.peer("invented-77")
    testcontrol.send(ourselves, {"PeersRemoved": [INVENTED_ID]})
    mapped.wait_no_peer("invented-77")
    assert mapped.peer("invented-78")


def test_peer_whose_disco_key_comes_later(testcontrol: TestControl, mapped: Microlinkd) -> None:
    # So it is with a node that has registered and not yet sent its first update: the key comes as a patch.
    ourselves = testcontrol.node("microlink")
    key = "discokey:" + "4e" * 32
    testcontrol.send(ourselves, {"PeersChanged": [invented(78, DiscoKey="discokey:" + "00" * 32, HomeDERP=0)]})
    testcontrol.send(ourselves, {"PeersChangedPatch": [{"NodeID": 78, "DiscoKey": key, "DERPRegion": 1}]})
    mapped.wait_peer("invented-78", lambda peer: peer["home_derp"] == 1)


def test_peer_with_a_damaged_key_is_not_taken(testcontrol: TestControl, mapped: Microlinkd) -> None:
    message = {"PeersChanged": [invented(78, Key="nodekey:beef"), invented(79)]}
    testcontrol.send_raw(testcontrol.node("microlink"), frame(message))
    wait_for(
        "the good peer is taken, or the stream begun again",
        lambda: mapped.peer("invented-79") or not mapped.peer("invented-77"),
    )
    assert mapped.peer("invented-78") is None
    mapped.wait_state("online")


def test_full_list_without_a_peer_revokes_it(testcontrol: TestControl, mapped: Microlinkd) -> None:
    testcontrol.send(testcontrol.node("microlink"), {"Peers": [invented(78)]})
    mapped.wait_no_peer("invented-77")


def test_keys_not_known_and_nulls_are_ignored(testcontrol: TestControl, mapped: Microlinkd) -> None:
    ourselves = testcontrol.node("microlink")
    strange = invented(
        78,
        Endpoints=None,
        CapMap={"https://example.com/cap": [{"deep": [[[[{"x": None}]]]]}], "other": None},
        FieldFromTheFuture={"a": [1, 2.5e300, -0.0, True, None, "\\u0000\u20ac"]},
        Tags=None,
        PrimaryRoutes=None,
        LastSeen=None,
    )
    message = {
        "FieldFromTheFuture": [{"Peers": [invented(79)]}],
        "DERPMap": None,
        "DNSConfig": None,
        "Node": None,
        "Health": None,
        "PeersRemoved": None,
        "PacketFilter": None,
        "PeersChanged": [strange],
    }
    testcontrol.send_raw(ourselves, frame(message))
    mapped.wait_peer("invented-78")
    assert mapped.peer("invented-77")
    assert mapped.peer("invented-79") is None
    assert mapped.status()["state"] == "online"


def test_null_region_disappears(testcontrol: TestControl, mapped: Microlinkd) -> None:
    derp_map = json.loads(json.dumps(testcontrol.ready["derp_map"]))
    derp_map["Regions"]["2"] = None
    derp_map["Regions"]["900"] = {"RegionID": 900, "RegionCode": "empty", "RegionName": "Empty", "Nodes": None}
    testcontrol.send_raw(testcontrol.node("microlink"), frame({"DERPMap": derp_map}))
    testcontrol.send(testcontrol.node("microlink"), {"PeersChanged": [invented(78)]})
    mapped.wait_peer("invented-78")
    status = mapped.status()
    assert (status["state"], status["relay"]["region"]) == ("online", 1)
    assert [region["region"] for region in mapped.run("netcheck")["relays"]] == [1]


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (struct.pack("<I", 5000) + b'{"PeersRemoved":[77],', True),
        (struct.pack("<I", 0xFFFFFFFF) + b'{"PeersRemoved":[', False),
        (frame(b"<html>not JSON at all</html>"), False),
        (frame(b'{"PeersRemoved":[77'), False),
        (frame(b"[" * 4000), False),
        (frame(b'{"Peers":' + b'[{"a":' * 2000), False),
        (b"\x01", True),
    ],
    ids=["truncated", "oversized", "html", "unclosed", "deep-array", "deep-object", "one-byte"],
)
@pytest.mark.control("-fake", "1")
def test_damaged_stream_is_left_and_begun_again(
    testcontrol: TestControl, mapped: Microlinkd, data: bytes, *, end: bool
) -> None:
    testcontrol.send_raw(testcontrol.node("microlink"), data, end=end)
    # The next stream begins with a full map: the server's own invention occurs in it, ours does not.
    mapped.wait_no_peer("invented-77", 20)
    mapped.wait_peer("fake-0")
    mapped.wait_state("online")
    testcontrol.send(testcontrol.node("microlink"), {"PeersChanged": [invented(80)]})
    mapped.wait_peer("invented-80")


def test_stream_that_begins_without_peers_revokes_all(testcontrol: TestControl, mapped: Microlinkd) -> None:
    # A server leaves `Peers` out of the first message when there are none: on a new stream that is the whole truth.
    testcontrol.cut()
    testcontrol.restore()
    wait_for("the next stream", lambda: testcontrol.node("microlink").online, 20)
    mapped.wait_no_peer("invented-77")


def test_key_expiry_of_our_own_is_shown(testcontrol: TestControl, mapped: Microlinkd) -> None:
    ourselves = testcontrol.record("microlink")
    expiry = "2044-05-06T07:08:09Z"
    testcontrol.send(testcontrol.node("microlink"), {"Node": {**ourselves, "KeyExpiry": expiry}})
    wait_for("expiry in the status", lambda: mapped.status()["key_expiry"] == expiry)


def test_new_addresses_of_our_own_are_taken(testcontrol: TestControl, mapped: Microlinkd) -> None:
    ourselves = testcontrol.record("microlink")
    addresses = ["100.99.1.2/32", "fd7a:115c:a1e0::99/128"]
    testcontrol.send(testcontrol.node("microlink"), {"Node": {**ourselves, "Addresses": addresses}})
    wait_for("address in the status", lambda: mapped.status()["ipv4"] == "100.99.1.2")
    assert mapped.status()["ipv6"] == "fd7a:115c:a1e0::99"


def test_node_that_tailnet_lock_keeps_out_says_so(testcontrol: TestControl, mapped: Microlinkd) -> None:
    node = testcontrol.node("microlink")
    testcontrol.send(node, {"TKAInfo": {"Head": "ABCD"}})
    status = wait_for("the lock is seen", lambda: (s := mapped.status())["tailnet_lock"] and s)
    assert "tailscale lock sign" in status["message"]
    record = testcontrol.record("microlink")
    del record["Streaming"]
    testcontrol.send(node, {"Node": record | {"KeySignature": "AAAA"}})
    wait_for("the signature is seen", lambda: mapped.status()["message"] is None)
    assert mapped.status()["tailnet_lock"] is True
    testcontrol.send(node, {"Node": record})
    wait_for("it is gone", lambda: mapped.status()["message"])
    testcontrol.send(node, {"TKAInfo": {"Disabled": True}})
    wait_for("the lock is off", lambda: mapped.status()["message"] is None)


@pytest.mark.timeout(120)
@pytest.mark.control("-fake", "10000")
def test_ten_thousand_peers_cost_no_memory(testcontrol: TestControl, lab: Lab, online: Online) -> None:
    official = Tailscaled(lab, "b", "official")
    official.start(testcontrol.ca)
    official.join(testcontrol)
    watch = Stopwatch()
    node = online("a")
    watch.lap("start to online in a tailnet of 10,000")
    official.sees("microlink", 30)
    assert official.pinged(node.status()["ipv4"], "TSMP", 40)
    assert node.status()["peers"]["in_tailnet"] == 10_001
    usage = node.usage()
    print(f"RSS {usage.resident_kib} KiB, CPU {usage.cpu_seconds:.2f} s")
    small = online("b", "other")  # a second start in the same tailnet must cost the same
    assert small.usage().resident_kib < 40 * 1024
    assert usage.resident_kib < 40 * 1024
    testcontrol.admin("POST", "/fake?n=1000")
    stays("online", lambda: node.status()["state"] == "online", 1)
    assert node.usage().resident_kib < 40 * 1024


@pytest.mark.parametrize("kind", ["disco", "TSMP", "ICMP", "head"])
def test_pings_on_behalf_of_control(
    testcontrol: TestControl, tailscaled: StartTailscaled, online: Online, kind: str
) -> None:
    node, official = online("a"), tailscaled("b", "official")
    node.wait_peer("official", lambda peer: peer["home_derp"])
    official.sees("microlink")
    request = {"URL": f"{testcontrol.url}/ping/{kind}", "URLIsNoise": False}
    if kind != "head":
        request |= {"Types": kind, "IP": official.ip()}
    testcontrol.send(testcontrol.node("microlink"), {"PingRequest": request})
    answer = wait_for("control has its answer", lambda: next(iter(testcontrol.pings()), None), 15)
    assert answer["Path"] == f"/ping/{kind}"
    if kind == "head":
        assert (answer["Method"], answer["Body"]) == ("HEAD", "")
        return
    assert answer["Method"] == "POST"
    result = json.loads(answer["Body"])
    assert (result["Type"], result["NodeIP"], result["NodeName"]) == (kind, official.ip(), "official")
    assert 0 < result["LatencySeconds"] < 10
    assert "Err" not in result
