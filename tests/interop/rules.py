# SPDX-License-Identifier: MIT
"""The access rules of a tailnet, set on either control plane."""

import json
from typing import Any

from planes import Headscale, Plane, TestControl


def allow(plane: Plane, *rules: tuple[str, list[str], int]) -> None:
    """Set the tailnet's rules: each lets a host (or "*") reach a port of some addresses; all else is denied."""
    if isinstance(plane, TestControl):
        filters = [
            {
                "SrcIPs": ["*"] if source == "*" else list(plane.node(source).addresses),
                "DstPorts": [{"IP": address, "Ports": {"First": port, "Last": port}} for address in targets],
            }
            for source, targets, port in rules
        ]
        plane.admin("PUT", "/filter", filters)
        return
    assert isinstance(plane, Headscale)
    acls: list[dict[str, Any]] = [
        {
            "action": "accept",
            "src": ["*"] if source == "*" else [f"{plane.node(source).addresses[0]}/32"],
            "dst": [f"{targets[0]}/32:{port}"],
        }
        for source, targets, port in rules
    ]
    file = plane.directory / "policy.json"
    file.write_text(json.dumps({"acls": acls}))
    plane.command("policy", "set", "-f", str(file))
