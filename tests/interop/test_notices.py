# SPDX-License-Identifier: MIT
"""What control says to the person is shown, and not longer than control means it."""

from nodes import Online
from planes import TestControl
from waiting import wait_for


def test_message_of_control_is_shown(testcontrol: TestControl, online: Online) -> None:
    node = online("a")
    testcontrol.send(testcontrol.node("microlink"), {"Health": ["the admin says hello"]})
    wait_for("message in the status", lambda: "the admin says hello" in (node.status()["message"] or ""))


def test_display_message_of_control_is_shown_until_control_takes_it_back(
    testcontrol: TestControl, online: Online
) -> None:
    node = online("a")
    record = testcontrol.node("microlink")
    testcontrol.send(record, {"DisplayMessages": {"update": {"Title": "Update", "Text": "a new version is out"}}})
    wait_for("the message", lambda: node.status()["message"] == "Update: a new version is out")
    testcontrol.send(record, {"DisplayMessages": {"other": None}})
    testcontrol.send(record, {"PopBrowserURL": "no URL at all", "Domain": "read.example"})
    wait_for("that was read", lambda: node.status()["domain"] == "read.example")
    assert node.status()["message"] == "Update: a new version is out"
    testcontrol.send(record, {"DisplayMessages": {"update": None}})
    wait_for("it is over", lambda: node.status()["message"] is None)


def test_page_that_control_wants_opened_is_shown_and_nothing_else_changes(
    testcontrol: TestControl, online: Online
) -> None:
    node = online("a")
    page = "https://login.example/a/0123456789"
    testcontrol.send(testcontrol.node("microlink"), {"PopBrowserURL": page})
    status = wait_for("the page", lambda: (s := node.status())["login_url"] == page and s)
    assert page in status["message"]
    assert status["state"] == "online"
    assert f"asks you to open {page}" in node.output()
    testcontrol.cut()
    testcontrol.restore()
    wait_for("the next stream", lambda: (s := node.status())["control"] == "streaming" and not s["login_url"], 30)
