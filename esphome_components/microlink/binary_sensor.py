# SPDX-License-Identifier: MIT
"""Whether the node is on its tailnet."""

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome.components import binary_sensor
from esphome.const import DEVICE_CLASS_CONNECTIVITY, ENTITY_CATEGORY_DIAGNOSTIC
from esphome.types import ConfigType

from . import CONF_MICROLINK_ID, MicroLink

DEPENDENCIES = ["microlink"]

CONF_CONNECTED = "connected"

CONFIG_SCHEMA = cv.Schema(
    {
        cv.GenerateID(CONF_MICROLINK_ID): cv.use_id(MicroLink),
        # On while control and the home relay are both connected.
        cv.Optional(CONF_CONNECTED): binary_sensor.binary_sensor_schema(
            device_class=DEVICE_CLASS_CONNECTIVITY, entity_category=ENTITY_CATEGORY_DIAGNOSTIC
        ),
    }
)


async def to_code(config: ConfigType) -> None:
    """Give the hub its sensor."""
    hub = await cg.get_variable(config[CONF_MICROLINK_ID])
    binary_sensors = binary_sensor.sub_binary_sensors(config)
    await binary_sensors(CONF_CONNECTED, hub.set_connected_binary_sensor)
