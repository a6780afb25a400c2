# SPDX-License-Identifier: MIT
"""What a compiled ESPHome node survives: restarts, power cuts, a second copy of itself; and what it never says."""

import re
import stat
from pathlib import Path

import pytest

from conftest import COMPILED_KEY, MakeDevice
from device import Device
from lab import Lab
from leaks import find_leaks
from planes import Plane, TestControl
from process import Process
from waiting import Stopwatch, wait_for

# What a process may need to end: the node's own two seconds, and a moment.
STOP_SECONDS = 3


async def test_restart_without_auth_key_is_the_same_node(plane: Plane, online: Device) -> None:
    address, known = await online.wait("ipv4", bool), plane.node(online.name)
    plane.forget_auth_key()
    await online.restart()
    await online.wait_online()
    assert await online.wait("ipv4", bool) == address
    assert [(node.machine_key, node.node_key) for node in plane.nodes()] == [(known.machine_key, known.node_key)]


@pytest.mark.parametrize("remains", [b"", b"\x01\x02\x03\x04\xff" + bytes(17)], ids=["emptied", "torn"])
async def test_power_cut_while_preferences_are_written_keeps_the_identity(
    testcontrol: TestControl, make_device: MakeDevice, program: Path, remains: bytes
) -> None:
    device = await make_device(program).start()
    await device.join(testcontrol.auth_key())
    known = testcontrol.node(device.name)
    testcontrol.forget_auth_key()
    await device.disconnect()
    device.kill()
    # ESPHome empties this file and writes it anew at each sync.
    (device.preferences / f"{device.name}.prefs").write_bytes(remains)
    (device.identity / ".node-key.tmp").write_bytes(b"half of a")
    await device.start()
    await device.wait_online()
    assert [(node.machine_key, node.node_key) for node in testcontrol.nodes()] == [(known.machine_key, known.node_key)]


async def test_identity_is_readable_by_its_owner_only(plane: Plane, online: Device) -> None:
    assert plane.node(online.name)
    paths = [online.identity, *online.identity.rglob("*")]
    assert len(paths) > 2
    assert not {path: oct(path.stat().st_mode) for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077}


async def test_nothing_secret_is_printed(plane: Plane, online: Device) -> None:
    secrets = online.secrets()
    plane.forget_auth_key()
    plane.cut()
    await online.wait("connected", wanted=False)
    plane.restore()
    await online.wait_online(40)
    await online.restart()
    await online.wait_online()
    output = online.output()
    assert "microlink.control" in output, "the core's log is not there to be looked at"
    assert find_leaks(output, {**secrets, **online.secrets()}) == []


@pytest.mark.control("-auth-key", COMPILED_KEY)
async def test_key_from_yaml_lets_it_in_and_is_not_printed(
    plane: Plane, make_device: MakeDevice, keyed: tuple[Path, str]
) -> None:
    program, key = keyed
    device = await make_device(program).start()
    await device.wait_online()
    assert plane.node(device.name).online
    assert "Auth key: [...]" in device.output()
    assert find_leaks(device.output(), {**device.secrets(), "auth key": key.encode()}) == []


async def test_main_loop_is_never_held_up(plane: Plane, online: Device) -> None:
    plane.cut()
    await online.wait("connected", wanted=False)
    plane.restore()
    await online.wait_online(40)
    # ESPHome's own watch over its components.
    assert not re.findall(r"microlink took a long time.*", online.output())


@pytest.mark.usefixtures("plane")
async def test_ends_in_time_while_online(online: Device) -> None:
    await online.disconnect()
    watch = Stopwatch()
    assert online.stop() == 0
    assert watch.lap("stop while online") < STOP_SECONDS


async def test_ends_in_time_without_control(make_device: MakeDevice, program: Path) -> None:
    device = await make_device(program).start()
    await device.wait("state", "starting")
    await device.disconnect()
    watch = Stopwatch()
    assert device.stop() == 0
    assert watch.lap("stop while starting") < STOP_SECONDS


async def test_second_copy_leaves_the_identity_alone(lab: Lab, make_device: MakeDevice, program: Path) -> None:
    device = await make_device(program).start()
    second = lab.adopt(Process(lab.enter("b"), "second", lab.directory / "second"))
    second.spawn([program], {"HOME": str(device.directory)})
    wait_for("the refusal", lambda: "is in use by another process" in second.output())
    assert "The node cannot start" in second.output()
    assert second.running(), "the rest of the device goes on"
    assert await device.answers()
