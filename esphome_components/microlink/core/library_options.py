# SPDX-License-Identifier: MIT
"""What the compiler is told for the core alone, depending on the processor. library.json names it as extraScript.

On RISC-V, registers are saved and restored by calls instead of by every function: a twelfth of the core's flash.
ESPHome hands the options of a library on to everything that includes its headers; the expression of CMake, in whose
file the option ends up, keeps it in the library. PlatformIO builds without CMake ("CC" is set then), and without this.
"""

# Whoever runs an extraScript gives it Import() and env, which no import statement can name.
Import("env")  # type: ignore[name-defined]  # noqa: F821 - see above

RISC_V = ("esp32c2", "esp32c3", "esp32c5", "esp32c6", "esp32c61", "esp32h2", "esp32p4")
ONLY_THE_LIBRARY = "$<STREQUAL:$<TARGET_PROPERTY:NAME>,${COMPONENT_LIB}>"

if "CC" not in env and env["BOARD_MCU"] in RISC_V:  # type: ignore[name-defined]  # noqa: F821 - see above
    env.Append(CPPFLAGS=[f"$<{ONLY_THE_LIBRARY}:-msave-restore>"])  # type: ignore[name-defined]  # noqa: F821 - see above
