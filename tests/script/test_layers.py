# SPDX-License-Identifier: MIT
"""script/layers finds what it is there to find."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "esphome_components/microlink/core"


@pytest.fixture
def core(tmp_path: Path) -> Path:
    """A core with the real rules and no sources."""
    (tmp_path / "layers.toml").write_text((CORE / "layers.toml").read_text().partition("[forbidden.exceptions]")[0])
    with (tmp_path / "layers.toml").open("a") as rules:
        rules.write("[forbidden.exceptions]\n")
    for module in ("base", "crypto", "disco", "stun", "tls", "port"):
        (tmp_path / "src/microlink" / module).mkdir(parents=True)
    return tmp_path


def verdict(core: Path) -> tuple[int, str]:
    """Exit status and output of the check."""
    done = subprocess.run(
        [sys.executable, ROOT / "script/layers", core], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout


def test_an_empty_core_holds(core: Path) -> None:
    assert verdict(core) == (0, "layers hold\n")


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("base", '#include "microlink/crypto/aead.h"'),
        ("stun", '#include "microlink/disco/message.h"'),
        ("crypto", "#include <unistd.h>"),
        ("crypto", "#include <sys/socket.h>"),
        ("crypto", "#include <esp_random.h>"),
        ("disco", "#include <sodium.h>"),
        ("disco", "#include <mbedtls/ssl.h>"),
        ("base", "#include <vector>"),
        ("base", "std::string name;"),
        ("base", "volatile int count;"),
        ("base", "std::mutex lock;"),
        ("base", "std::atomic<int> count;"),
        ("base", "auto *p = new Peer();"),
        ("base", "void *p = malloc(3);"),
        ("base", "throw 3;"),
        ("unknown", "int x;"),
    ],
)
def test_finds_a_breach(core: Path, module: str, line: str) -> None:
    (core / "src/microlink" / module).mkdir(exist_ok=True)
    (core / f"src/microlink/{module}/a.h").write_text(f"// first line\n{line}\n")
    status, text = verdict(core)
    assert status == 1
    assert text.startswith(f"src/microlink/{module}/a.h:")
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("disco", '#include "microlink/crypto/box.h"'),
        ("disco", '#include "microlink/disco/message.h"'),
        ("crypto", "#include <sodium.h>"),
        ("tls", "#include <mbedtls/ssl.h>"),
        ("port", "#include <sys/socket.h>"),
        ("port", "std::vector<std::mutex> locks;"),
        ("base", "std::string_view name;"),
        ("base", "// a std::vector would be new here"),
        ("base", '/* std::mutex\n std::mutex */ const char *text = "std::vector x; // new Peer";'),
        ("base", "const int renewed = 3;"),
        ("base", "#include <cstddef>"),
        ("base", "new (&storage) Peer();"),
    ],
)
def test_leaves_alone_what_is_allowed(core: Path, module: str, line: str) -> None:
    (core / f"src/microlink/{module}/a.h").write_text(f"{line}\n")
    assert verdict(core) == (0, "layers hold\n")


def test_an_exception_must_name_a_file(core: Path) -> None:
    with (core / "layers.toml").open("a") as rules:
        rules.write('"base/gone.h" = ["vector"]\n')
    assert verdict(core)[0] == 1
