# SPDX-License-Identifier: MIT
"""The device as a node of a tailnet: Tailscale, Headscale, or the server that MicroLink for Home Assistant brings."""

from pathlib import Path

import esphome.codegen as cg
import esphome.config_validation as cv
import esphome.final_validate as fv
from esphome import automation
from esphome.components import socket
from esphome.const import CONF_ADVANCED, CONF_ID, PLATFORM_ESP32, PLATFORM_HOST
from esphome.core import CORE
from esphome.types import ConfigType

from . import esp32_firmware, host_libraries
from .allowed_peers import (
    ALLOWED_PEERS,
    CONF_ALLOWED_PEERS,
    CONF_PRIORITY_PEERS,
    LIST_OF_PEERS,
    PRIORITY_PEERS,
)
from .capacities import ADVANCED, CONF_MAX_PEERS, MAX_PEERS, build_flags
from .served_ports import CONF_SERVE_PORTS, SERVE_PORTS, served_ports
from .validation import AUTH_KEY, CA_CERTIFICATE, CONTROL_KEY, CONTROL_URL, HOSTNAME, read_certificates

CODEOWNERS = ["@microlink-ha"]
DEPENDENCIES = ["network"]
DOMAIN = "microlink"

CONF_AUTH_KEY = "auth_key"
CONF_CA_CERTIFICATE = "ca_certificate"
CONF_CONTROL_KEY = "control_key"
CONF_CONTROL_URL = "control_url"
CONF_HOSTNAME = "hostname"
CONF_LISTEN_PORT = "listen_port"
CONF_MICROLINK_ID = "microlink_id"
CONF_RELAY_ONLY = "relay_only"
CONF_USE_PSRAM = "use_psram"

DEFAULT_CONTROL_URL = "https://controlplane.tailscale.com"
# As many as the core may have open at once (MAX_STREAMS in ports.h), one UDP socket for each address family, and one
# that wakes the node's task.
TCP_SOCKETS = 5
UDP_SOCKETS = 3

CORE_DIRECTORY = Path(__file__).resolve().parent / "core"

# The core owns the namespace `microlink`.
microlink_ns = cg.esphome_ns.namespace("microlink_")
MicroLink = microlink_ns.class_("MicroLink", cg.Component)


def _port_needs_udp(config: ConfigType) -> ConfigType:
    if config[CONF_RELAY_ONLY] and CONF_LISTEN_PORT in config:
        msg = f"'{CONF_LISTEN_PORT}' has no use with '{CONF_RELAY_ONLY}', which opens no UDP port: remove one of them"
        raise cv.Invalid(msg, path=[CONF_LISTEN_PORT])
    return config


CONFIG_SCHEMA = cv.All(
    cv.Schema(
        {
            cv.GenerateID(): cv.declare_id(MicroLink),
            # Who runs the tailnet.
            cv.Optional(CONF_CONTROL_URL, default=DEFAULT_CONTROL_URL): CONTROL_URL,
            # Its key; without it the key is fetched over verified HTTPS. It is public, but ESPHome hides whatever ends
            # in "_key", and wants to be told so.
            cv.Optional(CONF_CONTROL_KEY): cv.sensitive(CONTROL_KEY),
            # A private authority's certificate, trusted besides the public ones.
            cv.Optional(CONF_CA_CERTIFICATE): CA_CERTIFICATE,
            # Lets the node in at its first start. Without it somebody opens the login URL.
            cv.Optional(CONF_AUTH_KEY): cv.sensitive(AUTH_KEY),
            # Who may talk with the node at all, before the tailnet's rules. Default: everybody whom these let in.
            cv.Optional(CONF_ALLOWED_PEERS): ALLOWED_PEERS,
            # Who keeps a place in the table of peers, whoever else comes.
            cv.Optional(CONF_PRIORITY_PEERS): PRIORITY_PEERS,
            # Default: the device's own name.
            cv.Optional(CONF_HOSTNAME): HOSTNAME,
            # A fixed UDP port, for a router that forwards it. Default: any.
            cv.Optional(CONF_LISTEN_PORT): cv.port,
            # Never use UDP: all traffic goes through the relay.
            cv.Optional(CONF_RELAY_ONLY, default=False): cv.boolean,
            # Places in the table of peers. Default: what the core is made for.
            cv.Optional(CONF_MAX_PEERS): MAX_PEERS,
            # The core's other capacities.
            cv.Optional(CONF_ADVANCED): ADVANCED,
            # ESP32: the node's memory comes from PSRAM instead of the internal one.
            cv.Optional(CONF_USE_PSRAM, default=False): cv.boolean,
            # Linux: further ports of the machine that the tailnet reaches, besides those of ESPHome's own servers.
            cv.Optional(CONF_SERVE_PORTS): SERVE_PORTS,
        }
    ).extend(cv.COMPONENT_SCHEMA),
    cv.only_on([PLATFORM_ESP32, PLATFORM_HOST]),
    _port_needs_udp,
    socket.consume_sockets(TCP_SOCKETS, DOMAIN),
    socket.consume_sockets(UDP_SOCKETS, DOMAIN, socket.SocketType.UDP),
)


