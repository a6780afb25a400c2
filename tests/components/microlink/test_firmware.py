# SPDX-License-Identifier: MIT
"""What `microlink:` changes in a chip's firmware: the options listed here, and no others."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from esphome_command import HERE, ROOT, esphome

CONFIGURATIONS = sorted(HERE.glob("test.esp32*.yaml"))

# The certificate bundle, and TLS with it: ESPHome writes these when a component asks for them.
BUNDLE = {
    "CONFIG_MBEDTLS_CERTIFICATE_BUNDLE": "y",
    "CONFIG_MBEDTLS_CERTIFICATE_BUNDLE_DEFAULT_CMN": "y",
    "CONFIG_MBEDTLS_CERTIFICATE_BUNDLE_DEFAULT_FULL": "n",
}
CLIENT_ONLY = {"CONFIG_MBEDTLS_TLS_CLIENT_ONLY": "y", "CONFIG_MBEDTLS_TLS_SERVER_AND_CLIENT": "n"}
# What ESPHome takes away as long as nobody wants TLS; gone from the list means that it stays as ESP-IDF has it.
WITHOUT_TLS = {
    "CONFIG_MBEDTLS_TLS_DISABLED",
    "CONFIG_ESP_WIFI_ENTERPRISE_SUPPORT",
    "CONFIG_MBEDTLS_ECP_C",
    "CONFIG_MBEDTLS_PEM_WRITE_C",
    "CONFIG_MBEDTLS_X509_CRL_PARSE_C",
    "CONFIG_MBEDTLS_X509_CSR_PARSE_C",
}
CAPACITY_HEADER = "esphome_components/microlink/core/include/microlink/capacity.h"
SOCKETS = "CONFIG_LWIP_MAX_SOCKETS"
SPARE_SOCKETS = 10
NODE_SOCKETS = 8
OWN = {"CONFIG_LWIP_HOOK_IP6_ROUTE_DEFAULT": "y", "CONFIG_MBEDTLS_X509_TRUSTED_CERT_CALLBACK": "y"}


def options(config: Path, data: Path) -> dict[str, str]:
    """Give the options that ESPHome writes for a configuration."""
    status, said = esphome("compile", config, "--only-generate", data=data)
    assert status == 0, said
    (written,) = data.glob("build/*/sdkconfig.*.esphomeinternal")
    return dict(re.findall(r"^(CONFIG_\w+)=(.*)$", written.read_text(), re.MULTILINE))


def without_microlink(config: Path, folder: Path) -> Path:
    """Write the same configuration without the component."""
    text = config.read_text().replace("packages:\n  common: !include common.yaml\n", "")
    known = yaml.safe_load(text)
    known.pop("microlink", None)
    common = yaml.safe_load((HERE / "common.yaml").read_text().partition("\nexternal_components:")[0])
    plain = {**common, **known, "substitutions": {**common["substitutions"], **known.get("substitutions", {})}}
    out = folder / f"without-{config.name}"
    out.write_text(yaml.safe_dump(plain))
    return out


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=lambda path: path.name)
def test_only_the_listed_options_change(config: Path, tmp_path: Path) -> None:
    plain = options(without_microlink(config, tmp_path), tmp_path / "plain")
    own = options(config, tmp_path / "own")
    # As many as the node needs, or fewer: ESPHome has some to spare.
    assert 0 <= int(own.pop(SOCKETS, SPARE_SOCKETS)) - int(plain.pop(SOCKETS, SPARE_SOCKETS)) <= NODE_SOCKETS
    changed = {name: value for name, value in own.items() if plain.get(name) != value}
    # Under Arduino TLS is there anyway.
    assert changed == {**BUNDLE, **OWN, **({} if "-ard" in config.name else CLIENT_ONLY)}
    assert plain.keys() - own.keys() <= WITHOUT_TLS


def test_a_user_s_own_option_wins(tmp_path: Path) -> None:
    (config,) = (path for path in CONFIGURATIONS if "esp32c3" in path.name)
    own = tmp_path / config.name
    text = config.read_text().replace("common.yaml", str(HERE / "common.yaml"))
    own.write_text(
        text.replace(
            "    type: esp-idf\n",
            "    type: esp-idf\n    sdkconfig_options:\n      CONFIG_LWIP_HOOK_IP6_ROUTE_DEFAULT: n\n"
            "      CONFIG_LWIP_MAX_SOCKETS: '21'\n",
        )
    )
    written = options(own, tmp_path / "data")
    assert written["CONFIG_LWIP_HOOK_IP6_ROUTE_DEFAULT"] == "n"
    assert written["CONFIG_LWIP_MAX_SOCKETS"] == "21"


def test_sockets_are_counted_in(tmp_path: Path) -> None:
    text = (HERE / "test.esp32c3-idf.yaml").read_text().replace("common.yaml", str(HERE / "common.yaml"))
    config = tmp_path / "test.esp32c3-idf.yaml"
    config.write_text(f"{text}\napi:\nweb_server:\n")
    # 5 TCP and 3 UDP of the node's besides those of the two servers: more than ESPHome's 10 at least.
    assert int(options(config, tmp_path / "data")["CONFIG_LWIP_MAX_SOCKETS"]) >= 5 + 3 + 10


def test_capacities_hold_for_the_whole_firmware(tmp_path: Path) -> None:
    status, said = esphome("compile", HERE / "test.esp32p4-idf.yaml", "--only-generate", data=tmp_path)
    assert status == 0, said
    (lists,) = tmp_path.glob("build/*/CMakeLists.txt")
    flags = dict(re.findall(r"-DMICROLINK_(\w+)=(\d+)", lists.read_text()))
    assert flags == {
        "MAX_PEERS": "32",
        "MAX_HANDSHAKES": "8",
        "MAX_RETURN_FLOWS": "64",
        "MAX_DERP_REGIONS": "16",
        "PACKET_QUEUE_BYTES": "16384",
        "DERP_DATA_QUEUE_BYTES": "8192",
        "DERP_DISCO_QUEUE_BYTES": "1024",
    }
    # Every one of them, and no other.
    known = re.findall(r"#define MICROLINK_(\w+) ", (ROOT / CAPACITY_HEADER).read_text())
    assert set(known) == flags.keys()
    (main,) = tmp_path.glob("build/*/src/main.cpp")
    assert "tailnet->node().set_use_psram(true);" in main.read_text()


def test_randomness_is_gathered_before_anything_is_set_up(tmp_path: Path) -> None:
    """Radio, ADC and I2S share hardware with its source: they are started by App.setup()."""
    status, said = esphome("compile", HERE / "test.esp32p4-idf.yaml", "--only-generate", data=tmp_path)
    assert status == 0, said
    (main,) = tmp_path.glob("build/*/src/main.cpp")
    before, _, _ = main.read_text().partition("App.setup();")
    assert "tailnet->node().gather_entropy();" in before


def test_psram_is_used_only_where_there_is_some(tmp_path: Path) -> None:
    text = (HERE / "test.esp32c3-idf.yaml").read_text().replace("common.yaml", str(HERE / "common.yaml"))
    config = tmp_path / "no-psram.yaml"
    config.write_text(f"{text}\nmicrolink:\n  use_psram: true\n")
    status, said = esphome("config", config, data=tmp_path)
    assert status != 0
    assert "add it, or remove 'use_psram'" in said


def library_compiled(chip: str, folder: Path) -> dict[str, str]:
    """Let CMake read what ESPHome wrote of the library's options; give commands of the library and of who uses it."""
    status, said = esphome("compile", HERE / f"test.{chip}-idf.yaml", "--only-generate", data=folder / "data")
    assert status == 0, said
    (written,) = (folder / "data").glob("pio_components/idf/*/microlink-core/CMakeLists.txt")
    _, options_of_it = written.read_text().split(")\n", 1)
    (folder / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.22)\nproject(user CXX)\nset(COMPONENT_LIB __idf_microlink-core)\n"
        f"add_library(${{COMPONENT_LIB}} STATIC library.cpp)\n{options_of_it}"
        "add_library(user STATIC user.cpp)\ntarget_link_libraries(user PRIVATE ${COMPONENT_LIB})\n"
    )
    (folder / "library.cpp").touch()
    (folder / "user.cpp").touch()
    command: list[str | Path] = ["cmake", "-S", folder, "-B", folder / "build", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    commands = json.loads((folder / "build/compile_commands.json").read_text())
    return {Path(each["file"]).stem: each["command"] for each in commands}


@pytest.mark.parametrize("chip", ["esp32", "esp32s3", "esp32c3", "esp32c6", "esp32p4"])
def test_options_for_the_processor_stay_in_the_library(chip: str, tmp_path: Path) -> None:
    commands = library_compiled(chip, tmp_path)
    assert ("-msave-restore" in commands["library"]) == (chip not in {"esp32", "esp32s3"})
    assert "$<" not in commands["library"]
    assert "-ffunction-sections" in commands["user"], "other options do reach it"
    assert "-msave-restore" not in commands["user"]
