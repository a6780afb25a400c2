# SPDX-License-Identifier: MIT
"""What the node needs of an ESP32's firmware, and nothing else: docs/esphome.md has the reason of each."""

import esphome.codegen as cg
from esphome.components import esp32, noise, ota
from esphome.const import CONF_ENABLE_IPV6
from esphome.types import ConfigType

# Unless the user or another component has decided already.
SDKCONFIG = {
    # A certificate of the user's own is read while a chain is checked, and stays text until then (ADR 0017).
    "CONFIG_MBEDTLS_X509_TRUSTED_CERT_CALLBACK": True,
    # IPv6 addresses of the tailnet are in more than one /64: lwIP asks the node which are.
    "CONFIG_LWIP_HOOK_IP6_ROUTE_DEFAULT": True,
}


def configure() -> None:
    """Ask ESPHome for the certificate bundle, TLS, libsodium, and word of updates."""
    esp32.require_certificate_bundle()
    for name, value in SDKCONFIG.items():
        esp32.set_idf_sdkconfig_default(name, value)
    _add_libsodium()
    ota.request_ota_state_listeners()


def _add_libsodium() -> None:
    """Bring libsodium in as `api: encryption:` does, so that there is one copy of it."""
    if esp32.arduino_bundles_libsodium():
        cg.add_library("esphome/libsodium", noise.LIBSODIUM_VERSION)
    else:
        esp32.add_idf_component(name="esphome/libsodium", ref=noise.LIBSODIUM_VERSION)
    cg.add_build_flag("-DHAVE_WEAK_SYMBOLS=1")
    cg.add_build_flag("-DHAVE_INLINE_ASM=1")


def has_ipv6(full_config: ConfigType) -> bool:
    """Whether the firmware's TCP/IP stack knows of IPv6: ESPHome leaves it out unless it is asked for."""
    return bool(full_config.get("network", {}).get(CONF_ENABLE_IPV6))


def has_psram(full_config: ConfigType) -> bool:
    """Whether the firmware knows of PSRAM."""
    return "psram" in full_config