def _fits_the_rest(config: ConfigType) -> None:
    full_config = fv.full_config.get()
    if CORE.is_host:
        served_ports(config, full_config)
    if config[CONF_USE_PSRAM] and not esp32_firmware.has_psram(full_config):
        msg = f"'{CONF_USE_PSRAM}' needs 'psram:' in the configuration: add it, or remove '{CONF_USE_PSRAM}'"
        raise cv.Invalid(msg, path=[CONF_USE_PSRAM])


FINAL_VALIDATE_SCHEMA = _fits_the_rest


# The list as one text: entries apart by blanks or commas, "*" for everybody, empty for nobody.
automation.register_apply_action(
    "microlink.set_allowed_peers",
    cv.Schema(
        {
            cv.GenerateID(): cv.use_id(MicroLink),
            cv.Required(CONF_ALLOWED_PEERS): cv.templatable(LIST_OF_PEERS),
        }
    ),
    automation.ApplyField(CONF_ALLOWED_PEERS, "set_allowed_peers", cg.std_string),
)


async def to_code(config: ConfigType) -> None:
    """Generate the hub, and bring the core in where a port of it exists."""
    var = cg.new_Pvariable(config[CONF_ID])
    await cg.register_component(var, config)
    cg.add(var.set_control_url(config[CONF_CONTROL_URL]))
    for key, setter in (
        (CONF_CONTROL_KEY, var.set_control_key),
        (CONF_AUTH_KEY, var.set_initial_auth_key),
        (CONF_HOSTNAME, var.set_hostname),
        (CONF_LISTEN_PORT, var.set_listen_port),
    ):
        if key in config:
            cg.add(setter(config[key]))
    if CONF_CA_CERTIFICATE in config:
        cg.add(var.set_ca_certificates(read_certificates(config[CONF_CA_CERTIFICATE])))
    if CONF_ALLOWED_PEERS in config:
        cg.add(var.set_initial_allowed_peers(" ".join(config[CONF_ALLOWED_PEERS])))
    if CONF_PRIORITY_PEERS in config:
        cg.add(var.set_priority_peers(" ".join(config[CONF_PRIORITY_PEERS])))
    if config[CONF_RELAY_ONLY]:
        cg.add(var.set_relay_only(True))
    _add_core(var, config)


def _add_core(var: cg.MockObj, config: ConfigType) -> None:
    """Bring the core in, with what it needs on this platform."""
    cg.add_library("microlink-core", None, CORE_DIRECTORY.as_uri())
    for flag in build_flags(config):
        cg.add_build_flag(flag)
    if CORE.is_esp32:
        esp32_firmware.configure()
        cg.add(var.node().gather_entropy())
        if config[CONF_USE_PSRAM]:
            cg.add(var.node().set_use_psram(True))
    if CORE.is_host:
        cg.add(var.node().set_served_ports(served_ports(config, CORE.config)))
        for flag in host_libraries.build_flags(CORE_DIRECTORY):
            cg.add_build_flag(flag)
