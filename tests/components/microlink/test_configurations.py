# SPDX-License-Identifier: MIT
"""Every configuration of the project is valid, and code is generated from it."""

import shutil
from pathlib import Path

import pytest
import yaml
from esphome_command import HERE, ROOT, esphome

CONFIGURATIONS = sorted({*HERE.glob("test.*.yaml"), *HERE.glob("validate-*.yaml")})
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
SECRETS = """
wifi_ssid: example
wifi_password: example-password
api_key: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give the test a copy of the repository's configurations with a secrets.yaml, beside the real component."""
    for name in ("examples", "packages"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns(".esphome", "secrets.yaml"))
        (tmp_path / name / "secrets.yaml").write_text(SECRETS)
    (tmp_path / "esphome_components").symlink_to(ROOT / "esphome_components")
    return tmp_path


def test_there_is_a_configuration_for_each_platform() -> None:
    platforms = {"host", "esp32-idf", "esp32-ard", "esp32s3-idf", "esp32c3-idf", "esp32c6-idf", "esp32p4-idf"}
    assert platforms == {path.name.split(".")[1] for path in CONFIGURATIONS if path.name.startswith("test.")}
    assert {"host", "esp32", "esp32s3", "esp32c3", "esp32c6", "esp32p4"} == {path.stem for path in EXAMPLES}


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=lambda path: path.name)
def test_configuration_is_valid(config: Path, tmp_path: Path) -> None:
    status, said = esphome("config", config, data=tmp_path)
    assert status == 0, said
    assert "WARNING" not in said


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example_is_valid(example: Path, tree: Path) -> None:
    status, said = esphome("config", tree / "examples" / example.name, data=tree / "data")
    assert status == 0, said
    assert "WARNING" not in said
    for entity in ("Tailnet connected", "Tailnet IPv4 address", "Tailnet state", "Tailnet login URL"):
        assert entity in said


@pytest.mark.parametrize("example", [path for path in EXAMPLES if path.stem != "host"], ids=lambda path: path.name)
def test_example_has_ipv6(example: Path, tree: Path) -> None:
    """The tailnet has; ESPHome leaves it out of a chip's firmware unless it is asked for."""
    status, said = esphome("compile", tree / "examples" / example.name, "--only-generate", data=tree / "data")
    assert status == 0, said
    (options,) = (tree / "data").glob("build/*/sdkconfig.*.esphomeinternal")
    assert "CONFIG_LWIP_IPV6=y\n" in options.read_text()


def test_package_for_users_is_valid_and_leads_to_the_component(tree: Path) -> None:
    package = tree / "packages" / "microlink.yaml"
    text = package.read_text()
    source = yaml.safe_load(text.partition("\npackages:")[0])["external_components"][0]["source"]
    assert (ROOT / source["path"] / "microlink" / "__init__.py").is_file()
    # The same without the network: the folder itself instead of its clone.
    local = (
        text[: text.index("  - source:")] + "  - source: ../esphome_components\n" + text[text.index("\nmicrolink:") :]
    )
    package.write_text(local)
    user = tree / "examples" / "user.yaml"
    user.write_text("esphome: {name: user}\nhost:\npackages: {microlink: !include ../packages/microlink.yaml}\n")
    status, said = esphome("config", user, data=tree / "data")
    assert status == 0, said
    assert "Tailnet connected" in said
    assert "enable_ipv6: true" in said


def test_rollback_is_as_the_manual_has_it() -> None:
    text = (HERE / "validate-rollback.esp32.yaml").read_text()
    _, mark, shown = text.partition("# From here on as in docs/esphome.md.\n")
    assert mark
    assert f"```yaml\n{shown}```\n" in (ROOT / "docs/esphome.md").read_text()


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=lambda path: path.name)
def test_code_is_generated(config: Path, tmp_path: Path) -> None:
    status, said = esphome("compile", config, "--only-generate", data=tmp_path)
    assert status == 0, said
    (main,) = tmp_path.glob("build/*/src/main.cpp")
    generated = main.read_text()
    assert "new(" in generated
    assert "set_control_url(" in generated
    if config.name.startswith("test."):
        for setter in (
            "control_key",
            "ca_certificates",
            "initial_auth_key",
            "initial_allowed_peers",
            "priority_peers",
            "hostname",
            "listen_port",
        ):
            assert f"tailnet->set_{setter}(" in generated
        for sensor in ("connected_binary", "ipv4_text", "ipv6_text", "state_text", "login_url_text"):
            assert f"tailnet->set_{sensor}_sensor(" in generated


def test_tailnet_reaches_the_ports_of_esphome_and_those_that_are_listed(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    text = (HERE / "validate-minimal.host.yaml").read_text().replace("../../../", f"{ROOT}/")
    config.write_text(
        text.replace("\nmicrolink:\n", "\nmicrolink:\n  serve_ports: [7007, 80]\n") + "\napi: {port: 6060}\n"
        "ota: [{platform: esphome, port: 8082}]\n"
    )
    status, said = esphome("compile", config, "--only-generate", data=tmp_path / "data")
    assert status == 0, said
    (main,) = tmp_path.glob("data/build/*/src/main.cpp")
    assert "set_served_ports({80, 6060, 7007, 8082})" in main.read_text()


def test_only_certificates_are_embedded(tmp_path: Path) -> None:
    """What openssl prints in clear above a certificate has no business in a firmware."""
    (tmp_path / "ca.pem").write_text("Certificate: in words\n" + (HERE / "ca.pem").read_text())
    config = tmp_path / "config.yaml"
    text = (HERE / "validate-minimal.host.yaml").read_text().replace("../../../", f"{ROOT}/")
    config.write_text(text.replace("\nmicrolink:\n", "\nmicrolink:\n  ca_certificate: ca.pem\n"))
    status, said = esphome("compile", config, "--only-generate", data=tmp_path / "data")
    assert status == 0, said
    (main,) = tmp_path.glob("data/build/*/src/main.cpp")
    line = next(line for line in main.read_text().splitlines() if "set_ca_certificates(" in line)
    assert "BEGIN CERTIFICATE" in line
    assert "in words" not in line
