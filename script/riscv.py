# SPDX-License-Identifier: MIT
"""The core and what it is linked with, compiled for 32-bit RISC-V. Used by script/size and script/bench-rv32."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "esphome_components/microlink/core"
DEPS = ROOT / "build/deps"
MBEDTLS = DEPS / "src/mbedtls-3.6.6"
SODIUM = DEPS / "src/libsodium-1.0.18/src/libsodium"
BUILD = ROOT / "build/size"

PREFIX = "riscv64-unknown-elf-"
CHIP = ["-march=rv32imc", "-misa-spec=2.2", "-mabi=ilp32", "-Os", "-ffunction-sections", "-fdata-sections", "-DNDEBUG"]
C_HEADERS = "/usr/lib/picolibc/riscv64-unknown-elf/include"
# Debian's cross compiler comes without a C++ library. What the core takes from it are templates only, so the headers of
# the host's g++ 12 serve.
CXX_HEADERS = ["/usr/include/c++/12", "/usr/include/x86_64-linux-gnu/c++/12", C_HEADERS]
# What they ask of the host's C library and of streams, and the parts of <memory> and <atomic> that need no threads.
STAND_INS = {
    "features.h": "#define __GLIBC_PREREQ(major, minor) 0",
    "ostream": "#include <iosfwd>",
    "memory": "#include <bits/stl_algobase.h>\n#include <bits/unique_ptr.h>",
    "bits/atomic_wait.h": "",
    # For the port: a chip has them from newlib and ESP-IDF.
    "mutex": "namespace std {\nstruct mutex {\n  void lock();\n  void unlock();\n  unsigned handle;\n};\n}",
    "pthread.h": "typedef unsigned pthread_mutex_t;\ntypedef unsigned pthread_cond_t;",
}
TLS_CONFIG = f'-DMBEDTLS_USER_CONFIG_FILE="{CORE}/bench/size/mbedtls_chip_config.h"'
# ESPHome compiles the core with -msave-restore on RISC-V (core/library_options.py).
# Texts stay with the module that wrote them: the linker would give all of them to the first that has any.
CORE_FLAGS = [
    "-std=gnu++20", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-fno-merge-constants",
    "-msave-restore",
    "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror",
    f"-I{CORE}/src", f"-I{CORE}/include", "-isystem", str(MBEDTLS / "include"),
    "-isystem", str(DEPS / "m32/include"), TLS_CONFIG,
]  # fmt: skip
SODIUM_FLAGS = ["-DCONFIGURED=1", "-DNATIVE_LITTLE_ENDIAN=1", f"-I{DEPS}/m32/include/sodium", f"-I{DEPS}/m32/include"]
SODIUM_FLAGS += ["-I", str(SODIUM / "include/sodium"), "-w"]
SODIUM_FOLDERS = ["crypto_aead", "crypto_box", "crypto_core", "crypto_hash", "crypto_onetimeauth", "crypto_scalarmult"]
SODIUM_FOLDERS += ["crypto_secretbox", "crypto_stream", "crypto_verify", "sodium/utils.c", "sodium/core.c"]


@dataclass(frozen=True)
class Unit:
    """A source, and the object that it becomes; the object's first folder says what it belongs to."""

    source: Path
    target: Path
    flags: tuple[str, ...]


def compiler() -> list[str]:
    """Give the command that compiles C++ for the chip."""
    headers = BUILD / "headers"
    headers.mkdir(parents=True, exist_ok=True)
    for header, text in STAND_INS.items():
        (headers / header).parent.mkdir(exist_ok=True)
        (headers / header).write_text(f"#pragma once\n{text}\n")
    return [PREFIX + "g++", *CHIP, *(f"-isystem{folder}" for folder in (str(headers), *CXX_HEADERS))]


def units() -> list[Unit]:
    """Everything that a firmware has of it, and the programs that stand for one."""
    out = []
    cxx = (*compiler(), *CORE_FLAGS)
    for source in sorted((CORE / "src/microlink").rglob("*.cpp")):
        name = source.relative_to(CORE / "src/microlink")
        if name.parts[0] != "port":
            out.append(Unit(source, BUILD / "core" / name.with_suffix(".o"), cxx))
    programs = sorted((CORE / "bench/size").glob("*.cpp"))
    out += [Unit(source, BUILD / "main" / f"{source.stem}.o", cxx) for source in programs]
    c = (PREFIX + "gcc", *CHIP, f"-isystem{C_HEADERS}")
    for source in sorted((MBEDTLS / "library").glob("*.c")):
        flags = (*c, f"-I{MBEDTLS}/include", f"-I{CORE}/src", TLS_CONFIG, "-w")
        out.append(Unit(source, BUILD / "mbedtls" / f"{source.stem}.o", flags))
    for folder in SODIUM_FOLDERS:
        for source in sorted((SODIUM / folder).rglob("*.c")) if not folder.endswith(".c") else [SODIUM / folder]:
            unique = str(source.relative_to(SODIUM)).replace("/", "_")
            out.append(Unit(source, BUILD / "sodium" / f"{unique}.o", (*c, *SODIUM_FLAGS)))
    return out


def port_units() -> list[Unit]:
    """The port of a chip, with lwIP's headers and those that stand for ESP-IDF's in the port's tests."""
    lwip = (CORE / "tests/port/esp_idf/fake_idf", DEPS / "src/lwip-2.2.1/src/include", CORE / "bench/rv32_node/lwip")
    flags = [*compiler(), *CORE_FLAGS, *(f"-isystem{folder}" for folder in lwip), f"-I{CORE}"]
    flags += ["-DESP_PLATFORM=1", "-DLWIP_TIMEVAL_PRIVATE=0", "-DFD_SETSIZE=256", "-includesys/time.h"]
    flags += ["-Wno-missing-field-initializers"]
    port = CORE / "src/microlink/port"
    sources = [*sorted((port / "chip").glob("*.cpp")), *sorted((port / "esp_idf").glob("*.cpp"))]
    sources += [port / name for name in ("lwip/overlay_netif.cpp", "lwip/tcpip_overlay.cpp", "posix/sockets.cpp")]
    return [Unit(source, BUILD / "port" / f"{source.parent.name}_{source.stem}.o", (*flags,)) for source in sources]


def run(command: list[str]) -> str:
    """Run a command and give what it printed; say what failed and stop otherwise."""
    environment = {**os.environ, "CCACHE_BASEDIR": str(ROOT), "CCACHE_NOHASHDIR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    if done.returncode != 0:
        sys.exit(f"{command[0]} … {command[-1]}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def compile_all(everything: list[Unit]) -> None:
    """Compile everything; ccache knows what has not changed."""
    cache = [shutil.which("ccache") or ""] if shutil.which("ccache") else []
    for folder in {unit.target.parent for unit in everything}:
        folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        jobs = [
            pool.submit(run, [*cache, *unit.flags, "-c", str(unit.source), "-o", str(unit.target)])
            for unit in everything
        ]
        for job in jobs:
            job.result()
