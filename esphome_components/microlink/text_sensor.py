# SPDX-License-Identifier: MIT
"""Addresses in the tailnet, the node's state, and the URL that somebody must open to let it in."""

import logging

import esphome.codegen as cg
import esphome.config_validation as cv
import esphome.final_validate as fv
from esphome.components import text_sensor
from esphome.const import CONF_STATE, ENTITY_CATEGORY_DIAGNOSTIC
from esphome.core import CORE
from esphome.types import ConfigType

from . import CONF_MICROLINK_ID, MicroLink
from .esp32_firmware import has_ipv6

DEPENDENCIES = ["microlink"]

CONF_IPV4 = "ipv4"
CONF_IPV6 = "ipv6"
CONF_LOGIN_URL = "login_url"

_LOGGER = logging.getLogger(__name__)

_SENSOR = text_sensor.text_sensor_schema(entity_category=ENTITY_CATEGORY_DIAGNOSTIC)

CONFIG_SCHEMA = cv.Schema(
    {
        cv.GenerateID(CONF_MICROLINK_ID): cv.use_id(MicroLink),
        cv.Optional(CONF_IPV4): _SENSOR,
        cv.Optional(CONF_IPV6): _SENSOR,
        # One of the core's states, e.g. "online" or "needs-login".
        cv.Optional(CONF_STATE): _SENSOR,
        # Empty when nobody has to log in.
        cv.Optional(CONF_LOGIN_URL): _SENSOR,
    }
)


def _warn_of_an_address_that_never_comes(config: ConfigType) -> None:
    if CONF_IPV6 in config and CORE.is_esp32 and not has_ipv6(fv.full_config.get()):
        _LOGGER.warning(
            "'%s' will stay unknown: this firmware has no IPv6, and the node takes none in the tailnet either. "
            "Add 'network: {enable_ipv6: true}', or remove the sensor",
            CONF_IPV6,
        )


FINAL_VALIDATE_SCHEMA = _warn_of_an_address_that_never_comes


async def to_code(config: ConfigType) -> None:
    """Give the hub its sensors."""
    hub = await cg.get_variable(config[CONF_MICROLINK_ID])
    text_sensors = text_sensor.sub_text_sensors(config)
    await text_sensors(CONF_IPV4, hub.set_ipv4_text_sensor)
    await text_sensors(CONF_IPV6, hub.set_ipv6_text_sensor)
    await text_sensors(CONF_STATE, hub.set_state_text_sensor)
    await text_sensors(CONF_LOGIN_URL, hub.set_login_url_text_sensor)
