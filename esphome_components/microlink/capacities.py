# SPDX-License-Identifier: MIT
"""How much room the core has: capacities that a user may change, each with its macro (microlink/capacity.h)."""

import esphome.config_validation as cv
from esphome.const import CONF_ADVANCED
from esphome.types import ConfigType

CONF_MAX_PEERS = "max_peers"

# Limits: at least one packet of full length fits; at most what a chip can spare.
_FULL_PACKET = 1408
_ADVANCED = {
    "max_handshakes": ("MICROLINK_MAX_HANDSHAKES", cv.int_range(min=1, max=32)),
    # Kept in sets of 32.
    "max_return_flows": ("MICROLINK_MAX_RETURN_FLOWS", cv.one_of(32, 64, 128, 256, 512, int=True)),
    "max_derp_regions": ("MICROLINK_MAX_DERP_REGIONS", cv.int_range(min=1, max=16)),
    "packet_queue_size": ("MICROLINK_PACKET_QUEUE_BYTES", cv.int_range(min=_FULL_PACKET, max=16384)),
    "derp_data_queue_size": ("MICROLINK_DERP_DATA_QUEUE_BYTES", cv.int_range(min=_FULL_PACKET, max=16384)),
    "derp_disco_queue_size": ("MICROLINK_DERP_DISCO_QUEUE_BYTES", cv.int_range(min=256, max=4096)),
}

# Places in the table of peers; others are let in when they are needed.
MAX_PEERS = cv.int_range(min=2, max=128)
# What is left out stays as the core has it.
ADVANCED = cv.Schema({cv.Optional(name): validator for name, (_, validator) in _ADVANCED.items()})


def build_flags(config: ConfigType) -> list[str]:
    """Give the flags, which the whole program and the core must share."""
    macros = {CONF_MAX_PEERS: "MICROLINK_MAX_PEERS", **{name: macro for name, (macro, _) in _ADVANCED.items()}}
    chosen = {**config, **config.get(CONF_ADVANCED, {})}
    return [f"-D{macro}={chosen[name]}" for name, macro in macros.items() if name in chosen]
