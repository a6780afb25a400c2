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
    hosts: dict[str, str] = {}

    def host(address: str) -> str:
        """Return a name for an address, of which an IPv6 one may stand before a port."""
        name = f"host-{len(hosts)}"
        hosts[name] = f"{address}/{128 if ':' in address else 32}"
        return name

    acls: list[dict[str, Any]] = [
        {
            "action": "accept",
            "src": ["*"] if source == "*" else [host(address) for address in plane.node(source).addresses],
            "dst": [f"{host(address)}:{port}" for address in targets],
        }
        for source, targets, port in rules
    ]
    file = plane.directory / "policy.json"
    file.write_text(json.dumps({"hosts": hosts, "acls": acls}))
    plane.command("policy", "set", "-f", str(file))
