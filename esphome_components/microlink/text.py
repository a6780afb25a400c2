# SPDX-License-Identifier: MIT
"""The list of allowed peers as a text that can be edited."""

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome.components import text
from esphome.const import ENTITY_CATEGORY_CONFIG
from esphome.types import ConfigType

from . import CONF_MICROLINK_ID, MicroLink, microlink_ns
from .allowed_peers import CONF_ALLOWED_PEERS

DEPENDENCIES = ["microlink"]

AllowedPeersText = microlink_ns.class_("AllowedPeersText", text.Text, cg.Parented.template(MicroLink))

CONFIG_SCHEMA = cv.Schema(
    {
        cv.GenerateID(CONF_MICROLINK_ID): cv.use_id(MicroLink),
        # "*" is everybody, an empty text nobody.
        cv.Optional(CONF_ALLOWED_PEERS): text.text_schema(
            AllowedPeersText, entity_category=ENTITY_CATEGORY_CONFIG, icon="mdi:shield-account", mode="TEXT"
        ),
    }
)


async def to_code(config: ConfigType) -> None:
    """Give the hub its text."""
    hub = await cg.get_variable(config[CONF_MICROLINK_ID])
    if CONF_ALLOWED_PEERS in config:
        var = await text.new_text(config[CONF_ALLOWED_PEERS])
        await cg.register_parented(var, hub)
        cg.add(hub.set_allowed_peers_text(var))
