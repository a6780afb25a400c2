# SPDX-License-Identifier: MIT
"""Ports of a Linux machine that the tailnet reaches. A chip needs no list: there the tailnet is one of its networks."""

from collections.abc import Iterator

import esphome.config_validation as cv
from esphome.const import CONF_API, CONF_OTA, CONF_PORT, CONF_WEB_SERVER
from esphome.core import CORE
from esphome.types import ConfigType

CONF_SERVE_PORTS = "serve_ports"
MAX_PORTS = 16  # LocalServices::MAX_PORTS


def SERVE_PORTS(value: object) -> list[int]:  # noqa: N802 - a validator reads like a type in a schema
    """Accept one port or a list of different ones, on Linux."""
    if not CORE.is_host:
        raise cv.Invalid(
            f"'{CONF_SERVE_PORTS}' is for 'host:' only. On a chip every port of the device is reachable at its tailnet "
            "address already: remove the option"
        )
    ports: list[int] = [cv.port(port) for port in (value if isinstance(value, list) else [value])]
    for port in ports:
        if ports.count(port) > 1:
            raise cv.Invalid(f"Port {port} stands there twice; TCP and UDP of a port are served together")
    if len(ports) > MAX_PORTS:
        raise cv.Invalid(f"{len(ports)} ports are listed; {MAX_PORTS} are possible")
    return ports


def served_ports(config: ConfigType, whole: ConfigType) -> list[int]:
    """Return the ports of the whole configuration's servers and those that are listed. Raises cv.Invalid."""
    ports = sorted({*_ports_of_servers(whole), *config.get(CONF_SERVE_PORTS, [])})
    if len(ports) > MAX_PORTS:
        message = f"{len(ports)} ports with those of ESPHome itself; {MAX_PORTS} are possible"
        raise cv.Invalid(message, path=[CONF_SERVE_PORTS])
    return ports


def _ports_of_servers(whole: ConfigType) -> Iterator[int]:
    """Whatever has a `port:` and listens: the API, the web server, OTA."""
    for name in (CONF_API, CONF_WEB_SERVER, CONF_OTA):
        blocks = whole.get(name) or []
        for block in blocks if isinstance(blocks, list) else [blocks]:
            if port := block.get(CONF_PORT):
                yield int(port)
